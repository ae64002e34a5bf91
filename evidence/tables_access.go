package evidence

import (
	"strings"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

// accessTables are about what was given and taken, and who agreed.
func accessTables() []*table {
	aboutRole := func(d schema.Decision) bool { return strings.HasPrefix(d.Object, "role/") }
	return []*table{
		{
			name: "grants", says: "a role was given to somebody, with who agreed",
			columns: []string{"userName", "kind", "approvedBy", "approvedAt", "approvals", "ticket"}, tally: "approvals",
			verbs: []schema.Verb{schema.Granted}, more: granted,
		}, {
			name: "grant-ends", says: "a grant came to its end, or was taken by a person or a trigger",
			columns: []string{"userName", "kind"}, tally: "verb",
			verbs: []schema.Verb{schema.Expired, schema.Revoked}, more: whose,
		}, {
			name: "approvals", says: "somebody asked for a role, or decided about that",
			columns: []string{"userName", "kind"}, tally: "verb",
			verbs: []schema.Verb{schema.Requested, schema.Approved, schema.Denied, schema.Withdrawn}, where: aboutRole, more: whose,
		}, {
			name: "additions", says: "an entitlement became part of what somebody should have, and what its target said",
			columns: []string{"userName", "kind", "basis", "confirmed", "seconds"}, tally: "basis",
			verbs: []schema.Verb{schema.Assigned}, more: lineChange,
		}, {
			name: "removals", says: "an entitlement is to be had no more, what demanded it, and what its target said and when",
			columns: []string{"userName", "kind", "basis", "confirmed", "seconds"}, tally: "basis",
			verbs: []schema.Verb{schema.Unassigned}, more: lineChange,
		}, {
			name: "privileged-changes", says: "an entitlement that is privileged, or brings one along that is, by the policy at the end of the period, was given or taken",
			columns: []string{"userName", "kind", "basis", "confirmed", "seconds"}, tally: "verb",
			verbs: []schema.Verb{schema.Assigned, schema.Unassigned}, more: lineChange,
			only: func(m *making, d schema.Decision) bool { return len(m.privileged(d.Object)) > 0 },
		}, {
			name: "reviews", says: "somebody decided whether access that was looked at again stays, or had somebody else decide",
			columns: []string{"userName", "kind", "review"}, tally: "verb",
			verbs: []schema.Verb{schema.Reapproved, schema.Kept, schema.Revoked, schema.Expired, schema.Delegated, schema.Escalated, schema.Suspended, schema.Closed, schema.Granted},
			where: ofReview, more: reviewed,
		}, {
			name: "review-campaigns", says: "a review of who holds what was opened, closed, escalated or acknowledged by management",
			columns: []string{"of", "opened", "due", "items", "undecided", "state", "signedBy", "signedAt"}, tally: "state",
			verbs: []schema.Verb{schema.Opened, schema.Closed, schema.Escalated, schema.Signed},
			where: func(d schema.Decision) bool { return strings.HasPrefix(d.Subject, "review/") }, more: campaign,
		}, {
			name: "exceptions", says: "a deviation from a constraint was asked for, allowed, refused or came to its end",
			columns: []string{"userName", "kind"}, tally: "verb",
			verbs: []schema.Verb{schema.Requested, schema.Excepted, schema.Denied, schema.Withdrawn, schema.Expired, schema.Revoked},
			where: func(d schema.Decision) bool { return strings.HasPrefix(d.Object, "constraint/") }, more: whose,
		}, {
			name: "sod-conflicts", says: "a constraint kept something from somebody, or what somebody holds breaks one",
			columns: []string{"userName", "kind"}, tally: "verb",
			verbs: []schema.Verb{schema.Denied, schema.Found}, where: aboutConstraint, more: whose,
		}, {
			name: "break-glass", says: "a role was taken before anybody agreed, or as a drill; what came of it",
			columns: []string{"userName", "kind", "drill", "until", "ended", "removed", "marginSeconds", "evidence", "owed", "state", "reviews", "toRotate"}, tally: "state",
			verbs: []schema.Verb{schema.Bypassed}, more: bypassed,
		}, {
			name: "break-glass-after", says: "what was decided about a bypass after it was taken: evidence, reviews, confirmation of its removal",
			columns: []string{"userName", "kind"}, tally: "verb",
			verbs: []schema.Verb{schema.Furnished, schema.Approved, schema.Denied, schema.Verified},
			where: func(d schema.Decision) bool { return ref(d.Because, "bypass/") != "" }, more: whose,
		},
	}
}

// ofReview reports whether a decision is about one line that people look at again: by
// a campaign, or because a trigger asked for it.
func ofReview(d schema.Decision) bool {
	return isIdentity(d.Subject) && (d.Verb == schema.Reapproved || ref(d.Because, "review/") != "")
}

// reviewed says whose access was looked at, and in which campaign.
func reviewed(x *page, e store.Entry) ([]string, []int64, error) {
	who, err := x.whose(e.Decision.Subject)
	return append(who, ref(e.Decision.Because, "review/")), nil, err
}

// campaign says how a review stands.
func campaign(x *page, e store.Entry) ([]string, []int64, error) {
	id := strings.TrimPrefix(e.Decision.Subject, "review/")
	v, err := store.Reviews.Get(x.Reader, id)
	if isNotFound(err) {
		return make([]string, 8), nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	undecided := int64(0)
	for _, state := range []schema.ItemState{schema.ItemOpen, schema.ItemSuspended, schema.ItemUndecided} {
		n, err := store.ItemState.Kept(x.Reader, store.ItemsIn(id, state))
		if err != nil {
			return nil, nil, err
		}
		undecided += n
	}
	by, at := "", time.Time{}
	if v.Signature != nil {
		by, at = v.Signature.By, v.Signature.At
	}
	return []string{v.About(), stamp(v.Opened), stamp(v.Due), number(v.Items), number(int(undecided)), string(v.State), x.person(by), stamp(at)}, nil, nil
}

// aboutConstraint reports whether a decision says that a constraint was met.
func aboutConstraint(d schema.Decision) bool {
	if d.Verb == schema.Found {
		return strings.HasPrefix(d.Object, "constraint/")
	}
	return d.Actor == "bridge" && strings.HasPrefix(d.Object, "role/") && strings.Contains(d.Reason, "constraint")
}

// ref returns what of the causes has a prefix, without it.
func ref(because []string, prefix string) string {
	for _, b := range because {
		if id, ok := strings.CutPrefix(b, prefix); ok {
			return id
		}
	}
	return ""
}

// What is known of the approvals of a grant.
const (
	approvalsKept      = "approved"
	approvalsNone      = "none stated"
	approvalsForgotten = "forgotten"
)

// granted says who agreed to a grant, as it is kept beside the decision.
func granted(x *page, e store.Entry) ([]string, []int64, error) {
	who, err := x.whose(e.Decision.Subject)
	if err != nil {
		return nil, nil, err
	}
	var kept struct {
		Ticket    string            `json:"ticket"`
		Approvals []schema.Approval `json:"approvals"`
	}
	found, err := x.detail(e.Decision, &kept)
	if err != nil {
		return nil, nil, err
	}
	var by, at []string
	for _, a := range kept.Approvals {
		if a.Void == "" {
			by, at = append(by, x.person(a.By)), append(at, stamp(a.At))
		}
	}
	known := approvalsKept
	switch {
	case !found && e.Decision.DetailHash != "":
		known = approvalsForgotten
	case len(by) == 0:
		known = approvalsNone
	}
	further, err := x.decided(e)
	return append(who, words(by), words(at), known, kept.Ticket), further, err
}

// decided finds the decisions about the request that a grant fulfils.
func (x *page) decided(e store.Entry) (further []int64, err error) {
	request := ref(e.Decision.Because, "role-request/")
	if request == "" {
		return nil, nil
	}
	for entry, err := range store.LogAboutBetween(x.Reader, e.Decision.Subject, 0, e.Seq) {
		switch {
		case err != nil:
			return further, err
		case len(further) == mostFurther:
			return further, nil
		case ref(entry.Decision.Because, "role-request/") == request:
			further = append(further, entry.Seq)
		}
	}
	return further, nil
}

// lineChange says what the target said to a line that began or ended, and how long
// that took from when the bridge was told, where that is known, or from the decision.
func lineChange(x *page, e store.Entry) ([]string, []int64, error) {
	d := e.Decision
	who, err := x.whose(d.Subject)
	if err != nil {
		return nil, nil, err
	}
	connector, _, _ := strings.Cut(d.Object, "/")
	var c confirmation
	var answer schema.Decision
	err = x.after(d.Subject, e.Seq, func(later store.Entry) bool {
		var ok bool
		if c, ok = confirms(later, connector, d.ID); ok {
			answer = later.Decision
		}
		return !ok
	})
	switch {
	case err != nil:
		return nil, nil, err
	case c.basis == "" && d.Mode != schema.Enforce:
		return append(who, basisNone, "", ""), nil, nil
	case c.basis == "":
		return append(who, basisOpen, "", ""), nil, nil
	}
	begun, at := d.Time, c.at
	var kept struct {
		Change schema.Change `json:"change"`
	}
	if found, err := x.detail(answer, &kept); err != nil {
		return nil, nil, err
	} else if found && !kept.Change.IsZero() && !kept.Change.End().IsZero() {
		begun, at = kept.Change.Received, kept.Change.End()
	}
	return append(who, c.basis, stamp(at), secs(max(0, at.Sub(begun)))), []int64{c.seq}, nil
}

// bypassed says what came of a bypass.
func bypassed(x *page, e store.Entry) ([]string, []int64, error) {
	who, err := x.whose(e.Decision.Subject)
	if err != nil {
		return nil, nil, err
	}
	id := ref(e.Decision.Because, "bypass/")
	y, err := store.Bypasses.Get(x.Reader, id)
	if isNotFound(err) {
		return append(who, make([]string, 10)...), nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var evidence, reviewers []string
	for _, v := range y.Evidence {
		evidence = append(evidence, v.Kind)
	}
	for _, a := range y.Reviews {
		reviewers = append(reviewers, x.person(a.By))
	}
	var further []int64
	err = x.after(e.Decision.Subject, e.Seq, func(later store.Entry) bool {
		if ref(later.Decision.Because, "bypass/") == id && len(further) < mostFurther {
			further = append(further, later.Seq)
		}
		return true
	})
	return append(who, yes(y.Drill), stamp(y.Until), stamp(y.Ended), stamp(y.Removed), margin(y.Ended, y.Removed), words(evidence), words(y.Owed),
		string(y.State), words(reviewers), words(y.Rotate)), further, err
}

// margin is how long it took from an end until it was confirmed; nothing while it is
// not.
func margin(ended, removed time.Time) string {
	if ended.IsZero() || removed.IsZero() {
		return ""
	}
	return secs(removed.Sub(ended))
}
