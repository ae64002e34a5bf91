package access

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/policy/signed"
	"drawbridge/schema"
	"drawbridge/store"
)

// A plan that is kept is a promise: what is published is that plan, or nothing. Its
// hash names both policies, every change there would be, whose account ends with it for
// good, and what was seen of those for whom there is one. What the policy in force is about to change anyway is none of
// the plan's doing, and not in it; nor is the time. So a plan made from a backup and
// one made from the store it is of have one hash, and of two plans with one hash it is
// the same to which of them people agreed.

// A SavedPlan is a plan with all that it takes to publish it, and to say what moved if
// it can be published no more.
type SavedPlan struct {
	Plan   Plan              `json:"plan"`
	Stakes []PlanStake       `json:"stakes,omitempty"` // the first, by identity
	Files  map[string]string `json:"files,omitempty"`  // the documents: path to text
	Commit string            `json:"commit,omitempty"` // of version control, as was said
	Author string            `json:"author,omitempty"` // who wrote the change, as was said

	After    string          `json:"after,omitempty"`    // the commit that the one of the documents comes after, where it has to be signed
	Evidence *signed.Objects `json:"evidence,omitempty"` // of the commit, and of those between
}

// A PlanStake is one identity for which a plan changes something.
type PlanStake struct {
	Identity string `json:"identity"`
	UserName string `json:"userName"`
	Saw      string `json:"saw"`  // hash of what is known of it and of what it holds
	Does     string `json:"does"` // hash of what the plan does
}

// planStakes is of how many identities a saved plan can tell that they moved.
const planStakes = 2000

// SavePlan works out a plan to be kept.
func SavePlan(ctx context.Context, s *store.Store, from, to *policy.Book) (SavedPlan, error) {
	p := newPlanning(from, to)
	p.covers = true
	plan, err := p.run(ctx, s, func(PlanLine) error { return nil })
	if err != nil {
		return SavedPlan{}, err
	}
	saved := SavedPlan{Plan: plan, Stakes: p.stakes}
	return saved, s.View(ctx, func(r store.Reader) (err error) {
		saved.After, err = NewestCommit(r)
		return err
	})
}

// Moved says what is otherwise than when a plan was made, given the same plan made now;
// nothing if it would do the same for the same people.
func (was SavedPlan) Moved(now SavedPlan) []string {
	if was.Plan.Hash == now.Plan.Hash {
		return nil
	}
	var moved []string
	if was.Plan.To != now.Plan.To {
		moved = append(moved, fmt.Sprintf("the documents are those of policy %s, and the plan is of %s", brief(now.Plan.To), brief(was.Plan.To)))
	}
	if was.Plan.From != now.Plan.From {
		moved = append(moved, fmt.Sprintf("policy %s is in force, and was %s", brief(now.Plan.From), brief(was.Plan.From)))
	}
	moved = append(moved, movedEndings(was.Plan.Endings, now.Plan.Endings)...)
	people := movedStakes(was.Stakes, now.Stakes)
	moved = append(moved, people...)
	if len(moved) == 0 {
		moved = append(moved, fmt.Sprintf("somebody beyond the first %d whom it is about, or a role's quarantine", planStakes))
	}
	return moved
}

// mostMoved is how many of those who moved are named.
const mostMoved = 10

func movedStakes(was, now []PlanStake) []string {
	at := func(all []PlanStake, identity string) (PlanStake, bool) {
		i, ok := slices.BinarySearchFunc(all, identity, func(s PlanStake, id string) int { return strings.Compare(s.Identity, id) })
		if !ok {
			return PlanStake{}, false
		}
		return all[i], true
	}
	end := "" // beyond it, one of the two does not tell
	for _, all := range [][]PlanStake{was, now} {
		if n := len(all); n == planStakes && (end == "" || all[n-1].Identity < end) {
			end = all[n-1].Identity
		}
	}
	var moved []string
	n := 0
	say := func(s PlanStake, what string) {
		if end != "" && s.Identity > end {
			return
		}
		if n++; n <= mostMoved {
			moved = append(moved, nameOf(s)+": "+what)
		}
	}
	for _, s := range was {
		switch other, ok := at(now, s.Identity); {
		case !ok:
			say(s, "it would change nothing for them any more")
		case other.Saw != s.Saw && other.Does != s.Does:
			say(s, "they changed, and so did what it would do for them")
		case other.Saw != s.Saw:
			say(s, "what is known of them, or what they hold, changed")
		case other.Does != s.Does:
			say(s, "it would do something else for them")
		}
	}
	for _, s := range now {
		if _, ok := at(was, s.Identity); !ok {
			say(s, "it would change something for them, too")
		}
	}
	if n > mostMoved {
		moved = append(moved, fmt.Sprintf("and %d more", n-mostMoved))
	}
	return moved
}

func nameOf(s PlanStake) string {
	if s.UserName == "" {
		return s.Identity
	}
	return s.UserName
}

// brief is how a hash is shown to people.
func brief(digest string) string {
	if digest == "" {
		return "none"
	}
	return digest[:min(12, len(digest))]
}

// saw is a hash of what is known of an identity and of what it holds: what would make
// people look again if it changed. That a feed was heard, or an account used, is not.
func saw(c *comparison) string {
	f, sum := c.facts, NewIntent(c.facts.Identity.ID)
	records := []schema.Identity{f.Identity}
	for _, rec := range f.Records {
		records = append(records, rec.Identity)
	}
	for _, rec := range records {
		sum.write(rec.ID, fmt.Sprint(rec.Version), string(rec.Place), instant(rec.Deleted))
	}
	sum.write(f.Groups...)
	for _, g := range f.Grants {
		sum.write(g.ID, g.Role, instant(g.Until), instant(g.Ended), instant(g.Reviewed))
	}
	for _, t := range f.Tombstones {
		sum.write("buried", t.Role)
	}
	for _, line := range c.held {
		sum.write(append([]string{line.Ref(), string(line.Mode)}, line.Because...)...)
	}
	return half(sum)
}

// sumOf is a hash of what is done, and of what of it cannot be undone.
func sumOf(lines []PlanLine) string {
	sum := NewIntent("lines")
	for _, l := range lines {
		sum.write(append([]string{string(l.Change), l.Connector, l.Entitlement, string(l.Mode)}, l.Roles...)...)
		if l.ForGood {
			sum.write("for good")
		}
	}
	return half(sum)
}

// half is enough of a sum to tell that something changed.
func half(sum *Intent) string { return hex.EncodeToString(sum.sum.Sum(nil)[:12]) }

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
