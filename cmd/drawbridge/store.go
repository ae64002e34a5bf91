package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// errDamaged is the answer to a store that is not as it should be.
var errDamaged = errors.New("the store is not as it should be")

func storeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "store", Short: "Back up, restore, check and compact what a bridge knows"}
	cmd.AddCommand(storeBackupCommand(), storeRestoreCommand(), storeCheckCommand(), storeCompactCommand(), storeDisownCommand())
	return cmd
}

func storeBackupCommand() *cobra.Command {
	var a about
	cmd := &cobra.Command{
		Use:   "backup FILE (--config FILE | --server URL)",
		Short: "Write a snapshot of the store, also while the bridge runs",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return backUp(cmd.Context(), a, args[0], cmd.OutOrStdout())
		},
	}
	a.flags(cmd)
	return cmd
}

func backUp(ctx context.Context, a about, path string, stdout io.Writer) error {
	running, err := a.running()
	if err != nil {
		return err
	}
	if running {
		c, err := a.ask()
		if err != nil {
			return err
		}
		return writeTo(path, stdout, func(out io.Writer) error { return c.backup(ctx, out) })
	}
	return a.read(func(s stopped) error {
		return writeTo(path, stdout, func(out io.Writer) error { return s.store.Backup(ctx, out) })
	})
}

func storeRestoreCommand() *cobra.Command {
	var a about
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "restore FILE --config FILE [--dry-run]",
		Short: "Make the store of a backup; one that is there already is left alone",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.configuration()
			if err != nil {
				return err
			}
			if err := restore(cmd.Context(), cfg.Store.Path, args[0], dryRun); err != nil {
				return err
			}
			did := "restored"
			if dryRun {
				did = "would be restored"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s from %s\n", cfg.Store.Path, did, args[0])
			return err
		},
	}
	a.configFlag(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "check the backup and touch nothing")
	return cmd
}

// restore makes a store of a backup that was found to be in order.
func restore(ctx context.Context, path, backup string, dryRun bool) error {
	if _, err := os.Stat(path); err == nil {
		return hint(fmt.Errorf("store %s is there already: %w", path, schema.ErrConflict), "move it away first: nothing is overwritten")
	}
	report, err := checkFile(ctx, backup)
	if err != nil {
		return err
	}
	if !report.OK() {
		return hint(fmt.Errorf("backup %s: %w: %s", backup, errDamaged, plural(len(report.Faults)+report.More, "fault")), "drawbridge store check %s lists them", backup)
	}
	if dryRun {
		return nil
	}
	in, err := os.Open(backup)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() { _ = in.Close() }() // it was only read
	return bolt.Restore(ctx, path, in)
}

func checkFile(ctx context.Context, path string) (report store.CheckReport, err error) {
	if err := thereIs(path); err != nil {
		return report, err
	}
	engine, err := bolt.Open(path, bolt.Options{ReadOnly: true})
	if err != nil {
		return report, err
	}
	s, err := store.Open(engine)
	if err != nil {
		return report, err
	}
	report, err = s.Check(ctx)
	return report, errors.Join(err, s.Close())
}

func storeCompactCommand() *cobra.Command {
	var a about
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "compact --config FILE [--dry-run]",
		Short: "Write the store of a stopped bridge anew, without what was deleted from it",
		Long: "What is deleted stays readable in the file until its place is used again. After an erasure, or after\n" +
			"much was pruned, this leaves nothing of it there, and the file as small as it can be. Backups that were\n" +
			"made before have it still.",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.configuration()
			if err != nil {
				return err
			}
			path := cfg.Store.Path
			before, err := os.Stat(path)
			if err != nil {
				return fmt.Errorf("store: %w", err)
			}
			if dryRun {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %d bytes would be written anew\n", path, before.Size())
				return err
			}
			if err := bolt.Compact(cmd.Context(), path); err != nil {
				return err
			}
			after, err := os.Stat(path)
			if err != nil {
				return fmt.Errorf("store: %w", err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d bytes, and were %d\n", path, after.Size(), before.Size())
			return err
		},
	}
	a.configFlag(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say how much would be written, and do nothing")
	return cmd
}

func storeCheckCommand() *cobra.Command {
	var a about
	var f format
	cmd := &cobra.Command{
		Use:   "check (FILE | --config FILE)",
		Short: "Make every index, count and the log's tree anew, and compare",
		Args:  between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if len(args) == 1 == (a.config != "") {
				return fmt.Errorf("%w: name a file, or the configuration of a stopped bridge with --config", errUsage)
			}
			var report store.CheckReport
			if len(args) == 1 {
				report, err = checkFile(cmd.Context(), args[0])
			} else {
				err = a.read(func(s stopped) error {
					report, err = s.store.Check(cmd.Context())
					return err
				})
			}
			if err != nil {
				return err
			}
			return printCheck(cmd.OutOrStdout(), f, report)
		},
	}
	a.configFlag(cmd)
	f.flag(cmd)
	return cmd
}

func printCheck(out io.Writer, f format, r store.CheckReport) error {
	type fault struct{ Table, Key, Problem string }
	answer := struct {
		OK           bool    `json:"ok"`
		Records      int64   `json:"records"`
		IndexEntries int64   `json:"indexEntries"`
		Items        int64   `json:"items"`
		Decisions    int64   `json:"decisions"`
		Faults       []fault `json:"faults"`
		More         int     `json:"more,omitempty"`
	}{r.OK(), r.Records, r.IndexEntries, r.Items, r.Decisions, []fault{}, r.More}
	for _, x := range r.Faults {
		answer.Faults = append(answer.Faults, fault(x))
	}
	err := f.print(out, answer, func(out io.Writer) error {
		for _, x := range r.Faults {
			fmt.Fprintln(out, x)
		}
		if r.More > 0 {
			fmt.Fprintf(out, "and %d more\n", r.More)
		}
		_, err := fmt.Fprintf(out, "%d records, %d index entries, %d items of work, %d decisions: %s\n",
			r.Records, r.IndexEntries, r.Items, r.Decisions, plural(len(r.Faults)+r.More, "fault"))
		return err
	})
	if err == nil && !r.OK() {
		return errDamaged
	}
	return err
}
