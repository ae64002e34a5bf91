package access

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A policy in force is weighed before it takes or gives anything by itself: what it
// would take from everybody together, and give to them, against its own limits
// revokesPerRun and grantsPerRun, and how many each rule that is new matches, against
// roleMatchPercent. Until that is known, and for as long as it is too much, it is held as
// a whole: what it alone would end stays as it is, what it alone would give is not given.
// What ends or begins for other reasons does: leavers, triggers, grants that reach their
// end, what a person revokes; joiners, movers, grants that people agreed to. Released by
// people, it goes on.

// settingWeighing is a weight, as JSON; there is no such row once a policy was
// found light enough, or was released.
const settingWeighing = "weighing"

// A weight says which policy is held, and why; without a reason it is still being
// weighed.
type weight struct {
	Digest string   `json:"digest"`
	Reason string   `json:"reason,omitempty"`
	Former []string `json:"former,omitempty"` // digests of the policies it came after while nothing was taken away, oldest first
}

func readWeight(r store.Reader) (w weight, err error) {
	row, err := store.Settings.Get(r, settingWeighing)
	if schema.IsNotFound(err) {
		return w, nil
	}
	if err != nil {
		return w, err
	}
	if err := json.Unmarshal([]byte(row.Value), &w); err != nil {
		return w, fmt.Errorf("setting %s: %w", settingWeighing, err)
	}
	return w, nil
}

func (w weight) write(tx store.Tx) error {
	value, err := json.Marshal(w)
	if err != nil {
		return err
	}
	return store.Settings.Put(tx, store.Setting{Name: settingWeighing, Value: string(value)})
}

// heldPolicy returns why the policy in force takes nothing away by itself, nothing
// if it is not held.
func heldPolicy(r store.Reader, book *policy.Book) (string, error) {
	w, err := readWeight(r)
	switch {
	case err != nil || w.Digest != book.Digest():
		return "", err
	case w.Reason == "":
		return "the policy is being weighed", nil
	}
	return w.Reason, nil
}

// held is heldPolicy, with the policies that a held one came after.
func (r *Rules) held(from store.Reader, book *policy.Book) (why string, formers []*policy.Book, err error) {
	if why, err = heldPolicy(from, book); err != nil || why == "" {
		return why, nil, err
	}
	w, err := readWeight(from)
	if err != nil {
		return why, nil, err
	}
	formers, err = r.former.formers(from, w.Former)
	return why, formers, err
}

// holdUntilWeighed keeps a policy from taking anything away before it was weighed,
// if it sets a limit. Former is the digest of the one it follows; the first of all has
// nothing to take away.
func holdUntilWeighed(tx store.Tx, book *policy.Book, former string) error {
	held, err := readWeight(tx)
	if err != nil {
		return err
	}
	if err := forgetWeight(tx); err != nil {
		return err
	}
	if former == "" || !book.Weighs() {
		return nil
	}
	return weight{Digest: book.Digest(), Former: after(held.Former, former)}.write(tx)
}

func forgetWeight(tx store.Tx) error {
	w, err := readWeight(tx)
	if err != nil || w.Digest == "" {
		return err
	}
	if err := store.Holds.Delete(tx, HoldID("policy/"+w.Digest)); err != nil {
		return err
	}
	if err := resolve(tx, schema.Finding{Kind: findingPolicy, Subject: "policy/" + w.Digest}); err != nil {
		return err
	}
	return store.Settings.Delete(tx, settingWeighing)
}

// weigh works out what the policy in force would take away by itself, if that is
// not known yet, and holds it if it is too much.
func weigh(ctx context.Context, s *store.Store, rules *Rules, digest string) error {
	book := rules.Book()
	var w weight
	err := s.View(ctx, func(r store.Reader) (err error) {
		w, err = readWeight(r)
		return err
	})
	switch {
	case err != nil || w.Digest != digest || w.Reason != "":
		return err
	case book.Digest() != digest: // it is in force, and about to be taken up here
		return fmt.Errorf("policy %s is not in use yet: %w", digest, schema.ErrUnavailable)
	}
	h, heavy, err := weighed(ctx, s, rules)
	if err != nil {
		return err
	}
	return s.Update(ctx, func(tx store.Tx) error {
		if now, err := readWeight(tx); err != nil || now.Digest != w.Digest || now.Reason != "" {
			return err
		}
		if !heavy {
			return forgetWeight(tx)
		}
		return holdPolicy(tx, book, w.Former, h)
	})
}

