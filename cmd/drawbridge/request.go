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
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

// requestCommands are what people ask for, and what others decide about it.
func requestCommands() []*cobra.Command {
	return []*cobra.Command{
		accessRequestCommand(), accessRequestsCommand(),
		decideRequest("approve", "Agree to a request; its last stage makes it a grant"),
		decideRequest("deny", "Refuse a request, which ends it"),
		decideRequest("withdraw", "Take a request back"),
	}
}

// who says as whom somebody works on the store of a stopped bridge, where no
// credential says it, unless they show a key.
type who struct {
	about
	as     string
	key    string // file of the token they were issued
	proven bool   // it takes a key
}

func (w *who) flags(cmd *cobra.Command) {
	w.about.flags(cmd)
	cmd.Flags().StringVar(&w.as, "as", "", "who you are, with --config: an id, a userName or an email address")
	cmd.Flags().StringVar(&w.key, "key", "", "a file with the token that you were issued, with --config: it says and proves who you are")
}

// client is the client of a running bridge, whose credential says who it is.
func (w *who) client() (*client, error) {
	c, err := w.about.client()
	if err == nil && c != nil && (w.as != "" || w.key != "") {
		return nil, fmt.Errorf("%w: --as and --key go with --config; a running bridge knows you by your token", errUsage)
	}
	return c, err
}

// decider is whoever works on the store of a stopped bridge, who may be a person
// that a source knows.
func (w *who) decider(s stopped, r store.Reader, book *policy.Book) (access.Decider, error) {
	switch {
	case w.key != "":
		return w.keyed(s, r, book)
	case w.proven:
		return access.Decider{}, wantsKey()
	}
	by := access.Decider{Actor: local(), Auth: api.AuthLocal}
	if w.as == "" {
		return by, nil
	}
	id, err := access.PersonOf(r, book, w.as)
	by.Identity = id.ID
	return by, err
}

// on changes the store of a stopped bridge as somebody.
func (w *who) on(ctx context.Context, dryRun bool, fn func(tx store.Tx, book *policy.Book, by access.Decider) error) error {
	return w.change(func(s stopped) error {
		rules, err := s.rules(ctx)
		if err != nil {
			return err
		}
		return s.try(ctx, dryRun, func(tx store.Tx) error {
			by, err := w.decider(s, tx, rules.Book())
			if err != nil {
				return err
			}
			return fn(tx, rules.Book(), by)
		})
	})
}

// An asked is what the command line says of a request.
type asked struct {
	Role     string    `json:"role"`
	Identity string    `json:"identity,omitempty"`
	Reason   string    `json:"reason"`
	Ticket   string    `json:"ticket,omitempty"`
	From     time.Time `json:"from,omitzero"`
	Until    time.Time `json:"until,omitzero"`
	Lasts    string    `json:"lasts,omitempty"`
}

func accessRequestCommand() *cobra.Command {
	var w who
	var f format
	var q asked
	var from, until string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "request ROLE --reason WHY [--for USER] [--ticket T] [--from TIME] [--lasts 4h | --until TIME] [--dry-run] (--config FILE --as USER | --server URL)",
		Short: "Ask for a role",
		Long:  "Asks for a role, for yourself or for somebody else. Times are written 2030-01-01T00:00:00Z.",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Role = args[0]
			if q.Reason == "" {
				return fmt.Errorf("%w: --reason says why, for those who decide", errUsage)
			}
			for text, t := range map[string]*time.Time{from: &q.From, until: &q.Until} {
				if text == "" {
					continue
				}
				var err error
				if *t, err = time.Parse(time.RFC3339, text); err != nil {
					return fmt.Errorf("%w: %q is no time, as in 2030-01-01T00:00:00Z", errUsage, text)
				}
			}
			r, err := ask(cmd.Context(), &w, q, dryRun)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), r, requestText(r))
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&q.Reason, "reason", "", "why, for those who decide and for the decision log")
	cmd.Flags().StringVar(&q.Identity, "for", "", "whom it is for; left out: yourself")
	cmd.Flags().StringVar(&q.Ticket, "ticket", "", "the ticket that it is for")
	cmd.Flags().StringVar(&from, "from", "", "when it is to begin; left out: once everybody agreed")
	cmd.Flags().StringVar(&until, "until", "", "when it is to end; left out: as the role says")
	cmd.Flags().StringVar(&q.Lasts, "lasts", "", "how long it is to last, as in 4h or 7d")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would happen, and do nothing")
	return cmd
}

func ask(ctx context.Context, w *who, q asked, dryRun bool) (v api.RequestView, err error) {
	c, err := w.client()
	if err != nil {
		return v, err
	}
	if c != nil {
		err = c.call(ctx, http.MethodPost, dry("/api/v1/requests", dryRun), q, &v)
		return v, err
	}
	a := access.Asking{Role: q.Role, Reason: q.Reason, Ticket: q.Ticket, From: q.From, Until: q.Until}
	if q.Lasts != "" {
		lasts, err := policy.ParseDuration(q.Lasts)
		if err != nil {
			return v, fmt.Errorf("%w: --lasts: %w", errUsage, err)
		}
		a.Lasts = time.Duration(lasts)
	}
	name := cmp.Or(q.Identity, w.as)
	if name == "" {
		return v, fmt.Errorf("%w: say who you are (--as), or whom it is for (--for)", errUsage)
	}
	err = w.on(ctx, dryRun, func(tx store.Tx, book *policy.Book, by access.Decider) error {
		id, err := access.FindCalled(tx, book, name)
		if err != nil {
			return err
		}
		a.By, a.Identity = by, id.ID
		asked, err := access.Request(tx, book, a)
		if err != nil {
			return err
		}
		v, err = api.ViewRequest(tx, book, asked)
		v.DryRun = dryRun
		return err
	})
	return v, err
}

