package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/access/nhi"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

func nhiCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "nhi", Short: "Machine identities: who answers for them, how they prove themselves, what they are at risk of"}
	cmd.AddCommand(
		nhiListCommand(), nhiShowCommand("show", "Say how a machine identity stands", machineText),
		nhiShowCommand("credentials", "List the credentials of a machine identity and their ages", credentialsText),
		nhiReportCommand(), nhiAssignCommand(), nhiRotatedCommand(), nhiSettleCommand(),
		nhiDecideCommand("stop", "Take everything from a machine identity until it is started again", access.Stop),
		nhiDecideCommand("start", "Give a machine identity back what it was stopped from", access.Start),
	)
	return cmd
}

func nhiListCommand() *cobra.Command {
	var a about
	var f format
	var risk, owner string
	cmd := &cobra.Command{
		Use:   "list [--risk NHI1:2025] [--owner USER] (--config FILE | --server URL)",
		Short: "List the machine identities",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := listMachines(cmd.Context(), a, risk, owner)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
				var rows [][]string
				for _, v := range all {
					rows = append(rows, []string{
						v.UserName, string(v.Kind), orDash(v.Environment), ownerText(v), fmt.Sprint(len(v.Holds)), fmt.Sprint(len(v.Credentials)), orDash(risksOf(v)),
					})
				}
				return table(out, "machine kind environment owner holds credentials risks", rows)
			})
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&risk, "risk", "", "only those at this risk, as in NHI1:2025")
	cmd.Flags().StringVar(&owner, "owner", "", "only those of this owner")
	return cmd
}

// ownerText names who answers for a machine, and says whether they are there.
func ownerText(v nhi.MachineView) string {
	if v.OwnerIs == "here" {
		return v.Owner
	}
	return cmp.Or(v.Owner, "nobody") + " (" + v.OwnerIs + ")"
}

// risksOf names the risks that a machine is at, each once.
func risksOf(v nhi.MachineView) string {
	var ids []string
	for _, id := range policy.RiskIDs() {
		if api.MachineIs(v, string(id), "") {
			ids = append(ids, strings.TrimSuffix(string(id), ":2025"))
		}
	}
	return strings.Join(ids, ",")
}

func listMachines(ctx context.Context, a about, risk, owner string) (all []nhi.MachineView, err error) {
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	if c != nil {
		query := url.Values{}
		for name, value := range map[string]string{"risk": risk, "owner": owner} {
			if value != "" {
				query.Set(name, value)
			}
		}
		return pages[nhi.MachineView](ctx, c, "/api/v1/nhi", query, mostListed)
	}
	all = []nhi.MachineView{}
	err = a.look(ctx, func(r store.Reader, book *policy.Book) error {
		for v, err := range nhi.All(r, book) {
			if err != nil {
				return err
			}
			if api.MachineIs(v, risk, owner) && len(all) < mostListed {
				all = append(all, v)
			}
		}
		return nil
	})
	return all, err
}

// look reads the store of a stopped bridge by the policy that was in force.
func (a *about) look(ctx context.Context, fn func(store.Reader, *policy.Book) error) error {
	return a.read(func(s stopped) error {
		rules, err := s.rules(ctx)
		if err != nil {
			return err
		}
		return s.store.View(ctx, func(r store.Reader) error { return fn(r, rules.Book()) })
	})
}

