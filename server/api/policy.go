package api

import (
	"context"
	"errors"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

type rolesBody struct {
	Policy  string        `json:"policy" doc:"Digest of the policy in force."`
	InForce []RoleView    `json:"inForce" nullable:"false"`
	Refused []RefusedView `json:"refused" nullable:"false"`
}

// A RoleView is a role in force.
type RoleView struct {
	Name         string          `json:"name"`
	Title        string          `json:"title,omitempty"`
	Type         schema.RoleType `json:"type"`
	Mode         schema.Mode     `json:"mode" doc:"The least of policy set and role; connectors may lower it further."`
	Intent       string          `json:"intent,omitempty"`
	Owner        string          `json:"owner"`
	Deputy       string          `json:"deputy,omitempty"`
	Rule         string          `json:"rule,omitempty" doc:"CEL: who has it, or who may ask for it."`
	Approval     string          `json:"approval,omitempty"`
	Entitlements []string        `json:"entitlements" nullable:"false" doc:"connector/id"`
	Triggers     []string        `json:"triggers,omitempty"`
	Default      string          `json:"defaultDuration,omitempty"`
	Max          string          `json:"maxDuration,omitempty"`
	Permanent    string          `json:"permanent,omitempty" doc:"Why it needs no end."`
	Quarantine   string          `json:"quarantine,omitempty" doc:"Why nobody new gets it: its governance broke."`
}

// A RefusedView is a role that is not automated.
type RefusedView struct {
	Role     string           `json:"role"`
	Codes    []string         `json:"codes" nullable:"false"`
	Findings []policy.Finding `json:"findings,omitempty"`
}

func (a *API) listRoles(ctx context.Context, _ *struct{}) (*Reply[rolesBody], error) {
	book := a.Rules.Book()
	var quarantined map[string]string
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		quarantined, err = access.Quarantined(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	body := rolesBody{Policy: book.Digest(), InForce: []RoleView{}, Refused: []RefusedView{}}
	for _, role := range book.Roles() {
		v := viewRole(book, role)
		v.Quarantine = quarantined[v.Name]
		body.InForce = append(body.InForce, v)
	}
	for _, r := range book.Refused() {
		body.Refused = append(body.Refused, RefusedView{Role: r.Role, Codes: r.Codes, Findings: r.Findings})
	}
	return reply(body), nil
}

func viewRole(book *policy.Book, role *policy.Role) RoleView {
	v := RoleView{
		Name: role.Metadata.Name, Title: role.Metadata.Title, Owner: role.Metadata.Owner.User, Deputy: role.Metadata.Owner.Deputy,
		Type: role.Spec.Type, Mode: book.Mode(role.Metadata.Name, ""), Intent: role.Spec.Intent,
		Approval: role.Spec.Approval, Entitlements: []string{}, Triggers: role.Spec.Triggers,
		Rule: role.Spec.Eligible,
	}
	if role.Spec.ByRule() {
		v.Rule = role.Spec.Assign
	}
	for _, g := range role.Spec.Grants {
		v.Entitlements = append(v.Entitlements, g.Connector+"/"+g.Entitlement)
	}
	if d := role.Spec.Duration; d != nil {
		v.Default, v.Max = time.Duration(d.Default).String(), time.Duration(d.Max).String()
	}
	if p := role.Spec.Permanent; p != nil {
		v.Permanent = p.Because
	}
	return v
}

// A PolicyView is the policy in force.
type PolicyView struct {
	Digest    string    `json:"digest"`
	Name      string    `json:"name"`
	Roles     int       `json:"roles"`
	Refused   int       `json:"refused"`
	Published time.Time `json:"published,omitzero"`
	By        string    `json:"by,omitempty"`
	Commit    string    `json:"commit,omitempty" doc:"The newest commit that was in force: the next one comes after it, where it has to be signed."`

	Unreadable string `json:"unreadable,omitempty" doc:"Why this version of the program cannot read it: then no role is in force, nobody gets anything new, and only what must end does."`
}

func (a *API) readPolicy(ctx context.Context, _ *struct{}) (*Reply[PolicyView], error) {
	book := a.Rules.Book()
	v := PolicyView{Digest: book.Digest(), Name: book.Name(), Roles: len(book.Roles()), Refused: len(book.Refused()), Unreadable: book.Unreadable()}
	err := a.Store.View(ctx, func(r store.Reader) error {
		newest, err := access.NewestCommit(r)
		if err != nil {
			return err
		}
		v.Commit = newest
		published, err := store.Policies.Get(r, v.Digest)
		if errors.Is(err, schema.ErrNotFound) {
			return nil // it was loaded and not published yet
		}
		v.Published, v.By = published.Published, published.By
		return err
	})
	return reply(v), err
}

// Bounds on a policy that is sent to be planned.
const (
	mostPolicyBytes = 8 << 20
	mostPolicyFiles = 5000
)

type planInput struct {
	Body struct {
		Files   map[string]string `json:"files,omitempty" doc:"The text of each file by its path, as below the policy folder."`
		Version string            `json:"version,omitempty" maxLength:"64" doc:"Instead of files: the digest of a version that was in force once, or how it begins."`
	}
}

// PlanReply is a plan, and what is wrong with the policy it is of.
type PlanReply struct {
	access.SavedPlan
	Findings []policy.Finding `json:"findings,omitempty"`
}

// planning lets a plan have the time that looking at everybody takes.
func planning(op huma.Operation) huma.Operation {
	op.MaxBodyBytes, op.BodyReadTimeout = mostPolicyBytes, 30*time.Second
	op.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
		extend(ctx, 10*time.Minute)
		next(ctx)
	}}
	return op
}

func (a *API) planPolicy(ctx context.Context, in *planInput) (*Reply[PlanReply], error) {
	done, err := a.onePlan(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	d, err := a.draft(ctx, in.Body.Files, in.Body.Version)
	if d == nil {
		return nil, err
	}
	// What cannot be put in force is planned all the same, and its findings say why not.
	plan, err := access.SavePlan(ctx, a.Store, a.Rules.Book(), d.Book)
	return reply(PlanReply{SavedPlan: plan, Findings: d.Findings}), err
}
