package api

import (
	"context"
	"encoding/json"
	"fmt"
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
}

// target returns an open connector, by name.
func (a *API) target(name string) (Target, error) {
	if t, ok := a.Targets[name]; ok {
		return t, nil
	}
	return Target{}, fmt.Errorf("no connector is named %q; there are %s: %w", name, strings.Join(slices.Sorted(maps.Keys(a.Targets)), ", "), schema.ErrNotFound)
}

// A Progress is one line of an answer that takes long: how far it came, and at last
// its result, or the problem that ended it.
type Progress[T any] struct {
	Read    int      `json:"read,omitempty"`
	Done    int      `json:"done,omitempty"`
	Result  *T       `json:"result,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}

// progressEvery is how often is said how far it came.
const progressEvery = time.Second

// streamed answers with lines of JSON: a Progress now and then, and one at the end.
func streamed[T any](ctx context.Context, a *API, work func(say func(Progress[T])) (*T, error)) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", linesType)
		out := json.NewEncoder(hc.BodyWriter())
		write := func(p Progress[T]) {
			extend(hc, time.Minute)
			_ = out.Encode(p) // a client that left misses nothing
			if f, ok := hc.BodyWriter().(http.Flusher); ok {
				f.Flush()
			}
		}
		var said time.Time
		result, err := work(func(p Progress[T]) {
			if now := time.Now(); now.Sub(said) >= progressEvery {
				said = now
				write(p)
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
		return access.ReadImport(ctx, a.Store, a.Rules, in.Name, lister.List(ctx), func(n int) { say(Progress[access.Import]{Read: n}) })
	}), nil
}

func (a *API) lister(name string) (connectors.Lister, error) {
	t, err := a.target(name)
	if err != nil {
		return nil, err
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

// An AdoptReply says what was adopted.
type AdoptReply struct {
	Connector string         `json:"connector"`
	Adopted   []access.Match `json:"adopted"`
	Left      int            `json:"left" doc:"Accounts that are not managed, and were not adopted."`
	DryRun    bool           `json:"dryRun,omitempty"`
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
		all, err := a.adoptions(ctx, in, found)
		if err != nil {
			return nil, err
		}
		if in.Dry {
			err = a.Store.Try(ctx, func(tx store.Tx) error {
				for _, one := range all {
					if err := access.Adopt(tx, a.Rules, by, one); err != nil {
						return err
					}
				}
				return nil
			})
		} else {
			_, err = access.AdoptAll(ctx, a.Store, a.Rules, by, all, func(n int) { say(Progress[AdoptReply]{Done: n}) })
		}
		r := &AdoptReply{Connector: in.Name, DryRun: in.Dry, Adopted: []access.Match{}, Left: found.Accounts - found.Counts[access.MatchManaged] - len(all)}
		for _, one := range all {
			r.Adopted = append(r.Adopted, one.Match)
		}
		return r, err
	}), nil
}

// adoptions are what is to be adopted of what was found.
func (a *API) adoptions(ctx context.Context, in *adoptInput, found *access.Import) (all []access.Adoption, err error) {
	if in.Body.Exact {
		for _, m := range found.Matches {
			if m.Kind == access.MatchExact {
				all = append(all, access.Adoption{Match: m, Why: "it matches by " + m.By + ", and nothing else does"})
			}
		}
		return all, nil
	}
	for _, name := range slices.Sorted(maps.Keys(in.Body.Accounts)) {
		i, err := accountNamed(found.Matches, name)
		if err != nil {
			return nil, err
		}
		m := found.Matches[i]
		err = a.Store.View(ctx, func(r store.Reader) error {
			id, err := access.FindCalled(r, a.Rules.Book(), in.Body.Accounts[name])
			m.Identity, m.Person = id.Base(), id.UserName
			return err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, access.Adoption{Match: m, Identity: m.Identity, Why: "a person said whose it is", Leavers: in.Body.Leavers})
	}
	return all, nil
}

// accountNamed returns which of the accounts a person means: by the target's id, or by the
// one of that userName.
func accountNamed(matches []access.Match, name string) (int, error) {
	found := -1
	for i, m := range matches {
		if m.Account == name {
			return i, nil
		}
		if !strings.EqualFold(m.UserName, name) {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("several accounts are called %q: name one by the target's id: %w", name, schema.ErrConflict)
		}
		found = i
	}
	if found < 0 {
		return 0, fmt.Errorf("the target has no account %q: %w", name, schema.ErrNotFound)
	}
	return found, nil
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
