package access

import (
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// What somebody holds, as a reviewer looks at it: a role, with what it gives and why
// they have it; or an entitlement at a target that no role gives.

const (
	holdingRole  = "role/"
	holdingOther = "entitlement/"
)

// roleOf returns the role of a holding.
func roleOf(holding string) (string, bool) { return strings.CutPrefix(holding, holdingRole) }

// entitlementOf returns what is held at which target, of a holding that no role gives.
func entitlementOf(holding string) (connector, target string, ok bool) {
	rest, ok := strings.CutPrefix(holding, holdingOther)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "/")
}

func cutRef(ref string) (connector, id string) {
	connector, id, _ = strings.Cut(ref, "/")
	return connector, id
}

// A lookOver makes items of what people hold.
type lookOver struct {
	book   *policy.Book
	bench  *bench
	census *census
	feeds  []schema.Feed
}

// roles returns an item for each role that an identity holds and that is wanted.
func (o *lookOver) roles(r store.Reader, f policy.Facts, wanted func(role string, lines []schema.Assignment) bool) (items []schema.ReviewItem, err error) {
	id := f.Identity.ID
	lines, grants := map[string][]schema.Assignment{}, map[string][]schema.Grant{}
	for a, err := range store.Assignments.All(r, id) {
		if err != nil {
			return nil, err
		}
		for _, role := range a.Roles() {
			lines[role] = append(lines[role], a)
		}
	}
	for g, err := range store.Grants.All(r, id) {
		if err != nil {
			return nil, err
		}
		if g.Live(r.Now()) {
			grants[g.Role] = append(grants[g.Role], g)
		}
	}
	for _, role := range schema.Sorted(slices.AppendSeq(slices.Collect(maps.Keys(lines)), maps.Keys(grants))...) {
		if !wanted(role, lines[role]) {
			continue
		}
		item, err := o.role(r, f, role, lines[role], grants[role])
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// role is the item of one role that somebody holds.
func (o *lookOver) role(r store.Reader, f policy.Facts, role string, lines []schema.Assignment, grants []schema.Grant) (schema.ReviewItem, error) {
	i := schema.ReviewItem{Review: o.bench.review.ID, Identity: f.Identity.ID, Holding: holdingRole + role, State: schema.ItemOpen}
	var why []string
	since := func(at time.Time) {
		if !at.IsZero() && (i.Since.IsZero() || at.Before(i.Since)) {
			i.Since = at
		}
	}
	for _, a := range lines {
		i.Gives = append(i.Gives, a.Ref())
		why = append(why, slices.DeleteFunc(slices.Clone(a.Because), func(ref string) bool {
			other, is := roleOf(ref)
			return is && other != role
		})...)
		since(a.Since)
	}
	if len(lines) == 0 {
		for _, e := range o.book.Gives(role) {
			i.Gives = append(i.Gives, e.Ref())
		}
	}
	i.Because = "role " + role + " is held by rule"
	for n, g := range grants {
		why = append(why, g.Causes()...)
		for _, a := range g.Approvals {
			why = append(why, "approved by "+a.By)
		}
		since(g.From)
		i.Grants, i.LastUsed = append(i.Grants, g.ID), latest(i.LastUsed, g.LastUsed)
		if n == 0 || g.Until.IsZero() || !i.Until.IsZero() && g.Until.After(i.Until) {
			i.Until = g.Until
		}
		i.Because = "role " + role + " was granted by " + g.By + " at " + day(g.From)
	}
	i.Gives, i.Why = schema.Sorted(i.Gives...), schema.Sorted(why...)
	if _, known := o.book.Role(role); !known {
		i.Because += "; it is in the policy no more"
	}
	return i, o.complete(r, f, &i)
}

// unexplained returns an item for each entitlement that an account holds and the bridge
// neither gave nor adopted.
func (o *lookOver) unexplained(r store.Reader, f policy.Facts, a schema.Account) (items []schema.ReviewItem, err error) {
	if !a.Active {
		return nil, nil
	}
	for _, target := range a.Entitlements {
		if slices.Contains(a.Managed, target) {
			continue
		}
		i := schema.ReviewItem{
			Review: o.bench.review.ID, Identity: f.Identity.ID, Holding: holdingOther + a.Connector + "/" + target, State: schema.ItemOpen,
			Because: "it was seen at " + a.Connector + " at " + day(a.Observed) + ", and no role gives it",
		}
		if e, ok := o.book.EntitlementByTarget(a.Connector, target); ok {
			i.Gives = []string{e.Ref()}
		}
		if err := o.complete(r, f, &i); err != nil {
			return nil, err
		}
		items = append(items, i)
	}
	return items, nil
}

// complete adds what is to be said of an item besides: its risk, its use, the peers, and
// who decides.
func (o *lookOver) complete(r store.Reader, f policy.Facts, i *schema.ReviewItem) (err error) {
	attributes, err := Attributes(f.Identity)
	if err != nil {
		return err
	}
	i.Department = attributes["department"]
	i.Peers, i.Alike = o.census.peers(i.Department, i.Holding)
	for _, e := range o.book.Effective(i.Gives...) {
		i.Privileged = i.Privileged || e.Privileged
		if policy.RiskRank(e.Risk) > policy.RiskRank(i.Risk) {
			i.Risk = e.Risk
		}
	}
	for _, ref := range i.Gives {
		connector, id := cutRef(ref)
		uses, err := usesAt(r, i.Identity, connector)
		if err != nil {
			return err
		}
		used := o.book.LastUse(uses, o.feeds, connector, id, r.Now())
		if !used.Seen {
			i.Unseen = append(i.Unseen, connector)
		}
		if used.Last.After(i.LastUsed) {
			i.LastUsed, i.ToldBy = used.Last, used.By
		}
	}
	i.Unseen = schema.Sorted(i.Unseen...)
	o.terms(r.Now(), i)
	i.Awaits, err = o.bench.awaits(*i, f)
	return err
}

// terms adds who looks at an item first, and what becomes of it, where the review leaves
// that to each role. Of one that says nothing of reviews that is the manager.
func (o *lookOver) terms(now time.Time, i *schema.ReviewItem) {
	role, _ := roleOf(i.Holding)
	says, ok := o.book.ReviewOf(role, nil, now)
	if !ok {
		says = policy.Terms{Reviewer: schema.ByManager, Overdue: schema.OverdueEscalate}
	}
	if o.bench.review.Reviewer == "" {
		i.Reviewer = says.Reviewer
	}
	if o.bench.review.Overdue == "" {
		i.Overdue = says.Overdue
	}
}

// useFeeds returns the feeds that tell of use, with when they were heard.
func useFeeds(r store.Reader, book *policy.Book) (feeds []schema.Feed, err error) {
	for _, source := range book.Tellers(schema.TopicUse) {
		for f, err := range store.Feeds.All(r, source, string(schema.TopicUse)) {
			if err != nil {
				return nil, err
			}
			feeds = append(feeds, f)
		}
	}
	return feeds, nil
}

// stillHeld reports whether an identity has what an item is about.
func stillHeld(r store.Reader, i schema.ReviewItem) (bool, error) {
	if connector, target, ok := entitlementOf(i.Holding); ok {
		a, err := account(r, connector, i.Identity)
		return err == nil && a.Active && a.Holds(target), err
	}
	role, _ := roleOf(i.Holding)
	for a, err := range store.Assignments.All(r, i.Identity) {
		if err != nil || slices.Contains(a.Because, holdingRole+role) {
			return err == nil, err
		}
	}
	stone, err := store.Tombstones.Has(r, i.Identity, role)
	if err != nil || stone {
		return false, err
	}
	for g, err := range store.Grants.All(r, i.Identity) {
		if err != nil || g.Role == role && g.Live(r.Now()) {
			return err == nil, err
		}
	}
	return false, nil
}
