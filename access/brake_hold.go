package access

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// What the bridge would do and does not, in one list. A policy, a source or a
// sweep that takes away too much is held as a whole, under a plan: a hash that
// names exactly the things it would do, so that what people agree to is what is
// done (brake_release.go). A role in quarantine and a last administrator are held too;
// they go on when what they lack is there, and nobody can release them.

// mostStanding bounds the holds of one kind that nobody can release.
const mostStanding = 500

// An Intent sums up what would be done without keeping it: how much it is, some of
// it, and a hash over all of it in the order in which it is added.
type Intent struct {
	deeds
	sum hash.Hash
}

// NewIntent returns an empty one. What it is about is part of its hash.
func NewIntent(about string) *Intent {
	i := &Intent{sum: sha256.New()}
	i.write(about)
	return i
}

// Add adds one thing: about whom, and what in as many words as it takes.
func (i *Intent) Add(identity string, what ...string) {
	i.write(append([]string{identity}, what...)...)
	i.add(identity, what)
}

func (i *Intent) write(words ...string) { writeWords(i.sum, words...) }

// writeWords is unambiguous: two lists of words never come out alike.
func writeWords(sum hash.Hash, words ...string) {
	fmt.Fprintf(sum, "%d:", len(words))
	for _, word := range words {
		fmt.Fprintf(sum, "%d:%s", len(word), word)
	}
}

// A deeds is how many things were added to a plan, and some of them.
type deeds struct {
	count int
	first []schema.Deed
}

func (d *deeds) add(identity string, what []string) {
	if d.count++; d.count <= firstDeeds {
		d.first = append(d.first, schema.Deed{Identity: identity, What: joinLimited(what, firstDeeds)})
	}
}

// Count returns how many things were added.
func (d *deeds) Count() int { return d.count }

// First returns some of what was added.
func (d *deeds) First() []schema.Deed { return slices.Clone(d.first) }

// Hold returns what is held if these things are not to be done: subject is as the
// log has it, kind/NAME.
func (i *Intent) Hold(kind schema.HoldKind, subject, why string) schema.Hold {
	return schema.Hold{
		ID: HoldID(subject), Kind: kind, Subject: subject, Reason: why,
		Plan: hex.EncodeToString(i.sum.Sum(nil)), Count: i.count, First: i.first,
	}
}

// HoldID is how a hold is called that is about a subject of the log: with nothing
// in it that has a meaning in a URL.
func HoldID(subject string) string { return strings.ReplaceAll(subject, "/", ":") }

// ListHolds returns all that is held now. There are no more of them than there are
// sources, sweeps by connector, and roles, and a bounded number of others.
func ListHolds(r store.Reader) ([]schema.Hold, error) {
	holds := []schema.Hold{}
	for h, err := range store.Holds.All(r) {
		if err != nil {
			return nil, err
		}
		switch h.Kind { //nolint:exhaustive // the others say what they would do themselves
		case schema.SourceHold:
			h.First, err = firstLeavers(r, h)
		case schema.LossHold:
			h.First, err = firstLosers(r, sourceOf(h))
		}
		if err != nil {
			return nil, err
		}
		h.Agreed = agreedTo(h)
		holds = append(holds, h)
	}
	standing, err := standing(r)
	if err != nil {
		return nil, err
	}
	holds = append(holds, standing...)
	for i := range holds {
		for j := range holds[i].First {
			d := &holds[i].First[j]
			id, err := store.Identities.Get(r, d.Identity)
			if err != nil && !schema.IsNotFound(err) {
				return nil, err
			}
			d.UserName = id.UserName
		}
	}
	return holds, nil
}

// agreedTo returns the agreements to the plan as it is now.
func agreedTo(h schema.Hold) []schema.Agreement {
	return slices.DeleteFunc(slices.Clone(h.Agreed), func(a schema.Agreement) bool { return a.Plan != h.Plan })
}

// standing returns what is held until what it lacks is there.
func standing(r store.Reader) (holds []schema.Hold, err error) {
	since := map[string]time.Time{}
	for f, err := range store.Findings.All(r, findingQuarantine) {
		if err != nil {
			return nil, err
		}
		since[f.Subject] = f.First
	}
	roles, err := Quarantined(r)
	if err != nil {
		return nil, err
	}
	for role, why := range roles {
		subject := "role/" + role
		holds = append(holds, schema.Hold{
			ID: HoldID(subject), Kind: schema.RoleHold, Subject: subject, Reason: why, Since: since[subject],
			Ends: "somebody who is there answers for it",
		})
	}
	slices.SortFunc(holds, func(a, b schema.Hold) int { return strings.Compare(a.ID, b.ID) })
	for f, err := range store.Findings.All(r, noticeLast) {
		if err != nil || len(holds) >= mostStanding+len(roles) {
			return holds, err
		}
		holds = append(holds, schema.Hold{
			ID: HoldID(string(schema.LastHold) + "/" + f.Object + "/" + f.Subject), Kind: schema.LastHold, Subject: f.Subject,
			Count: 1, First: []schema.Deed{{Identity: f.Subject, What: "loses " + f.Object}},
			Since: f.First, Reason: f.Reason, Ends: "somebody else holds it",
		})
	}
	return holds, nil
}

