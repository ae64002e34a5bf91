package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/configs"
)

func initCommand() *cobra.Command {
	var b configs.Beginning
	cmd := &cobra.Command{
		Use:   "init [DIR] --owner EMAIL --deputy EMAIL [--listen HOST:PORT]",
		Short: "Write a small bridge of your own into a folder: configuration, policy, tokens",
		Long: "Writes a configuration, a policy with everything but roles, and tokens that are made for it. Nothing is overwritten.\n" +
			"Every document is owned by one person and has a deputy: both have to be named, and to be people that a source tells of.",
		Example: "  drawbridge init mine --owner olga@example.com --deputy grace@example.com",
		Args:    between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if b.Owner == "" || b.Deputy == "" {
				return fmt.Errorf("%w: say who answers for it: --owner and --deputy, the email addresses of two people", errUsage)
			}
			b.Begun = time.Now()
			return begin(cmd.OutOrStdout(), b, filepath.Clean(cmp.Or(append(args, "")[0], ".")))
		},
	}
	cmd.Flags().StringVar(&b.Owner, "owner", "", "email address of who answers for everything, to begin with")
	cmd.Flags().StringVar(&b.Deputy, "deputy", "", "email address of who does when they are not there")
	cmd.Flags().StringVar(&b.Listen, "listen", "127.0.0.1:8080", "where the bridge listens")
	return cmd
}

// begin writes a bridge into a folder.
func begin(out io.Writer, b configs.Beginning, dir string) error {
	files, err := b.Write()
	if err != nil {
		return err
	}
	for _, name := range b.Secrets() {
		var token [32]byte
		if _, err := rand.Read(token[:]); err != nil {
			return err
		}
		files = append(files, configs.BegunFile{Path: name, What: "a token that was made now", Text: fmt.Appendf(nil, "%x\n", token)})
	}
	var rows [][]string
	for i := range files {
		files[i].Path = filepath.Join(dir, filepath.FromSlash(files[i].Path))
		if _, err := os.Lstat(files[i].Path); err == nil {
			return alreadyThere(files[i].Path)
		}
		rows = append(rows, []string{files[i].Path, files[i].What})
	}
	for _, f := range files {
		if err := writeNew(f.Path, f.Text); err != nil {
			return err
		}
	}
	if err := columns(out, rows); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "next: drawbridge serve --config %s\nthen: export %s=http://%s %s=$(cat %s)\n",
		filepath.Join(dir, "drawbridge.yaml"), serverVariable, b.Listen, tokenVariable, filepath.Join(dir, "secrets", "admin"))
	return err
}
