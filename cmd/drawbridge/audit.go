package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"drawbridge/audit"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/schema"
	"drawbridge/store"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Prove what was decided"}
	cmd.AddCommand(auditVerifyCommand(), auditExportCommand(), auditProofCommand(), auditPackCommand())
	cmd.AddCommand(auditSearchCommand(), auditReplayCommand(), auditForgetCommand())
	return cmd
}

func auditVerifyCommand() *cobra.Command {
	var a about
	var f format
	var keyFile string
	var known []string
	var anchors string
	cmd := &cobra.Command{
		Use:   "verify (FILE --key KEYFILE | --config FILE)",
		Short: "Check the decision log: an export, or the proof of one decision, with the public key alone; or a stopped bridge's own",
		Long: "Hashes every entry again and compares with what was signed. A checkpoint that was kept elsewhere\n" +
			"(--checkpoint) also shows whether the log was cut or rewritten since.",
		Args: between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && a.config != "" || len(args) == 0 && a.config == "" {
				return fmt.Errorf("%w: name an exported file, or the configuration of a stopped bridge with --config", errUsage)
			}
			if len(args) == 1 {
				if p, ok := proofIn(args[0]); ok {
					return printProof(cmd.OutOrStdout(), f, p, args[0], keyFile)
				}
			}
			checkpoints, err := readAll(known)
			if err != nil {
				return err
			}
			if anchors != "" {
				heads, err := readAnchors(a, anchors, keyFile)
				if err != nil {
					return err
				}
				checkpoints = append(checkpoints, heads...)
			}
			var report audit.Report
			var verifier note.Verifier
			if len(args) == 1 {
				report, verifier, err = verifyExport(args[0], keyFile, checkpoints)
			} else {
				report, verifier, err = verifyStore(cmd.Context(), a, keyFile, checkpoints)
			}
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), verified{report.Entries, report.Checkpoint.Size, report.Pruned, report.Checkpoints, verifier.Name()}, func(out io.Writer) error {
				_, err := fmt.Fprintf(out, "verified: %d entries are what %s signed%s\n", report.Checkpoint.Size, verifier.Name(), unsigned(report))
				return err
			})
		},
	}
	a.configFlag(cmd)
	cmd.Flags().StringVar(&keyFile, "key", "", "file with the log's public key; with --config, the one beside the signing key")
	cmd.Flags().StringVar(&anchors, "anchors", "", "file to which checkpoints were anchored (audit: anchorFile)")
	cmd.Flags().StringArrayVar(&known, "checkpoint", nil, "file of a checkpoint that was kept elsewhere")
	f.flag(cmd)
	return cmd
}

// verified is the answer of a log that is what was signed.
type verified struct {
	Entries     int64  `json:"entries"`
	Signed      int64  `json:"signed"`
	Pruned      int64  `json:"pruned"`
	Checkpoints int    `json:"checkpoints"`
	Signer      string `json:"signer"`
}

func unsigned(r audit.Report) (words string) {
	if r.Pruned > 0 {
		words = fmt.Sprintf("; %d of them were pruned, and only their hashes are left", r.Pruned)
	}
	if more := r.Entries - r.Checkpoint.Size; more > 0 {
		words += fmt.Sprintf("; %d newer ones are not signed yet", more)
	}
	return words
}

// readAnchors reads what was anchored in a file.
func readAnchors(a about, file, keyFile string) ([][]byte, error) {
	if keyFile == "" && a.config != "" {
		cfg, err := a.configuration()
		if err != nil {
			return nil, err
		}
		keyFile = bridge.PublicKeyFile(cfg.Audit.Key)
	}
	verifier, err := readKey(keyFile)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("anchors: %w", err)
	}
	heads, err := audit.Anchored(text, verifier)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return heads, nil
}

func readAll(files []string) (texts [][]byte, err error) {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("checkpoint: %w", err)
		}
		texts = append(texts, text)
	}
	return texts, nil
}

func readKey(file string) (note.Verifier, error) {
	if file == "" {
		return nil, fmt.Errorf("%w: --key names the file with the log's public key", errUsage)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, hint(fmt.Errorf("public key %s: %w", file, err), "it is the file that ends in .pub, beside the bridge's signing key")
	}
	return verifier, nil
}

