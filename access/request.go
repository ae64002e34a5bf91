package access

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// The life of a request:
//
//	Request ─► open ──Approve──► the next stage opens ─► ... ─► Grant ─► fulfilled
//	            │  └─Refuse, a rule, the subject leaves ─► denied
//	            ├─nobody decides in time ─────────────────► expired
//	            └─Withdraw ───────────────────────────────► withdrawn
//
// The policy that counts is the one in force at each step. Approvals count as long
// as those who gave them are there: until the grant, each step looks again.

// An Asking is a role that somebody asks for.
type Asking struct {
	Role, Identity string // Identity by id
	By             Decider
	Reason, Ticket string
	From, Until    time.Time     // zero: once it is approved; as long as Lasts says
	Lasts          time.Duration // zero: as long as the role says
}

// Request opens a request. What can not come to a grant is refused at once: a role that
// is not to be asked for, a person who is not eligible, a stage that nobody could
// decide, a constraint that would be broken. A role that is held already is asked
// for anew where it is renewable.
func Request(tx store.Tx, book *policy.Book, a Asking) (schema.Request, error) {
	q := schema.Request{
		Role: a.Role, Identity: a.Identity, By: a.By.Actor, Requester: a.By.Identity, Reason: a.Reason, Ticket: a.Ticket,
		Made: tx.Now(), From: a.From, Until: a.Until, Seconds: int64(a.Lasts / time.Second), State: schema.RequestOpen,
	}
	role, err := askable(tx, book, q)
	if err != nil {
		return q, err
	}
	if q.Renews, err = renews(tx, role, q); err != nil {
		return q, err
	}
	if err := grantableTo(tx, book, role, q); err != nil {
		return q, err
	}
	p, err := newPanel(tx, book, role, q)
	if err != nil {
		return q, err
	}
	for i, stage := range p.flow.Spec.Stages {
		able, err := p.deciders(stage, stage.Needs())
		if err != nil {
			return q, err
		}
		if len(able) < stage.Needs() {
			return q, fmt.Errorf("role %s: stage %d needs %d to agree, and %d could: its approvers left, are who asks, or are not known: %w",
				q.Role, i+1, stage.Needs(), len(able), schema.ErrForbidden)
		}
	}
	q.ID, q.Flow = tx.NewID(), p.flow.Digest()
	words := "asked for"
	if q.Renews != "" {
		words = "asked for anew, to renew grant " + q.Renews
	}
	if err := recordRequest(tx, book, q, schema.Requested, a.By, words, map[string]any{"reason": a.Reason, "ticket": a.Ticket}); err != nil {
		return q, err
	}
	return openStage(tx, p, q, 0)
}

// askable returns the role, where it can be asked for like this.
func askable(r store.Reader, book *policy.Book, q schema.Request) (*policy.Role, error) {
	role, ok := book.Role(q.Role)
	differ, _ := book.Skew()
	switch {
	case !ok:
		return nil, fmt.Errorf("role %s: %w", q.Role, schema.ErrNotFound)
	case role.Spec.ByRule():
		return nil, fmt.Errorf("role %s is held by rule, and is not asked for: %w", q.Role, schema.ErrForbidden)
	case role.Spec.Type == schema.BreakGlass:
		return nil, fmt.Errorf("role %s is for emergencies, and is taken without asking: %w", q.Role, schema.ErrForbidden)
	case q.By == "" || strings.TrimSpace(q.Reason) == "":
		return nil, fmt.Errorf("request of role %s: say who asks and why: %w", q.Role, schema.ErrInvalid)
	case !q.From.IsZero() && q.From.Before(r.Now().Add(-differ)):
		return nil, fmt.Errorf("request of role %s begins in the past: %w", q.Role, schema.ErrInvalid)
	case q.Seconds < 0 || q.Seconds > 0 && !q.Until.IsZero():
		return nil, fmt.Errorf("request of role %s: say how long it lasts or when it ends, and not both: %w", q.Role, schema.ErrInvalid)
	}
	for other, err := range store.Requests.By(r, store.RequestPending, "identity", q.Identity) {
		if err != nil {
			return nil, err
		}
		if other.Role == q.Role {
			return nil, fmt.Errorf("role %s is asked for already, by request %s: %w", q.Role, other.ID, schema.ErrConflict)
		}
	}
	return role, nil
}

// renews returns the live grant that a request would renew, if it is of a role that
// is held when it is to begin.
func renews(r store.Reader, role *policy.Role, q schema.Request) (grant string, err error) {
	from := q.From
	if from.IsZero() {
		from = r.Now()
	}
	for g, err := range store.Grants.All(r, q.Identity) {
		if err != nil {
			return "", err
		}
		if g.Role != q.Role || g.Over(r.Now()) || !g.Until.IsZero() && g.Until.Before(from) {
			continue
		}
		if d := role.Spec.Duration; d == nil || !d.Renewable {
			return "", fmt.Errorf("role %s is held already, and is not renewable; ask for it once that has ended: %w", q.Role, schema.ErrForbidden)
		}
		return g.ID, nil
	}
	return "", nil
}

// grantableTo asks whether the request could be granted as things are now.
func grantableTo(r store.Reader, book *policy.Book, role *policy.Role, q schema.Request) error {
	g := grantOf(r, q)
	return mayHold(r, book, role, &g)
}

