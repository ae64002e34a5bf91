package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/evidence"
	"drawbridge/evidence/pack"
	"drawbridge/schema"
	"drawbridge/store"
)

// packFlags are what a pack is asked for by.
type packFlags struct {
	request evidence.Request
	from    string
	dir     string
}

func (p *packFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.request.Framework, "framework", "", "make a pack of evidence for "+strings.Join(evidence.Frameworks(), ", "))
	cmd.Flags().StringVar(&p.from, "from", "", "with --framework: first day (2026-01-31, in UTC) or moment (RFC 3339) of the period")
	cmd.Flags().StringVarP(&p.dir, "output", "o", "", "with --framework: folder to write, which is not there yet, or empty")
	cmd.Flags().StringVar(&p.request.Seed, "seed", "", "with --framework: what the samples are drawn by; without it, it follows from the log's head at the end of the period")
	cmd.Flags().BoolVar(&p.request.Pseudonyms, "pseudonyms", false, "with --framework: call people by pseudonyms")
}

// check reads the period, and refuses what goes with a framework where none is named.
func (p *packFlags) check(to string) error {
	if p.request.Framework == "" {
		if p.from != "" || p.dir != "" || p.request.Seed != "" || p.request.Pseudonyms {
			return fmt.Errorf("%w: --from, --output, --seed and --pseudonyms are of a pack of evidence: name its --framework", errUsage)
		}
		return nil
	}
	if _, err := evidence.FrameworkOf(p.request.Framework); err != nil {
		return fmt.Errorf("%w: --%w", errUsage, err)
	}
	if p.from == "" || to == "" || p.dir == "" {
		return fmt.Errorf("%w: a pack has a period and a folder: --from DAY --to DAY -o DIR", errUsage)
	}
	var err error
	p.request.From, p.request.To, err = period{from: p.from, to: to}.span(time.Time{}, 0)
	return err
}

// export makes a pack, which is there whole or not at all.
func (p *packFlags) export(ctx context.Context, a about, stdout io.Writer) (err error) {
	dir := filepath.Clean(p.dir)
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return hint(fmt.Errorf("%s: there is something in it, or it can not be written: %w", dir, err), "nothing is overwritten: name another folder, or empty that one")
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	making, err := os.MkdirTemp(filepath.Dir(dir), ".pack-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(making))
		}
	}()
	var m pack.Manifest
	c, err := a.client()
	switch {
	case err != nil:
		return err
	case c != nil:
		m, err = p.fetch(ctx, c, making)
	default:
		m, err = p.make(ctx, a, making)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(making, dir); err != nil {
		return err
	}
	rows, drawn := 0, 0
	for _, population := range m.Populations {
		rows, drawn = rows+population.Rows, drawn+population.Drawn
	}
	_, err = fmt.Fprintf(stdout, "%s: %s in %d tables, %d drawn; %d files; seed %s\n", dir, plural(rows, "row"), len(m.Populations), drawn, len(m.Files)+2, m.Seed)
	return err
}

// make makes a pack of a bridge that is stopped. Its log is signed to the end first:
// one that crashed has a tail that is not.
func (p *packFlags) make(ctx context.Context, a about, dir string) (m pack.Manifest, err error) {
	if err := a.signedWhole(ctx); err != nil {
		return m, err
	}
	err = a.read(func(s stopped) error {
		signer, err := bridge.Signer(ctx, s.cfg.Audit, s.store)
		if err != nil {
			return err
		}
		prepared, err := evidence.Prepare(ctx, evidence.Maker{Store: s.store, Signer: signer}, p.request)
		if err != nil {
			return err
		}
		m, err = prepared.Write(ctx, dir)
		return err
	})
	return m, err
}

// signedWhole has the log of a stopped bridge signed to its end.
func (a *about) signedWhole(ctx context.Context) error {
	if err := a.signed(ctx); err != nil {
		return err
	}
	whole := false
	err := a.read(func(s stopped) error {
		return s.store.View(ctx, func(r store.Reader) error {
			size, err := store.LogSize(r)
			if err != nil {
				return err
			}
			for _, err := range store.CheckpointsFrom(r, size) {
				whole = err == nil
				return err
			}
			return nil
		})
	})
	if err != nil || whole {
		return err
	}
	return a.change(func(s stopped) error { return bridge.Sign(ctx, s.cfg.Audit, s.store) })
}

// fetch has a running bridge make a pack, and unpacks it.
func (p *packFlags) fetch(ctx context.Context, c *client, dir string) (m pack.Manifest, err error) {
	query := spanQuery(p.request.From, p.request.To, "seed", p.request.Seed)
	if p.request.Pseudonyms {
		query.Set("pseudonyms", strconv.FormatBool(true))
	}
	res, err := c.send(ctx, http.MethodGet, at("/api/v1/evidence/"+url.PathEscape(p.request.Framework), query), nil)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if err := unpack(tar.NewReader(res.Body), root); err != nil {
		return m, hint(fmt.Errorf("the pack did not come whole: %w", err), "the bridge's own log says why")
	}
	return pack.ReadManifest(root.FS())
}

// unpack writes the files of an archive below a folder, and nowhere else.
func unpack(in *tar.Reader, root *os.Root) error {
	for {
		head, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if head.Typeflag != tar.TypeReg || !fs.ValidPath(head.Name) {
			return fmt.Errorf("%q is no file of a pack: %w", head.Name, schema.ErrInvalid)
		}
		name := filepath.FromSlash(head.Name)
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, in)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
}

func auditPackCommand() *cobra.Command {
	var f format
	var keyFile string
	cmd := &cobra.Command{
		Use:   "verify-pack DIR --key KEYFILE",
		Short: "Check a pack of evidence with the log's public key, and nothing else",
		Long: "Checks that the manifest is signed and every file is as it says, that the checkpoints at both ends are signed and the\n" +
			"later continues the earlier, that each sample is what the seed draws, and that each row drawn says what the decisions say\n" +
			"that it rests on, which are proved to be in the log.",
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			verifier, err := readKey(keyFile)
			if err != nil {
				return err
			}
			if info, err := os.Stat(args[0]); err != nil || !info.IsDir() {
				return fmt.Errorf("%s is no folder with a pack: %w", args[0], schema.ErrNotFound)
			}
			report, err := pack.Verify(os.DirFS(args[0]), verifier)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return f.print(cmd.OutOrStdout(), report, func(out io.Writer) error {
				m := report.Manifest
				_, err := fmt.Fprintf(out, "verified: %s from %s to before %s, by %s: %d files, %s in %d tables, %d drawn by seed %s, %d decisions proved\n",
					m.Framework, moment(m.From), moment(m.To), report.Signer, report.Files, plural(report.Rows, "row"), report.Populations, report.Drawn, m.Seed, report.Proved)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&keyFile, "key", "", "file with the log's public key, from somewhere else than the pack")
	f.flag(cmd)
	return cmd
}