func nhiShowCommand(name, short string, text func(nhi.MachineView) func(io.Writer) error) *cobra.Command {
	var a about
	var f format
	cmd := &cobra.Command{
		Use:   name + " MACHINE (--config FILE | --server URL)",
		Short: short,
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := showMachine(cmd.Context(), a, args[0])
			if err != nil {
				return err
			}
			var shown any = v
			if name == "credentials" {
				shown = v.Credentials
			}
			return f.print(cmd.OutOrStdout(), shown, text(v))
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	return cmd
}

func showMachine(ctx context.Context, a about, name string) (v nhi.MachineView, err error) {
	c, err := a.client()
	if err != nil {
		return v, err
	}
	if c != nil {
		err = c.call(ctx, http.MethodGet, "/api/v1/nhi/"+url.PathEscape(name), nil, &v)
		return v, err
	}
	err = a.look(ctx, func(r store.Reader, book *policy.Book) error {
		id, err := access.FindMachine(r, name)
		if err == nil {
			v, err = nhi.View(r, book, id.ID)
		}
		return err
	})
	return v, err
}

func nhiAssignCommand() *cobra.Command {
	var owner, deputy string
	cmd := nhiChange("assign MACHINE --owner USER [--deputy USER]", "Say who answers for a machine identity from now on", func(name string) decision {
		return decision{
			path: name + "/assign", body: map[string]any{"owner": owner, "deputy": deputy},
			verb: func(tx store.Tx, book *policy.Book, c access.MachineChange) (schema.Machine, error) {
				return access.Assign(tx, book, c, owner, deputy)
			},
		}
	})
	cmd.Flags().StringVar(&owner, "owner", "", "a person who is there: an id, a userName or an email address")
	cmd.Flags().StringVar(&deputy, "deputy", "", "who does when the owner leaves; left out: whom the register names")
	return cmd
}

func nhiRotatedCommand() *cobra.Command {
	var credential string
	cmd := nhiChange("rotated MACHINE --credential NAME", "Say that a credential of a machine identity was changed", func(name string) decision {
		return decision{
			path: name + "/rotated", body: map[string]any{"credential": credential},
			verb: func(tx store.Tx, book *policy.Book, c access.MachineChange) (schema.Machine, error) {
				return access.Rotated(tx, book, c, credential, time.Time{})
			},
		}
	})
	cmd.Flags().StringVar(&credential, "credential", "", "its name in the register")
	return cmd
}

func nhiSettleCommand() *cobra.Command {
	var risk string
	cmd := nhiChange("settle MACHINE --risk NHI10:2025", "Answer that a person signed in as a machine (NHI10:2025), or that a third party's was looked at (NHI3:2025)", func(name string) decision {
		return decision{
			path: name + "/settle", body: map[string]any{"risk": risk},
			verb: func(tx store.Tx, book *policy.Book, c access.MachineChange) (schema.Machine, error) {
				return access.Settle(tx, book, c, policy.RiskID(risk))
			},
		}
	})
	cmd.Flags().StringVar(&risk, "risk", "", "NHI3:2025 or NHI10:2025")
	return cmd
}

func nhiDecideCommand(name, short string, verb func(store.Tx, *policy.Book, access.MachineChange) (schema.Machine, error)) *cobra.Command {
	return nhiChange(name+" MACHINE", short, func(machine string) decision {
		return decision{path: machine + "/" + name, body: map[string]any{}, verb: verb}
	})
}

// A decision is one about a machine identity: as a running bridge is told of it, and as
// it is made on the store of one that is stopped.
type decision struct {
	path string
	body map[string]any
	verb func(store.Tx, *policy.Book, access.MachineChange) (schema.Machine, error)
}

// nhiChange makes a command that decides about a machine identity.
func nhiChange(use, short string, made func(machine string) decision) *cobra.Command {
	var w who
	var f format
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   use + " --reason WHY [--dry-run] (--config FILE [--as USER] | --server URL)",
		Short: short,
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return fmt.Errorf("%w: --reason says why, for the decision log", errUsage)
			}
			v, err := made(url.PathEscape(args[0])).make(cmd.Context(), &w, args[0], reason, dryRun)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), v, machineText(v))
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the decision log")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would happen, and do nothing")
	return cmd
}

func (d decision) make(ctx context.Context, w *who, name, reason string, dryRun bool) (v nhi.MachineView, err error) {
	c, err := w.client()
	if err != nil {
		return v, err
	}
	if c != nil {
		d.body["reason"] = reason
		err = c.call(ctx, http.MethodPost, dry("/api/v1/nhi/"+d.path, dryRun), d.body, &v)
		return v, err
	}
	err = w.on(ctx, dryRun, func(tx store.Tx, book *policy.Book, by access.Decider) error {
		id, err := access.FindMachine(tx, name)
		if err != nil {
			return err
		}
		if _, err := d.verb(tx, book, access.MachineChange{Identity: id.ID, By: by, Reason: reason}); err != nil {
			return err
		}
		v, err = nhi.View(tx, book, id.ID)
		v.DryRun = dryRun
		return err
	})
	return v, err
}