func decideRequest(name, short string) *cobra.Command {
	return verb[api.RequestView]{things: "requests", thing: "request", name: name, short: short, text: requestText}.command()
}

// requestText says how a request stands, and what comes next.
func requestText(v api.RequestView) func(io.Writer) error {
	return func(out io.Writer) error {
		is := "is"
		if v.DryRun {
			is = "would be"
		}
		text := fmt.Sprintf("request %s of role %s for %s %s %s", v.ID, v.Role, nameOr(v.UserName, v.Identity), is, v.State)
		switch {
		case v.State == schema.RequestOpen && len(v.Deciders) > 0:
			text += fmt.Sprintf(": stage %d is for %s to decide, until %s", v.Stage+1, strings.Join(v.Deciders, ", "), moment(v.Due))
		case v.State == schema.RequestOpen:
			text += fmt.Sprintf(": nobody could decide about stage %d, until %s", v.Stage+1, moment(v.Due))
		case v.State == schema.RequestFulfilled:
			text += ": grant " + v.Grant
		default:
			text += ": " + v.Outcome
		}
		_, err := fmt.Fprintln(out, text)
		return err
	}
}

func accessRequestsCommand() *cobra.Command {
	var w who
	var f format
	var q requestQuery
	cmd := &cobra.Command{
		Use:   "requests [--approver USER | --identity USER | --role ROLE] [--state STATE] (--config FILE | --server URL)",
		Short: "List what was asked for; with --approver me, what waits for your decision",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := q.list(cmd.Context(), &w)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
				var rows [][]string
				for _, v := range all {
					rows = append(rows, []string{
						v.ID, v.Role, nameOr(v.UserName, v.Identity), string(v.State), orDash(nameOr(v.RequesterName, v.By)),
						orDash(strings.Join(v.Deciders, ", ")), moment(v.Due), orDash(v.Ticket), orDash(v.Reason),
					})
				}
				return table(out, "request role for state by deciders due ticket reason", rows)
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&q.approver, "approver", "", "only those that wait for this person: me, or an id, a userName or an email address")
	cmd.Flags().StringVar(&q.identity, "identity", "", "only those for this person")
	cmd.Flags().StringVar(&q.role, "role", "", "only those of this role")
	cmd.Flags().StringVar(&q.state, "state", "", "only those in this state: open, approved, fulfilled, denied, expired or withdrawn")
	return cmd
}

// A requestQuery asks for requests.
type requestQuery struct{ approver, identity, role, state string }

func (q requestQuery) list(ctx context.Context, w *who) (all []api.RequestView, err error) {
	c, err := w.client()
	if err != nil {
		return nil, err
	}
	if c != nil {
		return pages[api.RequestView](ctx, c, "/api/v1/requests", url.Values{
			"approver": {q.approver}, "identity": {q.identity}, "role": {q.role}, "state": {q.state},
		}, mostListed)
	}
	err = w.read(func(s stopped) error {
		rules, err := s.rules(ctx)
		if err != nil {
			return err
		}
		return s.store.View(ctx, func(r store.Reader) error {
			all, err = q.from(r, rules.Book(), w.as)
			return err
		})
	})
	return all, err
}

// from reads the requests from a store.
func (q requestQuery) from(r store.Reader, book *policy.Book, me string) ([]api.RequestView, error) {
	all := []api.RequestView{}
	add := func(found schema.Request) error {
		if q.state != "" && string(found.State) != q.state || q.role != "" && found.Role != q.role || len(all) == mostListed {
			return nil
		}
		v, err := api.ViewRequest(r, book, found)
		all = append(all, v)
		return err
	}
	id, err := q.meant(r, me)
	if err != nil {
		return nil, err
	}
	if q.approver != "" {
		waiting, err := access.Awaiting(r, book, id)
		for _, found := range waiting {
			if err == nil {
				err = add(found)
			}
		}
		return all, err
	}
	walk := store.Requests.All(r)
	if q.identity != "" {
		walk = store.Requests.By(r, store.RequestIdentity, id.ID)
	}
	for found, err := range walk {
		if err == nil {
			err = add(found)
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// meant is the person whose requests are asked for, if it is one's.
func (q requestQuery) meant(r store.Reader, me string) (schema.Identity, error) {
	name := cmp.Or(q.approver, q.identity)
	if name == "me" {
		name = me
	}
	if name == "" && q.approver+q.identity != "" {
		return schema.Identity{}, fmt.Errorf("%w: --as says who you are", errUsage)
	}
	if name == "" {
		return schema.Identity{}, nil
	}
	return access.FindIdentity(r, name)
}
