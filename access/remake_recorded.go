package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"drawbridge/audit"
	"drawbridge/schema"
	"drawbridge/store"
)

// recorded makes again what rules made of nothing but records, or of little that is kept
// beside the decision: the end of a grant whose time had come, a grant to which everybody
// agreed who had to, who answers for what, what people released, and how a policy came
// into force. The sameness is empty for any other decision.
func (m *Remaker) recorded(e store.Entry) (Sameness, string, error) {
	d := e.Decision
	aboutRole := strings.HasPrefix(d.Object, "role/")
	switch {
	case aboutRole && d.Verb == schema.Expired && refOf(d, "grant/") != "":
		return m.reachedAgain(d)
	case aboutRole && d.Verb == schema.Granted && d.Actor == "bridge" && refOf(d, "role-request/") != "":
		return m.agreedAgain(d)
	case d.Actor == "bridge" && (d.Object == objectQuarantine || d.Object == objectOwner):
		return m.answeredAgain(d)
	case d.Verb == schema.Agreed, d.Verb == schema.Released && strings.Contains(d.Reason, agreedBy):
		return m.releasedAgain(e)
	case d.Verb == schema.Released && strings.HasPrefix(d.Reason, releasedBy):
		return m.carriedOutAgain(e)
	case d.Verb == schema.Published:
		return m.publishedAgain(d)
	case d.Verb == schema.Refused:
		return m.refusedAgain(d)
	case d.Verb == schema.Reassigned && refOf(d, "publication/") != "":
		return m.handedOverAgain(d)
	}
	return "", "", nil
}

// keptBeside reads what is kept beside a decision, or says why it can not be had.
func (m *Remaker) keptBeside(d schema.Decision, what string, into any) (why string, err error) {
	raw, err := store.HashedDetail(m.reader, d)
	switch {
	case schema.IsNotFound(err):
		return what + " was forgotten, or pruned", nil
	case errors.Is(err, audit.ErrTampered):
		return what + " is not what was hashed: it was changed since", nil
	case err != nil:
		return "", err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return "", fmt.Errorf("decision %s: %s: %w", d.ID, what, err)
	}
	return "", nil
}

// reachedAgain asks whether a grant's time had come.
func (m *Remaker) reachedAgain(d schema.Decision) (Sameness, string, error) {
	g, err := store.Grants.Get(m.reader, d.Subject, refOf(d, "grant/"))
	switch {
	case schema.IsNotFound(err):
		return Unknown, "its grant is not there any more", nil
	case err != nil:
		return "", "", err
	case g.Until.IsZero() || d.Time.Before(g.Until):
		return Differs, "the grant's time had not come", nil
	}
	same, why := match(d, []schema.Decision{ending{g, d.Actor, schema.Expired, "expired", reached(g)}.decision(d.Policy)})
	return same, why, nil
}

// agreedAgain asks whether as many people agreed to a request as the policy of then
// demanded. Whether each of them might is not asked: that hangs on who was there.
func (m *Remaker) agreedAgain(d schema.Decision) (Sameness, string, error) {
	var kept struct {
		Approvals []schema.Approval `json:"approvals"`
	}
	if why, err := m.keptBeside(d, "who agreed", &kept); why != "" || err != nil {
		return Unknown, why, err
	}
	book, err := m.book(d.Policy)
	if err != nil {
		return "", "", err
	}
	if book == nil {
		return Unknown, noPolicy(d), nil
	}
	role, ok := book.Role(strings.TrimPrefix(d.Object, "role/"))
	if !ok {
		return Differs, "the policy of then has no such role", nil
	}
	flow, ok := book.Flow(role)
	if !ok {
		return Differs, "the policy of then names nobody who could agree", nil
	}
	q := schema.Request{Approvals: kept.Approvals}
	agreed := map[string]bool{}
	for _, a := range q.Standing() {
		if identityOf(a.By) == d.Subject {
			return Differs, "whose it is agreed to it themselves", nil
		}
		if agreed[a.By] { // nobody agrees twice, whatever the flow says
			return Differs, a.By + " is counted twice", nil
		}
		agreed[a.By] = true
	}
	for n, stage := range flow.Spec.Stages {
		if some := agreedAt(q, n); some < stage.Needs() {
			return Differs, fmt.Sprintf("stage %d takes %d people, and %d agreed", n+1, stage.Needs(), some), nil
		}
	}
	return Same, "", nil
}

// refOf returns what of a decision's causes has a prefix, without it.
func refOf(d schema.Decision, prefix string) string {
	for _, ref := range d.Because {
		if id, ok := strings.CutPrefix(ref, prefix); ok {
			return id
		}
	}
	return ""
}

// noPolicy says that the policy of a decision can not be had.
func noPolicy(d schema.Decision) string {
	return "the policy of then, " + d.Policy + ", is not in the store with its documents, or this version reads something else in them"
}
