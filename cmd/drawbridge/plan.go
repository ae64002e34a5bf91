package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/cmd/drawbridge/internal/git"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

func planCommand() *cobra.Command {
	var a about
	var f planFormat
	var backup, out, ref string
	cmd := &cobra.Command{
		Use:   "plan DIR [--ref BRANCH] [--out FILE] [--format text|json|markdown] (--config FILE | --backup FILE | --server URL)",
		Short: "Say what a policy would change, for whom; nothing is touched",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			saved, err := planFolder(cmd.Context(), a, backup, args[0], ref)
			if err != nil {
				return err
			}
			if out != "" {
				if err := writePlan(out, saved); err != nil {
					return err
				}
			}
			if err := f.print(cmd.OutOrStdout(), saved.Plan); err != nil {
				return err
			}
			return refusedNow(saved.Plan, args[0])
		},
	}
	a.flags(cmd)
	cmd.Flags().StringVar(&backup, "backup", "", "file of a backup to plan against")
	cmd.Flags().StringVar(&ref, "ref", "", "plan the folder as it is at a branch, tag or commit of git, which is not checked out")
	cmd.Flags().StringVar(&out, "out", "", "file to keep the plan in, for policy propose and policy publish")
	f.flag(cmd)
	return cmd
}

// refusedNow is the answer to a policy that would take roles out of force: nobody
// new would get them, and who has them would be looked at no more.
func refusedNow(p access.Plan, dir string) error {
	var roles []string
	for _, r := range p.Refused {
		if r.News {
			roles = append(roles, r.Role)
		}
	}
	switch len(roles) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("role %s is in force and would be refused; drawbridge policy lint %s says why: %w", roles[0], dir, schema.ErrForbidden)
	}
	return fmt.Errorf("roles %s are in force and would be refused; drawbridge policy lint %s says why: %w", strings.Join(roles, ", "), dir, schema.ErrForbidden)
}

// planFolder plans the documents below a folder, and keeps them with the plan.
func planFolder(ctx context.Context, a about, backup, dir, ref string) (saved access.SavedPlan, err error) {
	to, err := readAt(ctx, dir, ref)
	if err != nil {
		return saved, err
	}
	if saved, err = planPolicy(ctx, a, backup, to.Draft); err != nil {
		return saved, err
	}
	saved.Files, saved.Commit, saved.Author = to.Draft.Files, to.commit, to.author
	saved.Evidence = to.evidence(ctx, saved.After)
	return saved, nil
}

// readAt reads the documents below a folder: as they are, or at a commit.
func readAt(ctx context.Context, dir, ref string) (to committed, err error) {
	if ref != "" {
		return gitFolder(ctx, dir, ref)
	}
	if err := isFolder(dir); err != nil {
		return to, err
	}
	to = committed{git: git.Repository{Dir: dir}, ref: "HEAD", below: "."}
	if to.Draft, err = bridge.ReadPolicy(os.DirFS(dir)); err != nil {
		return to, err
	}
	to.commit, to.author = git.Committed(ctx, dir)
	return to, nil
}

func planPolicy(ctx context.Context, a about, backup string, to *bridge.Policy) (saved access.SavedPlan, err error) {
	if backup != "" && a.config == "" && a.server == "" {
		return planBackup(ctx, backup, to.Book)
	}
	running, err := a.running()
	switch {
	case err != nil:
		return saved, err
	case backup != "":
		return saved, fmt.Errorf("%w: --backup stands alone", errUsage)
	case running:
		c, err := a.ask()
		if err != nil {
			return saved, err
		}
		return c.plan(ctx, map[string]any{"files": to.Files})
	}
	err = a.read(func(s stopped) error {
		saved, err = planStore(ctx, s.store, to.Book)
		return err
	})
	return saved, err
}

func planBackup(ctx context.Context, path string, to *policy.Book) (saved access.SavedPlan, err error) {
	if err := thereIs(path); err != nil {
		return saved, err
	}
	engine, err := bolt.Open(path, bolt.Options{ReadOnly: true})
	if err != nil {
		return saved, err
	}
	s, err := store.Open(engine)
	if err != nil {
		return saved, err
	}
	saved, err = planStore(ctx, s, to)
	return saved, errors.Join(err, s.Close())
}

// planStore plans against the policy that the store was last run under.
func planStore(ctx context.Context, s *store.Store, to *policy.Book) (access.SavedPlan, error) {
	var from *policy.Book
	p, err := bridge.InForce(ctx, s)
	switch {
	case err == nil:
		from = p.Book
	case !errors.Is(err, schema.ErrNotFound):
		return access.SavedPlan{}, err
	}
	return access.SavePlan(ctx, s, from, to)
}

// writePlan keeps a plan in a file of its own, which only its owner can read: it names
// people.
func writePlan(path string, saved access.SavedPlan) error {
	text, err := json.MarshalIndent(saved, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

// readPlan reads a plan that was kept.
func readPlan(path string) (saved access.SavedPlan, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return saved, fmt.Errorf("plan: %w", err)
	}
	if err := json.Unmarshal(text, &saved); err != nil || saved.Plan.Hash == "" || len(saved.Files) == 0 {
		return saved, hint(fmt.Errorf("%s is no plan that was kept: %w", path, schema.ErrInvalid), "drawbridge policy plan DIR --out FILE makes one")
	}
	return saved, nil
}
