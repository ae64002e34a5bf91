package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"drawbridge/audit"
	"drawbridge/schema"
	"drawbridge/store"
)

func auditProofCommand() *cobra.Command {
	var a about
	var to string
	cmd := &cobra.Command{
		Use:   "proof NUMBER [--to FILE] (--config FILE | --server URL)",
		Short: "Write one decision, by its number, with the proof that it is in the signed log",
		Long: "Whoever is given the file needs the log's public key and nothing else of the log:\n" +
			"drawbridge audit verify FILE --key KEYFILE.",
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || seq < 0 {
				return fmt.Errorf("%w: %q is no number of a decision; they count from 0", errUsage, args[0])
			}
			p, err := prove(cmd.Context(), a, seq)
			if err != nil {
				return err
			}
			return writeTo(to, cmd.OutOrStdout(), func(out io.Writer) error {
				enc := json.NewEncoder(out)
				enc.SetIndent("", "  ")
				return enc.Encode(p)
			})
		},
	}
	a.flags(cmd)
	cmd.Flags().StringVar(&to, "to", "", "file to write; stdout if it is left out")
	return cmd
}

func prove(ctx context.Context, a about, seq int64) (p audit.Inclusion, err error) {
	c, err := a.client()
	if err != nil {
		return p, err
	}
	if c != nil {
		return c.prove(ctx, seq)
	}
	err = a.read(func(s stopped) error {
		return s.store.View(ctx, func(r store.Reader) error {
			p, err = store.Prove(r, seq)
			return err
		})
	})
	return p, err
}

// proofIn returns the proof of one decision that a file holds; ok is false if it
// is something else, such as an export.
func proofIn(file string) (p audit.Inclusion, ok bool) {
	in, err := os.Open(file)
	if err != nil {
		return p, false
	}
	defer func() { _ = in.Close() }() // it was only read
	err = json.NewDecoder(io.LimitReader(in, longestProof)).Decode(&p)
	return p, err == nil && p.Leaf != "" && p.Checkpoint != ""
}

// longestProof is how long a file of one decision and its proof may be; they are
// a few kilobytes.
const longestProof = 16 << 20

// proved is the answer of a decision that is in the log that was signed.
type proved struct {
	Seq      int64           `json:"seq"`
	Signed   int64           `json:"signed"`
	Signer   string          `json:"signer"`
	Decision schema.Decision `json:"decision"`
}

// printProof checks a proof with the public key, and says of what it is.
func printProof(out io.Writer, f format, p audit.Inclusion, file, keyFile string) error {
	verifier, err := readKey(keyFile)
	if err != nil {
		return err
	}
	c, d, err := p.Check(verifier)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return f.print(out, proved{p.Seq, c.Size, verifier.Name(), d}, func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "verified: entry %d of the %d that %s signed says: %s %s %s %s, by %s: %s\n",
			p.Seq, c.Size, verifier.Name(), moment(d.Time), d.Verb, d.Subject, d.Object, d.Actor, d.Reason)
		return err
	})
}
