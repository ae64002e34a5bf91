package access

import (
	"slices"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A difference is what lies between the lines an identity holds and those that
// policy wants. Reconcile writes it, a plan shows it.
type difference struct {
	lines []schema.Assignment // what is held from now on
	begun []schema.Assignment // of these, what is new, or held in another mode or for other reasons; Since is zero where it is new
	ended []schema.Assignment // what is held no more
	kept  []keptLine          // what stays although nothing earns it
	plain []schema.Assignment // of what is ended, or kept by the brake, what ends by the policy alone
	given []schema.Assignment // of what is begun, or kept back by the brake, what the policy alone gives
	back  []schema.Assignment // what the brake keeps back
}

// clone is the same, for whoever changes it.
func (d difference) clone() difference {
	d.lines, d.ended, d.kept = slices.Clone(d.lines), slices.Clone(d.ended), slices.Clone(d.kept)
	return d
}

// A keptLine is a line that stays although nothing earns it, and why.
type keptLine struct {
	line     schema.Assignment
	why      string
	proposed bool // it ends once a person releases it
	braked   bool // it would end, and a brake keeps it
}

// keptOf is the notice of a line that stays although nothing earns it.
func keptOf(k keptLine) notice {
	return notice{noticeKept, schema.Kept, k.line.Ref(), k.why, k.line.Roles()}
}

// backOf is the notice of a line that a brake keeps back.
func backOf(line schema.Assignment, why string) notice {
	return notice{noticeKept, schema.Held, line.Ref(), why, line.Roles()}
}

// braked returns the lines that a brake keeps, or keeps back, by connector/entitlement,
// and why.
func (d difference) braked(why string) map[string]string {
	stays := map[string]string{}
	for _, line := range d.back {
		stays[line.Ref()] = why
	}
	for _, k := range d.kept {
		if k.braked {
			stays[k.line.Ref()] = k.why
		}
	}
	return stays
}

// A comparison is all that a difference depends on. Brake says why the policy takes
// and gives nothing by itself, nothing if it does.
type comparison struct {
	book   *policy.Book
	facts  policy.Facts
	held   []schema.Assignment
	access policy.Access
	now    time.Time
	brake  string

	losses []store.Loss // what the brakes on sources hold already; a plan's

	proposals map[string]schema.Proposal // what is proposed already, by connector/entitlement

	formers  []*policy.Book  // those that the book came after, where what it alone ends is told from what ends anyway
	formerly []policy.Access // what they say, once asked
}

// difference works out what lies between. A line that was enforced
// stays as it is while its mode is lower; one that nothing may be concluded about,
// or whose roles are not enforced, is kept.
func (c *comparison) difference() difference {
	held, access := c.held, c.access
	var d difference
	for _, want := range access.Assignments {
		if i := index(held, want); i >= 0 {
			was := held[i]
			want.Released = c.released(was, want)
			if was.Reaches() && want.Mode != schema.Enforce && want.Released == "" ||
				was.Mode == want.Mode && was.Released == want.Released && slices.Equal(was.Because, want.Because) {
				d.lines = append(d.lines, was)
				continue
			}
			want.Since = was.Since
		} else if c.givesAlone(want) {
			d.given = append(d.given, want)
			if c.brake != "" {
				d.back = append(d.back, want)
				continue
			}
		}
		d.lines = append(d.lines, want)
		d.begun = append(d.begun, want)
	}
	for _, was := range held {
		if index(access.Assignments, was) >= 0 {
			continue
		}
		if why, proposed := c.keep(was); why != "" {
			d.lines = append(d.lines, was)
			d.kept = append(d.kept, keptLine{line: was, why: why, proposed: proposed})
			continue
		}
		if c.alone(was) {
			d.plain = append(d.plain, was)
			if c.brake != "" {
				d.lines = append(d.lines, was)
				d.kept = append(d.kept, keptLine{line: was, why: c.brake, braked: true})
				continue
			}
		}
		d.ended = append(d.ended, was)
	}
	return d
}

// index returns where the entitlement of a line is among the lines, or -1.
func index(lines []schema.Assignment, line schema.Assignment) int {
	return slices.IndexFunc(lines, func(l schema.Assignment) bool {
		return l.Connector == line.Connector && l.Entitlement == line.Entitlement
	})
}

// keep says why a line stays although nothing earns it, or nothing if it ends; and
// whether its end is proposed to people.
func (c *comparison) keep(line schema.Assignment) (why string, proposed bool) {
	for _, role := range line.Roles() {
		if slices.Contains(c.access.Keep, role) {
			return "role " + role + " can not be decided now", false
		}
		if refusal, ok := c.book.Refusal(role); ok && !c.book.Ended(c.facts, c.now) && !c.over(line, role) {
			return refusal.Why() + "; what is held stays until one of its triggers or a person ends it, or it is mended or removed", false
		}
	}
	mode := modeOf(c.book, line)
	switch {
	case !line.Reaches() || mode == schema.Enforce: // what never reached a target may end in any mode
		return "", false
	case mode == schema.Observe:
		return "it would end, but its mode is not enforce", false
	case c.mayEnd(line):
		return "", false
	}
	return "it would end, and its mode is propose: a person has to release it", true
}

// over reports whether a role has ended for somebody whatever its rule says: a person or a
// trigger took it away, or what they have it by are grants, and none of them goes on.
func (c *comparison) over(line schema.Assignment, role string) bool {
	if slices.ContainsFunc(c.access.Verdicts, func(v policy.Verdict) bool { return v.Role == role }) { // of a refused role, it is none but that
		return true
	}
	if slices.ContainsFunc(c.facts.Tombstones, func(t schema.Tombstone) bool { return t.Role == role }) {
		return true
	}
	granted, live := false, false
	for _, g := range c.facts.Grants {
		if g.Role == role && slices.Contains(line.Because, "grant/"+g.ID) {
			granted, live = true, live || g.Live(c.now)
		}
	}
	return granted && !live
}

// kept is why keep keeps a line.
func (c *comparison) kept(line schema.Assignment) string {
	why, _ := c.keep(line)
	return why
}
