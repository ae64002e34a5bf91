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

// recorded makes again what rules made of nothing but records: the end of a grant whose
// time had come, and a grant to which everybody agreed who had to. The sameness is empty
// for any other decision.
func (m *Remaker) recorded(d schema.Decision) (Sameness, string, error) {
	if !strings.HasPrefix(d.Object, "role/") {
		return "", "", nil
	}
	switch {
	case d.Verb == schema.Expired && refOf(d, "grant/") != "":
		return m.reachedAgain(d)
	case d.Verb == schema.Granted && d.Actor == "bridge" && refOf(d, "role-request/") != "":
		return m.agreedAgain(d)
	}
	return "", "", nil
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
	raw, err := store.HashedDetail(m.reader, d)
	switch {
	case schema.IsNotFound(err):
		return Unknown, "who agreed was forgotten, or pruned", nil
	case errors.Is(err, audit.ErrTampered):
		return Unknown, "who agreed is not what was hashed: it was changed since", nil
	case err != nil:
		return "", "", err
	}
	var kept struct {
		Approvals []schema.Approval `json:"approvals"`
	}
	if err := json.Unmarshal(raw, &kept); err != nil {
		return "", "", fmt.Errorf("decision %s: who agreed: %w", d.ID, err)
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
	stageOf := map[string]int{}
	for _, a := range q.Standing() {
		if identityOf(a.By) == d.Subject {
			return Differs, "whose it is agreed to it themselves", nil
		}
		if was, twice := stageOf[a.By]; twice && (was == a.Stage || flow.Spec.Rules.DistinctApprovers) {
			return Differs, a.By + " is counted twice", nil
		}
		stageOf[a.By] = a.Stage
	}
	for n, stage := range flow.Spec.Stages {
		if agreed := agreedAt(q, n); agreed < stage.Needs() {
			return Differs, fmt.Sprintf("stage %d takes %d people, and %d agreed", n+1, stage.Needs(), agreed), nil
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

// unasked says why a decision can not be made again: what it follows from is not kept with
// it, or is somebody's choice.
func unasked(d schema.Decision) string {
	kind, _, _ := strings.Cut(d.Actor, "/")
	switch {
	case kind == "source":
		return "it tells of what a source said"
	case kind == "connector":
		return "it tells of what a target did"
	case kind == "sweep":
		return "it tells of what a sweep found, which is not kept"
	case kind == "token", kind == "local", kind == "identity":
		return "a person decided it"
	case d.Verb == schema.Requested, d.Verb == schema.Denied, d.Verb == schema.Held, d.Verb == schema.Escalated:
		return "it hangs on who was there to decide, which is not kept with it"
	case d.Verb == schema.Quarantined, d.Verb == schema.Reassigned, d.Verb == schema.Refused, d.Verb == schema.Suspended:
		return "it hangs on who answered for a document, and since when nobody did, which is not kept with it"
	case d.Verb == schema.Provisioned, d.Verb == schema.Verified, d.Verb == schema.Failed, d.Verb == schema.Drifted, d.Verb == schema.Adopted:
		return "it tells of what a target did"
	}
	return "it tells of what came of others, or of what was found"
}
