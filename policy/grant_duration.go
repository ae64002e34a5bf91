package policy

import (
	"fmt"
	"time"

	"drawbridge/schema"
)

// Endless says why a grant of the role needs no end, where it needs none.
func (r *Role) Endless() string {
	if r.Spec.Duration != nil || r.Spec.Permanent == nil {
		return ""
	}
	return r.Spec.Permanent.Because
}

// Bound sets when a grant of the role ends: as asked, within what the role allows, or an
// exception does, which the grant then rests on.
func (r *Role) Bound(g *schema.Grant, passes []Pass, now time.Time) error {
	d := r.Spec.Duration
	if d == nil {
		if !g.Until.IsZero() && !g.Until.After(g.From) {
			return fmt.Errorf("grant of role %s ends before it begins: %w", g.Role, schema.ErrInvalid)
		}
		return nil // permanence stated in the template; it would not be in the book otherwise
	}
	if g.Until.IsZero() {
		g.Until = g.From.Add(time.Duration(d.Default))
	}
	lasts := g.Until.Sub(g.From)
	switch {
	case !g.Until.After(g.From) || !g.Until.After(now):
		return fmt.Errorf("grant of role %s ends before it begins: %w", g.Role, schema.ErrInvalid)
	case !r.TooLong(lasts):
		return nil
	}
	for _, p := range passes {
		if most, ok := p.Extends(g.Role); ok && p.Live(now) && lasts <= most {
			p.Bear(g)
			if p.Until.Before(g.Until) {
				g.Until = p.Until
			}
			return nil
		}
	}
	return fmt.Errorf("role %s is held for %s at most: %w", g.Role, max(d.Default, d.Max), schema.ErrForbidden)
}

// TooLong reports whether the role may not be held for so long without an exception.
func (r *Role) TooLong(lasts time.Duration) bool {
	d := r.Spec.Duration
	return d != nil && lasts > time.Duration(max(d.Default, d.Max))
}

// Bear notes in a grant that it rests on the exception, and ends with it, unless that says
// that what needs it no more stays.
func (p Pass) Bear(g *schema.Grant) {
	g.Excepted = schema.Sorted(append(g.Excepted, p.Exception)...)
	if !p.Falls && (g.Until.IsZero() || p.Until.Before(g.Until)) {
		g.Until = p.Until
	}
}
