package api

import (
	"context"
	"errors"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/policy/signed"
	"drawbridge/schema"
	"drawbridge/store"
)

// registerPublications registers how a policy comes into force.
func (a *API) registerPublications(h huma.API) {
	add(a, h, created(planning(post("/publications", "Propose a policy, with the plan that was looked at"))), a.propose)
	add(a, h, get("/publications", "List what was proposed and what came into force, oldest first"), a.listPublications)
	add(a, h, get("/publications/{id}", "A publication, its plan, and who could agree to it now"), a.readPublication)
	add(a, h, post("/publications/{id}/approve", "Agree to a plan, or review it as who answers for a part of the policy"), a.decidePublication(access.ApprovePublication))
	add(a, h, post("/publications/{id}/deny", "Refuse a policy, which ends its publication"), a.decidePublication(access.RefusePublication))
	add(a, h, post("/publications/{id}/withdraw", "Take a proposal back"), a.decidePublication(access.WithdrawPublication))
	add(a, h, planning(post("/publications/{id}/publish", "Put a policy in force to whose plan as many agreed as must")), a.publishAgreed)
	add(a, h, planning(post("/policy/publish", "Put a policy in force: as the plan that was looked at, or without one, as the policy in force allows")), a.publishNow)
	add(a, h, planning(get("/readiness", "What is still to be decided, by role and connector, by whom, and what of it first")), a.readiness)
	add(a, h, get("/policy/versions/{digest}", "A version that was in force: its documents, and how it came to that"), a.readVersion)
}

// A PublicationView is a publication with the names of the people in it.
type PublicationView struct {
	schema.Publication
	ProposerName string   `json:"proposerName,omitempty"`
	Awaits       int      `json:"awaits" doc:"How many more must agree."`
	Deciders     []string `json:"deciders,omitempty" doc:"Some of those who could agree now."`
	InForce      bool     `json:"inForce,omitempty"`
	DryRun       bool     `json:"dryRun,omitempty"`

	SavedPlan *access.SavedPlan `json:"savedPlan,omitempty" doc:"What people agree to; of one publication only."`
}

func (a *API) viewPublication(ctx context.Context, r store.Reader, q schema.Publication) (v PublicationView, err error) {
	v.Publication = q
	if v.ProposerName, err = nameOf(r, q.Proposer); err != nil {
		return v, err
	}
	now, err := access.InForceDigest(r)
	if err != nil {
		return v, err
	}
	v.InForce = q.State == schema.PublicationPublished && q.Digest == now
	able, awaits, err := access.ApproversOf(r, a.Rules.Book(), q, mostDeciders)
	if v.Awaits = awaits; err != nil {
		return v, err
	}
	for _, id := range able {
		v.Deciders = append(v.Deciders, id.UserName)
	}
	if !callerOf(ctx).Role.AtLeast(seesDetail) {
		v.Approvals, v.Reviews = wordless(q.Approvals), wordless(q.Reviews)
	}
	return v, nil
}

// wordless leaves out what people said in their own words.
func wordless(all []schema.Approval) []schema.Approval {
	var some []schema.Approval
	for _, one := range all {
		one.Reason = ""
		some = append(some, one)
	}
	return some
}

