package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// answeredAgain asks who answered for a document, and whether it was in quarantine for
// that, with what was known then of who is there.
func (m *Remaker) answeredAgain(d schema.Decision) (Sameness, string, error) {
	if d.DetailHash == "" {
		return "", "", nil
	}
	var kept governanceBasis
	if why, err := m.keptBeside(d, "who was there", &kept); why != "" || err != nil {
		return Unknown, why, err
	}
	if kept.Standing == nil {
		return "", "", nil
	}
	book, err := m.book(d.Policy)
	if err != nil {
		return "", "", err
	}
	if book == nil {
		return Unknown, noPolicy(d), nil
	}
	g := kept.Standing.again(book, d.Subject)
	name := g.called(d.Subject)
	if err := g.lookAt(name); err != nil {
		return "", "", err
	}
	is := schema.Decision{Actor: "bridge", Object: d.Object}
	if d.Object == objectQuarantine {
		is.Verb, is.Reason = schema.Released, hasOwner
		if why, alone := g.quarantined[name]; alone {
			is.Verb, is.Reason = schema.Quarantined, why
		}
	} else {
		is.Verb, is.Reason = schema.Reassigned, ownerIsBack
		if why, orphaned := g.orphaned[d.Subject]; orphaned {
			is.Reason = why
		}
	}
	same, why := match(d, []schema.Decision{is})
	return same, why, nil
}

// publishedAgain asks whether a policy might come into force as it did: by what the one
// before it demands, and by who agreed. Whether each of them might agree, and whether
// others could have, is not asked: that hangs on who was there.
func (m *Remaker) publishedAgain(d schema.Decision) (Sameness, string, error) {
	q, why, err := m.publication(d)
	if why != "" || err != nil {
		return Unknown, why, err
	}
	to, err := m.book(q.Digest)
	if err != nil {
		return "", "", err
	}
	var from *policy.Book
	if q.From != "" {
		if from, err = m.book(q.From); err != nil {
			return "", "", err
		}
	}
	if to == nil || from == nil && q.From != "" {
		return Unknown, noPolicy(d), nil
	}
	if q.Published != "" && d.Actor != q.Published || d.Subject != "policy/"+q.Digest {
		return Differs, "the publication is of policy " + q.Digest + ", by " + q.Published, nil
	}
	if why, err := m.barred(from, to, q); why != "" || err != nil {
		return Differs, why, err
	}
	because := append(agreedToIt(q), publicationRef(q.ID))
	for _, ref := range because {
		if !slices.Contains(d.Because, ref) {
			return Differs, "it does not name " + ref, nil
		}
	}
	same, why := match(d, []schema.Decision{{Actor: d.Actor, Verb: schema.Published, Object: d.Object, Because: d.Because, Reason: inForceBecause(to, q)}})
	return same, why, nil
}

// publication returns the one that a decision is about, or says why it can not be had.
func (m *Remaker) publication(d schema.Decision) (q schema.Publication, why string, err error) {
	q, err = store.Publications.Get(m.reader, refOf(d, "publication/"))
	switch {
	case schema.IsNotFound(err):
		return q, "how it came to be is not in the store", nil
	case err == nil && q.State != schema.PublicationPublished:
		return q, "the publication is " + string(q.State) + " by now", nil
	}
	return q, "", err
}

func agreedToIt(q schema.Publication) (by []string) {
	for _, a := range q.Approvals {
		by = append(by, a.By)
	}
	return by
}

// barred says why a policy might not come into force; nothing where it might.
func (m *Remaker) barred(from, to *policy.Book, q schema.Publication) (string, error) {
	rules := from.Publication()
	must, _ := seatsOf(rules, from.Beyond(to)).waive(q.Waived) // that they were too few is not kept
	by := schema.Sorted(agreedToIt(q)...)
	switch {
	case len(by) < len(q.Approvals):
		return "somebody is counted twice", nil
	case q.Proposer != "" && slices.Contains(by, identityActor(q.Proposer)):
		return "whoever proposed it agreed to it themselves", nil
	case from == nil || from.OnlyLowers(to) == nil:
		return "", nil
	case onOnesOwnWord(q):
		return "", nil // that others could not is not kept
	case rules.Signed() && (q.Signer == "" || !rules.Names(q.Signer)) && !strings.Contains(q.Outcome, nobodySigns):
		return "nobody signed it whom the policy of then names", nil
	case len(by) >= must.needed():
		return "", nil
	}
	plan, err := PlanOf(m.reader, q.ID)
	if err != nil && !schema.IsNotFound(err) {
		return "", err
	}
	if more := onlyRemoves(from, Proposing{Draft: &Draft{Book: to}, Plan: plan}); more != nil {
		return fmt.Sprintf("%d must agree, and %d did; %v", must.needed(), len(by), more), nil
	}
	return "", nil
}

// refusedAgain asks for what a policy does not automate a role.
func (m *Remaker) refusedAgain(d schema.Decision) (Sameness, string, error) {
	book, err := m.book(d.Policy)
	if err != nil {
		return "", "", err
	}
	if book == nil {
		return Unknown, noPolicy(d), nil
	}
	for _, r := range book.Refused() {
		if d.Subject == "role/"+r.Role {
			same, why := match(d, []schema.Decision{{Actor: d.Actor, Verb: schema.Refused, Because: d.Because, Reason: strings.Join(r.Codes, ", ")}})
			return same, why, nil
		}
	}
	return Differs, "the policy of then refuses no such role", nil
}

// handedOverAgain asks who answers for a document by one policy and by the one before it.
func (m *Remaker) handedOverAgain(d schema.Decision) (Sameness, string, error) {
	q, why, err := m.publication(d)
	if why != "" || err != nil {
		return Unknown, why, err
	}
	to, err := m.book(q.Digest)
	if err != nil {
		return "", "", err
	}
	from, err := m.book(q.From)
	if err != nil {
		return "", "", err
	}
	if to == nil || from == nil {
		return Unknown, noPolicy(d), nil
	}
	was := ownersIn(from)
	now := ownersIn(to)
	for _, ref := range slices.Sorted(maps.Keys(now)) {
		if before, known := was[ref]; known && subjectOf(ref) == d.Subject && before != now[ref] {
			same, why := match(d, []schema.Decision{{Actor: d.Actor, Verb: schema.Reassigned, Object: objectOwner, Because: d.Because, Reason: handedOver(before, now[ref])}})
			return same, why, nil
		}
	}
	return Differs, "the same answer for it by both policies", nil
}