// firstLeavers returns some of those whose end a source's brake holds.
func firstLeavers(r store.Reader, h schema.Hold) (first []schema.Deed, err error) {
	for w, err := range store.WithheldIdentities.By(r, store.WithheldSource, sourceOf(h)) {
		if err != nil {
			return nil, err
		}
		if first = append(first, schema.Deed{Identity: w.Identity.ID, What: "leaves"}); len(first) == firstDeeds {
			break
		}
	}
	return first, nil
}

func sourceOf(h schema.Hold) string { return strings.TrimPrefix(h.Subject, "source/") }

// keepHold writes what is held. Of a plan that was held before, since when and
// who agreed to it stay; agreements to another plan are void.
func keepHold(tx store.Tx, book *policy.Book, h schema.Hold) error {
	old, err := store.Holds.Get(tx, h.ID)
	switch {
	case schema.IsNotFound(err):
		h.Since = tx.Now()
	case err != nil:
		return err
	case old.Plan == h.Plan && old.Reason == h.Reason:
		if !old.Released.IsZero() {
			return nil
		}
		return notifyHeld(tx, book, h)
	case old.Plan == h.Plan:
		h.Since, h.Agreed, h.Released = old.Since, old.Agreed, old.Released
	default:
		h.Since = old.Since
		if !old.Released.IsZero() {
			_, err := tx.Record(schema.Decision{
				Actor: "bridge", Verb: schema.Held, Subject: h.Subject, Policy: book.Digest(),
				Reason: "what people released is not what it would do now; " + h.Reason,
			})
			if err != nil {
				return err
			}
		}
	}
	if err := notifyHeld(tx, book, h); err != nil {
		return err
	}
	return store.Holds.Put(tx, h)
}

// KeepHolds makes the holds on a sweep those of a run that ended. What people released
// and it is done with (past, by the holds' ids), or what it no longer came to, is held no
// more, unless the run was incomplete and may not have come to it.
func KeepHolds(tx store.Tx, book *policy.Book, sweep string, held []schema.Hold, past []string, complete bool) error {
	before, err := sweepHolds(tx, sweep)
	if err != nil {
		return err
	}
	for _, h := range before {
		still := slices.ContainsFunc(held, func(k schema.Hold) bool { return k.ID == h.ID })
		if still || !complete && !slices.Contains(past, h.ID) {
			continue
		}
		if err := store.Holds.Delete(tx, h.ID); err != nil {
			return err
		}
	}
	for _, h := range held {
		if err := keepHold(tx, book, h); err != nil {
			return err
		}
	}
	return nil
}

// releaseLasts is for how long a sweep's release is good. Whoever releases has the sweep run
// at once; what that run did not come to, its next ones do. A target may be down over a long
// weekend; what people saw more than a week ago they are shown again.
const releaseLasts = 7 * 24 * time.Hour

// VoidOldReleases has people be asked again about what they released of a sweep so long ago
// that it is not to be done unseen.
func VoidOldReleases(tx store.Tx, book *policy.Book, sweep string) error {
	holds, err := sweepHolds(tx, sweep)
	if err != nil {
		return err
	}
	for _, h := range holds {
		if h.Released.IsZero() || tx.Now().Sub(h.Released) <= releaseLasts {
			continue
		}
		_, err := tx.Record(schema.Decision{
			Actor: "bridge", Verb: schema.Held, Subject: h.Subject, Policy: book.Digest(),
			Reason: "what people released on " + day(h.Released) + " was not all done within a week: they are asked again; " + h.Reason,
		})
		if err != nil {
			return err
		}
		h.Agreed, h.Released = nil, time.Time{}
		if err := notifyHeld(tx, book, h); err != nil {
			return err
		}
		if err := store.Holds.Put(tx, h); err != nil {
			return err
		}
	}
	return nil
}

// ReleasedPlans returns the plans of a sweep that people released and that no run
// has come to yet, by the holds' ids.
func ReleasedPlans(r store.Reader, sweep string) (map[string]string, error) {
	holds, err := sweepHolds(r, sweep)
	plans := map[string]string{}
	for _, h := range holds {
		if !h.Released.IsZero() {
			plans[h.ID] = h.Plan
		}
	}
	return plans, err
}

func sweepHolds(r store.Reader, sweep string) (holds []schema.Hold, err error) {
	for h, err := range store.Holds.All(r) {
		if err != nil {
			return nil, err
		}
		if h.Kind == schema.SweepHold && sweepOf(h) == sweep {
			holds = append(holds, h)
		}
	}
	return holds, nil
}

// sweepOf is the sweep of a hold about sweep/NAME or sweep/NAME/CONNECTOR.
func sweepOf(h schema.Hold) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(h.Subject, "sweep/"), "/")
	return name
}