// weighed works out what a policy takes away by itself, and whether that is more
// than its limit.
func weighed(ctx context.Context, s *store.Store, rules *Rules) (h schema.Hold, heavy bool, err error) {
	book := rules.Book()
	p := newPlanning(nil, book)
	err = s.View(ctx, func(r store.Reader) (err error) {
		_, p.formers, err = rules.held(r, book)
		return err
	})
	if err != nil {
		return h, false, err
	}
	subject := "policy/" + book.Digest()
	would := NewIntent(subject)
	plan, err := p.run(ctx, s, func(line PlanLine) error {
		switch ref := line.Connector + "/" + line.Entitlement; {
		case line.ByPolicy && line.Change == PlanRevoke:
			would.Add(line.Identity, "loses "+ref)
		case line.ByPolicy:
			would.Add(line.Identity, "gains "+ref)
		}
		return nil
	})
	if err != nil {
		return h, false, fmt.Errorf("weigh %s: %w", subject, err)
	}
	why := p.heavy(plan)
	h = would.Hold(schema.PolicyHold, subject, strings.Join(why, "; "))
	return h, len(why) > 0, nil
}

// heavy says which limits a policy exceeds.
func (p *planning) heavy(plan Plan) (why []string) {
	limits := p.to.Limits()
	if limits.RevokesPerRun.Stops(plan.ByPolicy, plan.Held) {
		why = append(why, fmt.Sprintf("the policy would take away %d of %d lines, and its limit is %s", plan.ByPolicy, plan.Held, limits.RevokesPerRun))
	}
	if limits.GrantsPerRun.Stops(plan.Given, plan.Held) {
		why = append(why, fmt.Sprintf("the policy would give %d lines, of %d that are held, and its limit is %s", plan.Given, plan.Held, limits.GrantsPerRun))
	}
	for _, b := range plan.Brakes {
		if b.Role != "" && b.Exceeded && p.newlyBroad(b.Role) {
			why = append(why, fmt.Sprintf("the rule of role %s matches %d identities, %.0f%% of all, and the limit is %g%%", b.Role, b.Lines, b.Share, b.Percent))
		}
	}
	return why
}

// newlyBroad reports whether a role is not what it was under all the policies before, or
// is held to another limit.
func (p *planning) newlyBroad(role string) bool {
	now, _ := p.to.Role(role)
	return slices.ContainsFunc(p.formers, func(book *policy.Book) bool {
		was, ok := book.Role(role)
		return !ok || book.Substance(role) != p.to.Substance(role) || book.MostMatched(was) != p.to.MostMatched(now)
	})
}

// holdPolicy holds a policy that was found too heavy.
func holdPolicy(tx store.Tx, book *policy.Book, former []string, h schema.Hold) error {
	if err := (weight{Digest: book.Digest(), Reason: h.Reason, Former: former}).write(tx); err != nil {
		return err
	}
	published, err := store.Policies.Get(tx, book.Digest())
	if err != nil && !schema.IsNotFound(err) {
		return err
	}
	h.By = published.By
	if err := keepHold(tx, book, h); err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: "bridge", Verb: schema.Held, Subject: h.Subject, Reason: h.Reason, Policy: book.Digest(),
	})
	if err != nil {
		return err
	}
	return Report(tx, book, "bridge", schema.Finding{Kind: findingPolicy, Subject: h.Subject, Reason: h.Reason})
}

// releasePolicy lets the policy in force take away what it was held from, and has
// everyone looked at again. ErrNotFound if it is not held.
func releasePolicy(tx store.Tx, book *policy.Book, by, reason string) error {
	w, err := readWeight(tx)
	if err != nil {
		return err
	}
	if w.Digest != book.Digest() {
		return fmt.Errorf("policy %s is not held: %w", book.Digest(), schema.ErrNotFound)
	}
	if err := forgetWeight(tx); err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: by, Verb: schema.Released, Subject: "policy/" + w.Digest, Reason: reason, Policy: w.Digest,
	})
	if err != nil {
		return err
	}
	return wakeEveryone(tx)
}

// byPolicy reports whether a line ends because of what the policy's rules say, and
// for no reason of the identity's own.
func byPolicy(facts policy.Facts, access policy.Access, line schema.Assignment, now time.Time) bool {
	if line.Mode != schema.Enforce || !facts.Identity.Active || facts.Identity.Gone() {
		return false
	}
	for _, role := range line.Roles() {
		i := slices.IndexFunc(access.Verdicts, func(v policy.Verdict) bool { return v.Role == role })
		if i < 0 {
			continue // the policy has it no more
		}
		switch access.Verdicts[i].Outcome { //nolint:exhaustive // the others do not end anything
		case policy.Withdrawn, policy.Suspended, policy.Buried, policy.Blocked:
			return false
		}
	}
	for _, g := range facts.Grants {
		if slices.Contains(line.Because, "grant/"+g.ID) && !g.Live(now) {
			return false
		}
	}
	return true
}
