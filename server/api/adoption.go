package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Target is a connector as it is open, with the profile that it keeps to.
type Target struct {
	Connector connectors.Connector
	Profile   connectors.Profile
	Verify    string // when it is read back: one of connectors' Verify constants
}

// target returns an open connector, by name.
func (a *API) target(name string) (Target, error) {
	if t, ok := a.Targets[name]; ok {
		return t, nil
	}
	return Target{}, fmt.Errorf("no connector is named %q; there are %s: %w", name, strings.Join(slices.Sorted(maps.Keys(a.Targets)), ", "), schema.ErrNotFound)
}

// A Progress is one line of an answer that takes long: how far it came, one of the
// accounts that it is about, and at last its result, or the problem that ended it.
type Progress[T any] struct {
	Read    int           `json:"read,omitempty"`
	Done    int           `json:"done,omitempty"`
	Match   *access.Match `json:"match,omitempty"`
	Result  *T            `json:"result,omitempty"`
	Problem *Problem      `json:"problem,omitempty"`
}

// progressEvery is how often is said how far it came.
const progressEvery = time.Second

// streamed answers with lines of JSON: a Progress now and then, one for each account,
// and one at the end.
func streamed[T any](ctx context.Context, a *API, work func(say func(Progress[T])) (*T, error)) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", linesType)
		buffered := bufio.NewWriter(hc.BodyWriter())
		out := json.NewEncoder(buffered)
		write := func(p Progress[T]) {
			extend(hc, time.Minute)
			_ = out.Encode(p) // a client that left misses nothing
			_ = buffered.Flush()
			if f, ok := hc.BodyWriter().(http.Flusher); ok {
				f.Flush()
			}
		}
		var said time.Time
		result, err := work(func(p Progress[T]) {
			now := time.Now()
			switch due := now.Sub(said) >= progressEvery; {
			case due:
				said = now
				write(p)
			case p.Match != nil:
				_ = out.Encode(p)
			}
		})
		if err != nil {
			p := ProblemOf(err)
			if p.Status == http.StatusInternalServerError && a.Log != nil {
				a.Log.ErrorContext(ctx, "request failed", "request", callerOf(ctx).Request, "error", err)
			}
			write(Progress[T]{Problem: p})
			return
		}
		write(Progress[T]{Result: result})
	}}
}

type importInput struct {
	Name string `path:"name"`
}

// importAccounts reads all accounts of a target and says whose they are.
func (a *API) importAccounts(ctx context.Context, in *importInput) (*huma.StreamResponse, error) {
	lister, err := a.lister(in.Name)
	if err != nil {
		return nil, err
	}
	return streamed(ctx, a, func(say func(Progress[access.Import])) (*access.Import, error) {
		found, err := access.ReadImport(ctx, a.Store, a.Rules, in.Name, lister.List(ctx), func(n int) { say(Progress[access.Import]{Read: n}) })
		if err != nil {
			return nil, err
		}
		if err := a.compare(ctx, found); err != nil {
			return nil, errors.Join(err, found.Close())
		}
		for m, err := range found.Matches() {
			if err != nil {
				return nil, errors.Join(err, found.Close())
			}
			say(Progress[access.Import]{Match: &m})
		}
		return found, found.Close()
	}), nil
}

// compare adds to an import what its profile says of the target, and which of what
// nobody holds there is not even there to hold.
func (a *API) compare(ctx context.Context, found *access.Import) error {
	t, err := a.target(found.Connector)
	if err != nil {
		return err
	}
	found.Restrictions = t.Profile.Restrictions
	lister, ok := t.Connector.(connectors.EntitlementLister)
	if !ok || len(found.Missing) == 0 {
		return nil
	}
	found.Absent, err = connectors.Absent(ctx, lister, found.Missing)
	if err == nil || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return fmt.Errorf("connector %s: what there is to hold can not be listed whole: %w: %w", found.Connector, schema.ErrUnavailable, err)
}

func (a *API) lister(name string) (connectors.Lister, error) {
	t, err := a.target(name)
	if err != nil {
		return nil, err
	}
	if _, asks := t.Connector.(connectors.Asker); asks {
		return nil, fmt.Errorf("people tend the target of connector %s, and nothing is called: what accounts it has, they alone can say: %w", name, schema.ErrConflict)
	}
	lister, ok := t.Connector.(connectors.Lister)
	if !ok {
		return nil, fmt.Errorf("connector %s cannot list what accounts its target has: they are found one by one, when they are first written to: %w", name, schema.ErrConflict)
	}
	return lister, nil
}

type adoptInput struct {
	DryRun
	Name string `path:"name"`
	Body struct {
		Exact    bool              `json:"exact,omitempty" doc:"Adopt every account that matches exactly one identity."`
		Accounts map[string]string `json:"accounts,omitempty" doc:"Whose accounts are: the target's id or the userName of an account, to an id, a userName or an email address of an identity."`
		Leavers  bool              `json:"leavers,omitempty" doc:"Of accounts, those of people who left may be adopted too: they are then disabled."`
	}
}

// An AdoptReply says how many were adopted; which, the lines before it do.
type AdoptReply struct {
	Connector string `json:"connector"`
	Accounts  int    `json:"accounts" doc:"That were adopted."`
	Left      int    `json:"left" doc:"Accounts that are not managed, and were not adopted."`
	DryRun    bool   `json:"dryRun,omitempty"`
}