// grantOf is the grant that a request asks for, were it given now.
func grantOf(r store.Reader, q schema.Request) schema.Grant {
	g := schema.Grant{
		Identity: q.Identity, Role: q.Role, From: q.From, Until: q.Until, Reason: q.Reason, Ticket: q.Ticket,
		Request: q.ID, Approvals: q.Standing(),
	}
	if g.From.Before(r.Now()) {
		g.From = r.Now()
	}
	if q.Seconds > 0 {
		g.Until = g.From.Add(q.Lasts())
	}
	return g
}

// Approve takes one person's yes. The last one that is needed opens the next stage,
// or makes the request a grant; if a rule stands against that by now, the request
// is denied by it, and that is no error.
func Approve(tx store.Tx, book *policy.Book, c Choice) (schema.Request, error) {
	q, p, id, err := deciding(tx, book, c)
	if err != nil {
		return q, err
	}
	if p.flow.Spec.Rules.RequireReason && strings.TrimSpace(c.Reason) == "" {
		return q, fmt.Errorf("request %s: say why you agree: %w", q.ID, schema.ErrInvalid)
	}
	q.Approvals = append(q.Approvals, schema.Approval{
		By: identityActor(id.ID), At: tx.Now(), Stage: q.Stage, Reason: c.Reason, Auth: c.By.Auth,
	})
	words := fmt.Sprintf("stage %d of %d, known by %s", q.Stage+1, len(p.flow.Spec.Stages), c.By.Auth)
	if err := recordRequest(tx, book, q, schema.Approved, c.By, words, map[string]any{"reason": c.Reason}); err != nil {
		return q, err
	}
	return advance(tx, book, q)
}

// Refuse takes one person's no, which ends the request.
func Refuse(tx store.Tx, book *policy.Book, c Choice) (schema.Request, error) {
	q, _, _, err := deciding(tx, book, c)
	if err != nil {
		return q, err
	}
	if strings.TrimSpace(c.Reason) == "" {
		return q, fmt.Errorf("request %s: say why you refuse it: %w", q.ID, schema.ErrInvalid)
	}
	return closeRequest(tx, book, q, closing{
		state: schema.RequestDenied, by: c.By, verb: schema.Denied, reason: "refused by a person", words: c.Reason,
	})
}

// Withdraw takes a request back, which whoever asked may do, and whom it is for.
func Withdraw(tx store.Tx, book *policy.Book, c Choice) (schema.Request, error) {
	q, err := store.Requests.Get(tx, c.Request)
	switch {
	case err != nil:
		return q, err
	case q.Final():
		return q, fmt.Errorf("request %s is %s already: %w", q.ID, q.State, schema.ErrConflict)
	case c.By.Actor != q.By && (c.By.Identity == "" || c.By.Identity != q.Requester && c.By.Identity != q.Identity):
		return q, fmt.Errorf("request %s is for those to withdraw who asked, or whom it is for: %w", q.ID, schema.ErrForbidden)
	}
	return closeRequest(tx, book, q, closing{
		state: schema.RequestWithdrawn, by: c.By, verb: schema.Withdrawn, reason: "taken back", words: c.Reason,
	})
}

// deciding returns the request, and the person, where they may decide about it now.
func deciding(tx store.Tx, book *policy.Book, c Choice) (q schema.Request, p *panel, id schema.Identity, err error) {
	if q, err = store.Requests.Get(tx, c.Request); err != nil {
		return q, nil, id, err
	}
	switch {
	case q.State != schema.RequestOpen:
		return q, nil, id, fmt.Errorf("request %s is %s already: %w", q.ID, q.State, schema.ErrConflict)
	case !tx.Now().Before(q.Due):
		return q, nil, id, fmt.Errorf("request %s: the time to decide was over at %s: %w", q.ID, q.Due.UTC().Format(time.RFC3339), schema.ErrConflict)
	case c.By.Identity == "":
		return q, nil, id, fmt.Errorf("request %s is for people to decide, and %s is no person whom a source knows: %w", q.ID, c.By.Actor, schema.ErrForbidden)
	case q.Requester == "" && c.By.Actor == q.By:
		return q, nil, id, fmt.Errorf("request %s: nobody decides about what they asked for: %w", q.ID, schema.ErrForbidden)
	}
	if id, err = store.Identities.Get(tx, c.By.Identity); err != nil {
		return q, nil, id, err
	}
	if q, p, err = current(tx, book, q); err != nil {
		return q, nil, id, err
	}
	return q, p, id, p.may(id, p.flow.Spec.Stages[q.Stage])
}

// recordRequest records a step in a request's life.
func recordRequest(tx store.Tx, book *policy.Book, q schema.Request, verb schema.Verb, by Decider, reason string, detail map[string]any) error {
	because := []string{requestRef(q.ID)}
	if by.Identity != "" {
		because = append(because, identityActor(by.Identity))
	}
	return recordAbout(tx, book, q.Identity, q.Role, recorded{
		verb: verb, by: by, because: schema.Sorted(because...), reason: reason, detail: detail,
	})
}

// A recorded is a decision about a role of somebody.
type recorded struct {
	verb    schema.Verb
	by      Decider
	because []string
	reason  string
	detail  map[string]any // what people said, and may have to be forgotten
}

func recordAbout(tx store.Tx, book *policy.Book, identity, role string, d recorded) error {
	text, err := json.Marshal(d.detail)
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: d.by.Actor, Verb: d.verb, Subject: identity, Object: "role/" + role, Because: d.because,
		Reason: d.reason, Policy: book.Digest(), Detail: text,
	})
	return err
}

// requestRef is how decisions cite a request for a role.
func requestRef(id string) string { return "role-request/" + id }
