package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// registerFindings registers what was noticed, and what people decide about it.
func (a *API) registerFindings(h huma.API) {
	add(a, h, get("/findings", "What sweeps and evaluation noticed and nobody resolved"), a.listFindings)
	add(a, h, get("/findings/{id}", "A finding, by its id"), a.readFinding)
	add(a, h, post("/findings/{id}/adopt", "Say whose an account is that no identity explains"), a.adoptFinding)
	add(a, h, post("/findings/{id}/revoke", "Take away the access that a finding is about"),
		a.settle(func(tx store.Tx, _ *policy.Book, s access.Settling) (schema.Finding, error) {
			return access.RevokeFinding(tx, a.Rules, s)
		}))
	add(a, h, post("/findings/{id}/except", "Allow what a finding is about for a time, with what is done instead"), a.settle(access.ExceptFinding))
	add(a, h, post("/findings/{id}/assign", "Have a person see to a finding"), a.settle(access.AssignFinding))
	add(a, h, post("/findings/{id}/ignore", "Put a finding aside until a day, on which it comes back"), a.settle(access.IgnoreFinding))
}

// A FindingView is a finding with its id, its age, and the name of whom it is about.
type FindingView struct {
	ID string `json:"id"`
	schema.Finding
	Age      string `json:"age" doc:"Since it was first found."`
	Quiet    bool   `json:"quiet,omitempty" doc:"Somebody put it aside, or allowed it, for now."`
	UserName string `json:"userName,omitempty"`
	Assignee string `json:"assigneeName,omitempty" doc:"The userName of who is to see to it."`
	DryRun   bool   `json:"dryRun,omitempty"`
}

func viewFinding(r store.Reader, f schema.Finding) (FindingView, error) {
	v := FindingView{ID: f.ID(), Finding: f, Quiet: f.Quiet(r.Now())}
	if age := r.Now().Sub(f.First); age >= 24*time.Hour {
		v.Age = policy.Duration(age.Truncate(24 * time.Hour)).String()
	} else {
		v.Age = policy.Duration(age.Truncate(time.Minute)).String()
	}
	var err error
	if v.UserName, err = nameOf(r, f.Subject); err != nil || f.Settled == nil {
		return v, err
	}
	v.Assignee, err = nameOf(r, f.Settled.Assignee)
	return v, err
}

type findingsInput struct {
	Paging
	Kind      string `query:"kind" doc:"orphan, drift, undecided, kept, ..."`
	Connector string `query:"connector" doc:"With a kind, or alone."`
	Quiet     bool   `query:"quiet" doc:"Those too that somebody put aside, or allowed, for now."`
}

func (a *API) listFindings(ctx context.Context, in *findingsInput) (*Reply[List[FindingView]], error) {
	after, err := in.after(4)
	if err != nil {
		return nil, err
	}
	if in.Kind != "" && after == nil {
		after = []string{in.Kind}
		if in.Connector != "" {
			after = append(after, in.Connector)
		}
	}
	views := List[FindingView]{}
	err = a.Store.View(ctx, func(r store.Reader) error {
		views = List[FindingView]{Items: []FindingView{}}
		wanted := pick[schema.Finding]{
			keep: func(f schema.Finding) bool {
				return (in.Connector == "" || f.Connector == in.Connector) && (in.Quiet || !f.Quiet(r.Now()))
			},
			key: func(f schema.Finding) []string { return []string{f.Kind, f.Connector, f.Subject, f.Object} },
		}
		if in.Kind != "" {
			wanted.within = func(f schema.Finding) bool {
				return f.Kind == in.Kind && (in.Connector == "" || f.Connector == in.Connector)
			}
		}
		list, err := page(in.Paging, store.Findings.From(r, after...), wanted)
		views.Next = list.Next
		for _, f := range list.Items {
			v, err := viewFinding(r, f)
			if err != nil {
				return err
			}
			views.Items = append(views.Items, a.maskedFinding(ctx, v))
		}
		return err
	})
	return reply(views), err
}

// maskedFinding is without people's own words, for those who are not shown them.
func (a *API) maskedFinding(ctx context.Context, v FindingView) FindingView {
	if c := callerOf(ctx); v.Settled != nil && !c.Role.AtLeast(seesDetail) && v.Settled.By != c.Actor() {
		settled := *v.Settled
		settled.Reason, settled.Compensating = "", nil
		v.Settled = &settled
	}
	return v
}