// A proposed is a policy that is sent to be proposed, or published.
type proposed struct {
	Files    map[string]string `json:"files,omitempty" doc:"The text of each file by its path, as below the policy folder."`
	Version  string            `json:"version,omitempty" maxLength:"64" doc:"Instead of files: the digest of a version that was in force once, or how it begins."`
	Seen     *access.SavedPlan `json:"seen,omitempty" doc:"The plan that was looked at, as /policy/plan answered it."`
	Reason   string            `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
	Author   string            `json:"author,omitempty" maxLength:"200" doc:"Who wrote the change: they do not agree to it."`
	Commit   string            `json:"commit,omitempty" maxLength:"200"`
	Evidence *signed.Objects   `json:"evidence,omitempty" doc:"The commit that the files are of, and its trees, as git stores them: to tell who signed it."`
	Alone    bool              `json:"alone,omitempty" doc:"To publish on one's own word where those who must agree are too few; needs the role admin."`
}

type proposeInput struct {
	DryRun
	Body proposed
}

// onePlan has one plan made at a time: compiling a policy takes a processor to itself.
func (a *API) onePlan(ctx context.Context) (done func(), err error) {
	select {
	case a.planning <- struct{}{}:
		return func() { <-a.planning }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// proposing compiles what is sent, and works out its plan as it is now.
func (a *API) proposing(ctx context.Context, in proposed) (x access.Proposing, err error) {
	if x.Draft, err = a.draft(ctx, in.Files, in.Version); err != nil {
		return x, err
	}
	x.Draft.Evidence = in.Evidence
	x.Reason, x.Author, x.Commit, x.Back = in.Reason, in.Author, in.Commit, in.Version != ""
	if in.Seen != nil {
		x.Seen = *in.Seen
	}
	x.Plan, err = access.SavePlan(ctx, a.Store, a.Rules.Book(), x.Draft.Book)
	return x, err
}

// draft reads the documents that are sent, or those of a version.
func (a *API) draft(ctx context.Context, files map[string]string, version string) (d *access.Draft, err error) {
	n := len(files)
	switch {
	case version != "" && n > 0:
		return nil, fmt.Errorf("send files or a version, and not both: %w", schema.ErrInvalid)
	case version == "" && (n == 0 || n > mostPolicyFiles):
		return nil, fmt.Errorf("files: %d are sent, and a plan needs 1 to %d: %w", n, mostPolicyFiles, schema.ErrInvalid)
	case version == "":
		return access.DraftOf(files)
	}
	err = a.Store.View(ctx, func(r store.Reader) error {
		digest, err := access.FindVersion(r, version)
		if err == nil {
			d, err = access.Version(r, digest)
		}
		return err
	})
	return d, err
}

func (a *API) propose(ctx context.Context, in *proposeInput) (*Reply[PublicationView], error) {
	done, err := a.onePlan(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	x, err := a.proposing(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	return a.publicationBy(ctx, in.DryRun, func(tx store.Tx, book *policy.Book, by access.Decider) (schema.Publication, error) {
		x.By = by
		return access.Propose(tx, book, x)
	})
}

// publicationStep is what leaves a publication as it is then.
type publicationStep = func(store.Tx, *policy.Book, access.Decider) (schema.Publication, error)

// publicationBy is publication where only a person may take the step: what is refused
// to a credential that stands for none says so.
func (a *API) publicationBy(ctx context.Context, dry DryRun, do publicationStep) (*Reply[PublicationView], error) {
	var nobody error
	out, err := a.publication(ctx, dry, func(tx store.Tx, book *policy.Book, by access.Decider) (q schema.Publication, err error) {
		if _, nobody, err = a.decider(ctx, tx); err != nil {
			return q, err
		}
		return do(tx, book, by)
	})
	if errors.Is(err, schema.ErrForbidden) && nobody != nil {
		err = fmt.Errorf("%w; %w", err, nobody)
	}
	return out, err
}

// publication answers with a publication as a step leaves it.
func (a *API) publication(ctx context.Context, dry DryRun, do publicationStep) (*Reply[PublicationView], error) {
	var out PublicationView
	err := a.change(ctx, dry, func(tx store.Tx) error {
		by, _, err := a.decider(ctx, tx)
		if err != nil {
			return err
		}
		q, err := do(tx, a.Rules.Book(), by)
		if err != nil {
			return err
		}
		out, err = a.viewPublication(ctx, tx, q)
		return err
	})
	out.DryRun = dry.Dry
	return reply(out), err
}

func (a *API) decidePublication(verb func(store.Tx, *policy.Book, access.Choice) (schema.Publication, error)) func(context.Context, *decideInput) (*Reply[PublicationView], error) {
	return func(ctx context.Context, in *decideInput) (*Reply[PublicationView], error) {
		return a.publicationBy(ctx, in.DryRun, func(tx store.Tx, book *policy.Book, by access.Decider) (schema.Publication, error) {
			return verb(tx, book, access.Choice{Request: in.ID, By: by, Reason: in.Body.Reason})
		})
	}
}

type publishInput struct {
	ID string `path:"id" maxLength:"100"`
	DryRun
}

func (a *API) publishAgreed(ctx context.Context, in *publishInput) (*Reply[PublicationView], error) {
	done, err := a.onePlan(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return a.carryOut(ctx, in.DryRun, in.ID)
}

// carryOut publishes what was proposed.
func (a *API) carryOut(ctx context.Context, dry DryRun, id string) (out *Reply[PublicationView], err error) {
	err = a.Rules.Change(func() (*policy.Book, error) {
		var kept access.SavedPlan
		err := a.Store.View(ctx, func(r store.Reader) (err error) {
			kept, err = access.PlanOf(r, id)
			return err
		})
		if err != nil {
			return nil, err
		}
		x := access.Publishing{Publication: id}
		if len(kept.Files) == 0 {
			return nil, fmt.Errorf("publication %s is final: %w", id, schema.ErrConflict)
		}
		if x.Draft, err = access.DraftOf(kept.Files); err != nil {
			return nil, err
		}
		if x.Plan, err = access.SavePlan(ctx, a.Store, a.Rules.Book(), x.Draft.Book); err != nil {
			return nil, err
		}
		out, err = a.publication(ctx, dry, func(tx store.Tx, book *policy.Book, by access.Decider) (schema.Publication, error) {
			x.By = by
			return access.PublishPlanned(tx, book, x)
		})
		return used(out, dry, x.Draft, err)
	})
	return out, err
}

// used is the policy that decides from now on, if any other does.
func used(out *Reply[PublicationView], dry DryRun, d *access.Draft, err error) (*policy.Book, error) {
	if err != nil || dry.Dry || out.Body.State != schema.PublicationPublished {
		return nil, err
	}
	return d.Book, nil
}

func (a *API) publishNow(ctx context.Context, in *proposeInput) (*Reply[PublicationView], error) {
	if who := callerOf(ctx); in.Body.Alone && !who.Role.AtLeast(schema.Admin) {
		return nil, fmt.Errorf("to publish alone needs the role admin, and the credential %s has %s: %w", who.Name, who.Role, schema.ErrForbidden)
	}
	done, err := a.onePlan(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if in.Body.Seen != nil { // people may have agreed to it
		id, err := a.agreed(ctx, in.Body.Seen.Plan)
		if err != nil {
			return nil, err
		}
		if id != "" {
			return a.carryOut(ctx, in.DryRun, id)
		}
	}
	var out *Reply[PublicationView]
	err = a.Rules.Change(func() (*policy.Book, error) {
		x, err := a.proposing(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		out, err = a.publication(ctx, in.DryRun, func(tx store.Tx, book *policy.Book, by access.Decider) (schema.Publication, error) {
			x.By = by
			return access.PublishNow(tx, book, x, in.Body.Alone)
		})
		return used(out, in.DryRun, x.Draft, err)
	})
	return out, err
}

// agreed returns the publication of a plan that is not final, if there is one.
func (a *API) agreed(ctx context.Context, plan access.Plan) (id string, err error) {
	err = a.Store.View(ctx, func(r store.Reader) error {
		for q, err := range store.Publications.By(r, store.PublicationDigest, plan.To) {
			if err != nil {
				return err
			}
			if !q.Final() && q.Plan == plan.Hash {
				id = q.ID
			}
		}
		return nil
	})
	return id, err
}

type publicationsInput struct {
	Paging
	State string `query:"state" enum:"proposed,approved,published,refused,stale,withdrawn"`
}

func (a *API) listPublications(ctx context.Context, in *publicationsInput) (*Reply[List[PublicationView]], error) {
	after, err := in.after(1)
	if err != nil {
		return nil, err
	}
	views := List[PublicationView]{}
	err = a.Store.View(ctx, func(r store.Reader) error {
		views = List[PublicationView]{Items: []PublicationView{}}
		walk := store.Publications.From(r, after...)
		if in.State != "" {
			walk = store.Publications.ByFrom(r, store.PublicationState, []string{in.State}, after...)
		}
		list, err := page(in.Paging, walk, pick[schema.Publication]{key: func(q schema.Publication) []string { return []string{q.ID} }})
		if err != nil {
			return err
		}
		views.Next = list.Next
		for _, q := range list.Items {
			v, err := a.viewPublication(ctx, r, q)
			if err != nil {
				return err
			}
			views.Items = append(views.Items, v)
		}
		return nil
	})
	return reply(views), err
}

type publicationInput struct {
	ID string `path:"id" maxLength:"100"`
}

func (a *API) readPublication(ctx context.Context, in *publicationInput) (*Reply[PublicationView], error) {
	var out PublicationView
	err := a.Store.View(ctx, func(r store.Reader) error {
		q, err := store.Publications.Get(r, in.ID)
		if err != nil {
			return err
		}
		if out, err = a.viewPublication(ctx, r, q); err != nil {
			return err
		}
		plan, err := access.PlanOf(r, q.ID)
		if errors.Is(err, schema.ErrNotFound) {
			return nil // it came into force without one
		}
		out.SavedPlan = &plan
		return err
	})
	return reply(out), err
}

// A VersionView is a policy that was in force.
type VersionView struct {
	Digest       string               `json:"digest"`
	InForce      bool                 `json:"inForce"`
	Files        map[string]string    `json:"files,omitempty"`
	Publications []schema.Publication `json:"publications" nullable:"false" doc:"How and when it came into force, oldest first."`
}

type versionInput struct {
	Digest string `path:"digest" minLength:"1" maxLength:"64" doc:"Of the version, or how it begins."`
}

func (a *API) readVersion(ctx context.Context, in *versionInput) (*Reply[VersionView], error) {
	var out VersionView
	err := a.Store.View(ctx, func(r store.Reader) error {
		digest, err := access.FindVersion(r, in.Digest)
		if err != nil {
			return err
		}
		version, err := store.Policies.Get(r, digest)
		if err != nil {
			return err
		}
		now, err := access.InForceDigest(r)
		if err != nil {
			return err
		}
		out = VersionView{Digest: digest, InForce: digest == now, Files: version.Files, Publications: []schema.Publication{}}
		for q, err := range store.Publications.By(r, store.PublicationDigest, digest) {
			if err != nil {
				return err
			}
			if q.State == schema.PublicationPublished {
				q.Approvals, q.Reviews = wordless(q.Approvals), wordless(q.Reviews)
				out.Publications = append(out.Publications, q)
			}
		}
		return nil
	})
	return reply(out), err
}
