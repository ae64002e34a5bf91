package policy

import (
	"slices"
	"time"

	"drawbridge/schema"
)

// ReviewWithin is how long people have who are to look again at what is held, or at an
// exception, where that does not say.
const ReviewWithin = 14 * day

// Terms are how a role is to be reviewed.
type Terms struct {
	Every    time.Duration
	Halved   []string // connectors of whose use nobody tells: it is reviewed twice as often
	Within   time.Duration
	Reviewer schema.Reviewer
	Overdue  string
}

// ReviewOf returns how a role is to be reviewed, given the feeds that tell of use; ok
// is false of one that says nothing of reviews. Where it cannot be seen whether that is
// used which is to end when it is not, people look twice as often.
func (b *Book) ReviewOf(role string, feeds []schema.Feed, now time.Time) (t Terms, ok bool) {
	r, known := b.byName[role]
	if !known || r.Spec.Review == nil || r.Spec.Review.Every <= 0 {
		return t, false
	}
	says := r.Spec.Review
	t = Terms{Every: time.Duration(says.Every), Within: time.Duration(says.Within), Reviewer: schema.Reviewer(says.By), Overdue: says.Overdue}
	if t.Within == 0 {
		t.Within = ReviewWithin
	}
	if t.Reviewer == "" {
		t.Reviewer = schema.ByOwner
	}
	if t.Overdue == "" {
		t.Overdue = schema.OverdueEscalate
	}
	if !r.uses {
		return t, true
	}
	for _, h := range r.holdings {
		if !b.Sees(h.Connector, feeds, now) {
			t.Halved = append(t.Halved, h.Connector)
		}
	}
	if t.Halved = schema.Sorted(t.Halved...); len(t.Halved) > 0 {
		t.Every /= 2
	}
	return t, true
}

// Gives returns what a role gives: nothing of one that is not in force.
func (b *Book) Gives(role string) (all []schema.Entitlement) {
	r, ok := b.byName[role]
	if !ok {
		return nil
	}
	for _, h := range r.holdings {
		all = append(all, h.Entitlement)
	}
	return all
}

// ReviewedOn returns the roles among some that are to be reviewed because attributes of
// their holder changed.
func (b *Book) ReviewedOn(changed, roles []string) (due []string) {
	for _, role := range roles {
		r, ok := b.byName[role]
		if ok && r.Spec.Review != nil && slices.ContainsFunc(r.Spec.Review.OnChange, func(a string) bool { return slices.Contains(changed, a) }) {
			due = append(due, role)
		}
	}
	return schema.Sorted(due...)
}

// reviewed checks what a document says of its review.
func (c *compiler) reviewed(h *Header, r *Review) {
	if r == nil {
		return
	}
	for i, name := range r.OnChange {
		if _, ok := c.book.declared()[name]; ok {
			continue
		}
		problem := c.report(h, CodeField, in("spec", "review", "onChange", nth(i)), "identity has no attribute %q", name)
		if near := nearest(name, c.book.language.shapes.identity.names()); near != "" {
			problem.hint("did you mean %q?", near)
		}
	}
}