type findingInput struct {
	ID string `path:"id" maxLength:"100"`
}

func (a *API) readFinding(ctx context.Context, in *findingInput) (*Reply[FindingView], error) {
	var out FindingView
	err := a.Store.View(ctx, func(r store.Reader) error {
		f, err := access.FindFinding(r, in.ID)
		if err != nil {
			return err
		}
		out, err = viewFinding(r, f)
		return err
	})
	return reply(a.maskedFinding(ctx, out)), err
}

type settleInput struct {
	ID string `path:"id" maxLength:"100"`
	DryRun
	Body struct {
		Reason       string    `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
		Until        time.Time `json:"until,omitzero" doc:"Of ignore and except: the day on which it comes back; within 366 days."`
		To           string    `json:"to,omitempty" doc:"Of assign: who is to see to it. Of adopt: whose account it is."`
		Compensating []string  `json:"compensating,omitempty" maxItems:"20" doc:"Of except: what is done instead."`
		Leavers      bool      `json:"leavers,omitempty" doc:"Of adopt: it may be of somebody who left, and is then disabled."`
	}
}

// settle returns the handler of a person's decision about a finding.
func (a *API) settle(verb func(store.Tx, *policy.Book, access.Settling) (schema.Finding, error)) func(context.Context, *settleInput) (*Reply[FindingView], error) {
	return func(ctx context.Context, in *settleInput) (*Reply[FindingView], error) {
		return a.settling(ctx, in, func(tx store.Tx, s access.Settling) (schema.Finding, error) {
			if in.Body.To != "" {
				who, err := access.PersonOf(tx, a.Rules.Book(), in.Body.To)
				if err != nil {
					return schema.Finding{}, err
				}
				s.Assignee = who.ID
			}
			return verb(tx, a.Rules.Book(), s)
		})
	}
}

func (a *API) settling(ctx context.Context, in *settleInput, do func(store.Tx, access.Settling) (schema.Finding, error)) (*Reply[FindingView], error) {
	var out FindingView
	err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
		by, why, err := a.decider(ctx, tx)
		if err != nil {
			return err
		}
		f, err := do(tx, access.Settling{
			Finding: in.ID, By: by, Reason: in.Body.Reason, Until: in.Body.Until, Compensating: in.Body.Compensating,
		})
		if errors.Is(err, schema.ErrForbidden) && why != nil {
			return fmt.Errorf("%w; %w", err, why)
		}
		if err != nil {
			return err
		}
		out, err = viewFinding(tx, f)
		return err
	})
	out.DryRun = in.Dry
	return reply(out), err
}

// adoptFinding reads the account that nobody explains at its target, and makes it
// somebody's.
func (a *API) adoptFinding(ctx context.Context, in *settleInput) (*Reply[FindingView], error) {
	if in.Body.To == "" {
		return nil, fmt.Errorf("finding %s: say whose account it is: %w", in.ID, schema.ErrInvalid)
	}
	var f schema.Finding
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		f, err = access.FindOrphan(r, in.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	t, err := a.target(f.Connector)
	if err != nil {
		return nil, err
	}
	reader, ok := t.Connector.(connectors.Reader)
	if !ok {
		return nil, fmt.Errorf("connector %s cannot read one account: use connector import and adopt: %w", f.Connector, schema.ErrConflict)
	}
	account, err := reader.Read(ctx, f.Subject)
	if connectors.KindOf(err) == connectors.Gone {
		return nil, fmt.Errorf("connector %s: its target has account %s no more: %w", f.Connector, f.Subject, schema.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("connector %s: account %s can not be read: %w: %w", f.Connector, f.Subject, schema.ErrUnavailable, err)
	}
	account.Connector = f.Connector
	return a.settling(ctx, in, func(tx store.Tx, s access.Settling) (schema.Finding, error) {
		id, err := access.FindCalled(tx, a.Rules.Book(), in.Body.To)
		if err != nil {
			return f, err
		}
		return access.AdoptFinding(tx, a.Rules, s, access.Adoption{
			Match: access.MatchOf(account), Identity: id.ID, Leavers: in.Body.Leavers,
		})
	})
}
