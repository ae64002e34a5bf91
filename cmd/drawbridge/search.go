package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/access/search"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

func auditSearchCommand() *cobra.Command {
	var a about
	var f format
	var q search.Query
	var verbs []string
	var since, until string
	limit := mostListed
	cmd := &cobra.Command{
		Use:   "search [TEXT] [--subject USER] [--by WHO] [--entitlement REF] [--since TIME] ... (--config FILE | --server URL)",
		Short: "Look for decisions by what they are about, who decided, and when: newest first",
		Long: "TEXT is looked for in the bridge's reasons and in people's own words, in any case. Of what is\n" +
			"asked, all has to be true. Who approved what: --by USER --verb approved.",
		Args: between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			q.Text, q.Words = strings.Join(args, " "), true
			for _, verb := range verbs {
				q.Verbs = append(q.Verbs, schema.Verb(verb))
			}
			if q.Since, err = momentOf(since, time.Now()); err != nil {
				return err
			}
			if q.Until, err = momentOf(until, time.Now()); err != nil {
				return err
			}
			entries, more, err := a.search(cmd.Context(), q, limit)
			if err != nil {
				return err
			}
			err = f.print(cmd.OutOrStdout(), entries, func(out io.Writer) error {
				var rows [][]string
				for _, e := range entries {
					rows = append(rows, []string{fmt.Sprintf("#%d", e.Seq), moment(e.Time), e.Actor, string(e.Verb), nameOr(e.UserName, e.Subject), orDash(e.Object), orDash(e.Reason), orDash(meant(e.Intents))})
				}
				return table(out, "number time by verb subject object reason intent", rows)
			})
			if err == nil && more {
				fmt.Fprintf(cmd.ErrOrStderr(), "these are the newest %d; --limit shows more\n", len(entries))
			}
			if err == nil && !more {
				err = a.sayPruned(cmd.Context(), cmd.ErrOrStderr(), q.Since)
			}
			return err
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&q.Subject, "subject", "", "about whom: an identity's id, userName or email address, or kind/NAME")
	cmd.Flags().StringVar(&q.By, "by", "", "who decided: a person's userName or email address, or as the log names them: token/NAME, identity/ID, source/NAME, bridge")
	cmd.Flags().StringArrayVar(&verbs, "verb", nil, "what was decided: granted, revoked, approved, denied, held, ...; any of several")
	cmd.Flags().StringVar(&q.Role, "role", "", "about a role, or because of it")
	cmd.Flags().StringVar(&q.Entitlement, "entitlement", "", "about CONNECTOR/ENTITLEMENT")
	cmd.Flags().StringVar(&q.Connector, "connector", "", "about a connector, or what it has")
	cmd.Flags().StringVar(&q.Request, "request", "", "belonging to a request, by its id")
	cmd.Flags().StringVar(&q.Ticket, "ticket", "", "made on a ticket")
	cmd.Flags().StringVar(&since, "since", "", "decided since: a time (RFC 3339), a day, or how long ago (24h, 7d)")
	cmd.Flags().StringVar(&until, "until", "", "decided before, likewise")
	cmd.Flags().IntVar(&limit, "limit", mostListed, "decisions at most")
	return cmd
}

// meant says what roles are for, in the order of their names.
func meant(intents map[string]string) string {
	var words []string
	for _, role := range slices.Sorted(maps.Keys(intents)) {
		words = append(words, role+": "+intents[role])
	}
	return strings.Join(words, "; ")
}

// sayPruned says how far back the log goes, where that is not as far as somebody asked.
func (a *about) sayPruned(ctx context.Context, out io.Writer, since time.Time) error {
	h, err := a.horizon(ctx)
	if err != nil || h.Since.IsZero() || !since.Before(h.Since) {
		return err
	}
	_, err = fmt.Fprintf(out, "before %s the log was pruned: of entries before #%d only those are left that were in force then\n", moment(h.Since), h.Before)
	return err
}

// horizon is how far back the log goes, of a bridge that runs or of one that is stopped.
func (a *about) horizon(ctx context.Context) (v api.HorizonView, err error) {
	c, err := a.client()
	if err != nil {
		return v, err
	}
	if c != nil {
		return v, c.call(ctx, http.MethodGet, "/api/v1/log/horizon", nil, &v)
	}
	err = a.read(func(s stopped) error {
		return s.store.View(ctx, func(r store.Reader) error {
			v, err = api.HorizonOf(r)
			return err
		})
	})
	return v, err
}

// search looks for decisions at the bridge, or in the store of one that is stopped.
func (a *about) search(ctx context.Context, q search.Query, limit int) (entries []api.EntryView, more bool, err error) {
	c, err := a.client()
	if err != nil {
		return nil, false, err
	}
	if c != nil {
		entries, err = pages[api.EntryView](ctx, c, "/api/v1/log/search", searchQuery(q), limit+1)
	} else {
		err = a.read(func(s stopped) error {
			return s.store.View(ctx, func(r store.Reader) error {
				entries, err = searchStore(r, q, limit+1)
				return err
			})
		})
	}
	if len(entries) > limit {
		return entries[:limit], true, err
	}
	return entries, false, err
}

func searchQuery(q search.Query) url.Values {
	query := url.Values{
		"subject": {q.Subject}, "by": {q.By}, "role": {q.Role}, "entitlement": {q.Entitlement}, "connector": {q.Connector},
		"request": {q.Request}, "ticket": {q.Ticket}, "text": {q.Text}, "since": {instant(q.Since)}, "until": {instant(q.Until)},
	}
	var verbs []string
	for _, verb := range q.Verbs {
		verbs = append(verbs, string(verb))
	}
	query.Set("verb", strings.Join(verbs, ","))
	return query
}

func searchStore(r store.Reader, q search.Query, n int) (entries []api.EntryView, err error) {
	entries = []api.EntryView{}
	var intents access.Intents
	if q, err = q.Named(r); err != nil {
		return nil, err
	}
	for before := int64(-1); ; {
		page, next, err := q.Page(r, before, n-len(entries))
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			v, err := api.ViewEntry(r, &intents, e)
			if err != nil {
				return nil, err
			}
			entries = append(entries, v)
		}
		if before = next; before < 0 || len(entries) >= n {
			return entries, nil
		}
	}
}
