package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

func planCommand() *cobra.Command {
	var a about
	var f format
	var backup string
	cmd := &cobra.Command{
		Use:   "plan DIR (--config FILE | --backup FILE | --server URL)",
		Short: "Say what a policy would change, for whom; nothing is touched",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			plan, err := planPolicy(cmd.Context(), a, backup, args[0])
			if err != nil {
				return err
			}
			if err := f.print(cmd.OutOrStdout(), plan, planned(plan)); err != nil {
				return err
			}
			return refusedNow(plan, args[0])
		},
	}
	a.flags(cmd)
	cmd.Flags().StringVar(&backup, "backup", "", "file of a backup to plan against")
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

func planPolicy(ctx context.Context, a about, backup, dir string) (plan access.Plan, err error) {
	if err := isFolder(dir); err != nil {
		return plan, err
	}
	to, err := bridge.ReadPolicy(os.DirFS(dir))
	if err != nil {
		return plan, err
	}
	if backup != "" && a.config == "" && a.server == "" {
		return planBackup(ctx, backup, to.Book)
	}
	running, err := a.running()
	switch {
	case err != nil:
		return plan, err
	case backup != "":
		return plan, fmt.Errorf("%w: --backup stands alone", errUsage)
	case running:
		c, err := a.ask()
		if err != nil {
			return plan, err
		}
		return c.plan(ctx, to.Files)
	}
	err = a.read(func(s stopped) error {
		plan, err = planStore(ctx, s.store, to.Book)
		return err
	})
	return plan, err
}

func planBackup(ctx context.Context, path string, to *policy.Book) (plan access.Plan, err error) {
	if err := thereIs(path); err != nil {
		return plan, err
	}
	engine, err := bolt.Open(path, bolt.Options{ReadOnly: true})
	if err != nil {
		return plan, err
	}
	s, err := store.Open(engine)
	if err != nil {
		return plan, err
	}
	plan, err = planStore(ctx, s, to)
	return plan, errors.Join(err, s.Close())
}

// planStore plans against the policy that the store was last run under.
func planStore(ctx context.Context, s *store.Store, to *policy.Book) (access.Plan, error) {
	var from *policy.Book
	p, err := bridge.InForce(ctx, s)
	switch {
	case err == nil:
		from = p.Book
	case !errors.Is(err, schema.ErrNotFound):
		return access.Plan{}, err
	}
	return access.PlanPolicy(ctx, s, from, to)
}

// planned writes a plan: the sums first, then what is alike, then for whom.
func planned(p access.Plan) func(io.Writer) error {
	return func(out io.Writer) error {
		from := "no policy"
		if p.From != "" {
			from = "policy " + short(p.From)
		}
		fmt.Fprintf(out, "from %s to %s: of %s, %d would gain or lose something\n", from, short(p.To), people(p.Identities), p.Affected)
		fmt.Fprintf(out, "%s, %s, %d changed in reason or mode, %d held back, %d undecided\n",
			plural(p.Grants, "grant"), plural(p.Revocations, "revocation"), p.Remodes, p.Holds, p.Undecided)
		if p.Pending > 0 {
			fmt.Fprintf(out, "%d of them would happen anyway: the policy in force is about to make them\n", p.Pending)
		}
		if err := planTotals(out, p); err != nil {
			return err
		}
		planWarnings(out, p)
		_, err := fmt.Fprintln(out, "nothing was touched")
		return err
	}
}

func people(n int) string {
	if n == 1 {
		return "1 identity"
	}
	return fmt.Sprintf("%d identities", n)
}

func planTotals(out io.Writer, p access.Plan) error {
	var rows [][]string
	for _, t := range p.Totals {
		rows = append(rows, []string{string(t.Change), fmt.Sprint(t.Lines), t.Role, orDash(t.Entitlement), string(t.Mode), t.Reason})
	}
	if len(rows) > 0 {
		fmt.Fprintln(out)
		if err := table(out, "change for role entitlement mode because", rows); err != nil {
			return err
		}
	}
	rows = nil
	for _, l := range p.Lines {
		ref := "-"
		if l.Connector != "" {
			ref = l.Connector + "/" + l.Entitlement
		}
		rows = append(rows, []string{l.UserName, string(l.Change), ref, strings.Join(l.Roles, ", "), l.Reason})
	}
	if len(rows) > 0 {
		fmt.Fprintln(out)
		if err := table(out, "who change entitlement roles because", rows); err != nil {
			return err
		}
	}
	if p.More > 0 {
		fmt.Fprintf(out, "and %s more\n", plural(p.More, "line"))
	}
	if len(rows) > 0 {
		fmt.Fprintln(out)
	}
	return nil
}

func planWarnings(out io.Writer, p access.Plan) {
	for _, r := range p.Refused {
		news := ""
		if r.News {
			news = ", which is in force now"
		}
		fmt.Fprintf(out, "refused: role %s%s (%s)\n", r.Role, news, strings.Join(r.Codes, ", "))
	}
	for _, role := range slices.Sorted(maps.Keys(p.Quarantined)) {
		fmt.Fprintf(out, "quarantined: role %s: %s\n", role, p.Quarantined[role])
	}
	for _, m := range p.Modes {
		fmt.Fprintf(out, "mode: connector %s %s; %s kept from it\n", m.Connector, becomes(m), plural(m.Suppressed, "write"))
	}
	for _, b := range p.Brakes {
		if b.Exceeded {
			fmt.Fprintf(out, "brake: %s would be exceeded: %d lines, %.1f%% of those held (limits: %d, %g%%)\n", b.Name, b.Lines, b.Share, b.Count, b.Percent)
		}
	}
}

// becomes says what happens to a connector's mode.
func becomes(m access.PlanMode) string {
	switch {
	case m.To == "":
		return fmt.Sprintf("is in mode %s now, and its document is gone", m.From)
	case m.From == "":
		return fmt.Sprintf("is new, in mode %s", m.To)
	case m.From == m.To:
		return fmt.Sprintf("stays in mode %s", m.To)
	}
	return fmt.Sprintf("goes from %s to %s", m.From, m.To)
}