// adopt reads the target again, and adopts of it what was named, or what matches.
func (a *API) adopt(ctx context.Context, in *adoptInput) (*huma.StreamResponse, error) {
	lister, err := a.lister(in.Name)
	if err != nil {
		return nil, err
	}
	if in.Body.Exact == (len(in.Body.Accounts) > 0) {
		return nil, fmt.Errorf("say which accounts: exact, or accounts by name: %w", schema.ErrInvalid)
	}
	by := callerOf(ctx).Actor()
	return streamed(ctx, a, func(say func(Progress[AdoptReply])) (*AdoptReply, error) {
		found, err := access.ReadImport(ctx, a.Store, a.Rules, in.Name, lister.List(ctx), func(n int) { say(Progress[AdoptReply]{Read: n}) })
		if err != nil {
			return nil, err
		}
		r := &AdoptReply{Connector: in.Name, DryRun: in.Dry}
		all := exactly(found)
		if !in.Body.Exact {
			all, err = a.named(ctx, in, found)
		}
		if err == nil {
			err = access.AdoptAll(ctx, a.Store, a.Rules, by, all, in.Dry, func(m access.Match) {
				r.Accounts++
				say(Progress[AdoptReply]{Done: r.Accounts, Match: &m})
			})
		}
		r.Left = found.Accounts - found.Counts[access.MatchManaged] - r.Accounts
		return r, errors.Join(err, found.Close())
	}), nil
}

// exactly are the adoptions of all that matches exactly.
func exactly(found *access.Import) iter.Seq2[access.Adoption, error] {
	return func(yield func(access.Adoption, error) bool) {
		for m, err := range found.Matches() {
			if err == nil && m.Kind != access.MatchExact {
				continue
			}
			if !yield(access.Adoption{Match: m, Why: "it matches by " + m.By + ", and nothing else does"}, err) || err != nil {
				return
			}
		}
	}
}

// named are the adoptions of accounts that people named.
func (a *API) named(ctx context.Context, in *adoptInput, found *access.Import) (iter.Seq2[access.Adoption, error], error) {
	meant := map[string][]access.Match{}
	for m, err := range found.Matches() {
		if err != nil {
			return nil, err
		}
		for name := range in.Body.Accounts {
			if m.Account == name || strings.EqualFold(m.UserName, name) {
				meant[name] = append(meant[name], m)
			}
		}
	}
	names := slices.Sorted(maps.Keys(in.Body.Accounts))
	for _, name := range names {
		if _, err := theOne(meant[name], name); err != nil {
			return nil, err
		}
	}
	return func(yield func(access.Adoption, error) bool) {
		for _, name := range names {
			m, err := theOne(meant[name], name)
			if err == nil {
				err = a.Store.View(ctx, func(r store.Reader) error {
					id, err := access.FindCalled(r, a.Rules.Book(), in.Body.Accounts[name])
					m.Identity, m.Person = id.Base(), id.UserName
					return err
				})
			}
			if !yield(access.Adoption{Match: m, Identity: m.Identity, Why: "a person said whose it is", Leavers: in.Body.Leavers}, err) || err != nil {
				return
			}
		}
	}, nil
}

// theOne returns which of the accounts a person means that have a name: the one whose
// id it is, or the one of that userName.
func theOne(some []access.Match, name string) (access.Match, error) {
	if i := slices.IndexFunc(some, func(m access.Match) bool { return m.Account == name }); i >= 0 {
		return some[i], nil
	}
	switch len(some) {
	case 0:
		return access.Match{}, fmt.Errorf("the target has no account %q: %w", name, schema.ErrNotFound)
	case 1:
		return some[0], nil
	}
	return access.Match{}, fmt.Errorf("several accounts are called %q: name one by the target's id: %w", name, schema.ErrConflict)
}

type disownInput struct {
	DryRun
	Name string `path:"name"`
	Body struct {
		Identities []string `json:"identities" minItems:"1" maxItems:"1000" doc:"Whose accounts: ids, userNames or email addresses."`
	}
}

// A DisownReply says how many adoptions were undone.
type DisownReply struct {
	Connector string `json:"connector"`
	Accounts  int    `json:"accounts"`
	DryRun    bool   `json:"dryRun,omitempty"`
}

func (a *API) disown(ctx context.Context, in *disownInput) (*Reply[DisownReply], error) {
	if _, err := a.target(in.Name); err != nil {
		return nil, err
	}
	out := DisownReply{Connector: in.Name, DryRun: in.Dry}
	by := callerOf(ctx).Actor()
	err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
		out.Accounts = 0
		for _, name := range in.Body.Identities {
			id, err := access.FindIdentity(tx, name)
			if err != nil {
				return err
			}
			was, err := access.Disown(tx, a.Rules, by, in.Name, id.Base())
			if err != nil {
				return err
			}
			if was {
				out.Accounts++
			}
		}
		return nil
	})
	return reply(out), err
}

// registerOnboarding registers what connects a target.
func (a *API) registerOnboarding(h huma.API) {
	add(a, h, answers(get("/connectors/{name}/import", "Read all accounts of a target and say whose they are; nothing is written. Lines of JSON, of which the last has the result"), linesType), a.importAccounts)
	add(a, h, answers(post("/connectors/{name}/adopt", "Have accounts that are there managed, as they are. Lines of JSON, of which the last has the result"), linesType), a.adopt)
	add(a, h, get("/connectors/{name}/ramp", "How a target comes to be written to"), a.readRamp)
	add(a, h, post("/connectors/{name}/ramp", "Have a target written to a few accounts at first, and say what it takes"), a.setRamp)
	add(a, h, post("/connectors/{name}/disown", "Undo an adoption of an account that was never written to since"), a.disown)
}