func verifyExport(file, keyFile string, known [][]byte) (audit.Report, note.Verifier, error) {
	verifier, err := readKey(keyFile)
	if err != nil {
		return audit.Report{}, nil, err
	}
	in, err := os.Open(file)
	if err != nil {
		return audit.Report{}, nil, fmt.Errorf("exported log: %w", err)
	}
	defer func() { _ = in.Close() }() // it was only read
	report, err := audit.VerifyExport(in, verifier, known...)
	if err != nil {
		return report, verifier, fmt.Errorf("%s: %w", file, err)
	}
	return report, verifier, nil
}

func verifyStore(ctx context.Context, a about, keyFile string, known [][]byte) (report audit.Report, verifier note.Verifier, err error) {
	err = a.read(func(s stopped) error {
		if keyFile == "" {
			keyFile = bridge.PublicKeyFile(s.cfg.Audit.Key)
		}
		if verifier, err = readKey(keyFile); err != nil {
			return err
		}
		return s.store.View(ctx, func(r store.Reader) error {
			signed, err := store.Checkpoint(r)
			if err != nil {
				return fmt.Errorf("the log was never signed: %w", err)
			}
			report, err = audit.Verify(store.Leaves(r), verifier, signed, known...)
			return err
		})
	})
	return report, verifier, err
}

func auditExportCommand() *cobra.Command {
	var a about
	var to string
	var p packFlags
	cmd := &cobra.Command{
		Use:   "export [--to FILE | --framework NAME --from DAY --to DAY -o DIR] (--config FILE | --server URL)",
		Short: "Write the decision log with its signatures, as JSON Lines that anybody can verify; or a pack of evidence",
		Long: "With --framework it writes a pack: what an auditor asks of that framework's controls, of a period, with samples and\n" +
			"proofs, into a folder. drawbridge audit verify-pack checks it where there is nothing but the folder and the public key.",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			running, err := a.running()
			if err != nil {
				return err
			}
			if err := p.check(to); err != nil {
				return err
			}
			if p.request.Framework != "" {
				return p.export(cmd.Context(), a, cmd.OutOrStdout())
			}
			return writeTo(to, cmd.OutOrStdout(), func(out io.Writer) error {
				if running {
					c, err := a.ask()
					if err != nil {
						return err
					}
					return c.export(cmd.Context(), out)
				}
				if err := a.signed(cmd.Context()); err != nil {
					return err
				}
				return a.read(func(s stopped) error { return export(cmd.Context(), s.store, out) })
			})
		},
	}
	a.flags(cmd)
	cmd.Flags().StringVar(&to, "to", "", "file to write, stdout if it is left out; with --framework, the day, or moment, before which the period ends")
	p.flags(cmd)
	return cmd
}

// signed has the log of a stopped bridge signed if it never was, as of one that
// crashed when it was young.
func (a *about) signed(ctx context.Context) error {
	never := false
	err := a.read(func(s stopped) error {
		return s.store.View(ctx, func(r store.Reader) error {
			_, err := store.Checkpoint(r)
			if never = errors.Is(err, schema.ErrNotFound); never {
				return nil
			}
			return err
		})
	})
	if err != nil || !never {
		return err
	}
	return a.change(func(s stopped) error {
		if _, err := os.Stat(s.cfg.Audit.Key); err != nil {
			return hint(fmt.Errorf("the log was never signed, and its key is not there: %w", err), "start the bridge: it makes a key and signs")
		}
		return bridge.Sign(ctx, s.cfg.Audit, s.store)
	})
}

func export(ctx context.Context, s *store.Store, out io.Writer) error {
	// Nobody waits for this snapshot to end: the bridge is stopped.
	return s.View(ctx, func(r store.Reader) error { return audit.Export(out, store.Leaves(r), store.Checkpoints(r)) })
}

// writeTo writes to a file, which is there whole or not at all, and says so; or to
// stdout.
func writeTo(path string, stdout io.Writer, write func(io.Writer) error) (err error) {
	if path == "" {
		return write(stdout)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return hint(err, "nothing is overwritten: name another file, or move that one")
	}
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s: %d bytes\n", path, info.Size())
	return err
}

// thereIs reports a file that is not there.
func thereIs(path string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
