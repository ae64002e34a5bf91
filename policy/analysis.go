package policy

import (
	"slices"

	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// An analysis walks a rule's expression.
type analysis struct {
	shapes  shapes
	reads   []read
	seen    map[string]int  // name to its place in reads
	names   map[string]bool // of the variables
	moments []moment
	texts   []string // that the rule says
	ints    []int64
	changes []string // attributes that the rule looks for in event.changed
	alike   []string // attributes that it compares with what is merely alike
	clocks  int      // how often the rule says now
	covered int      // how many of those are in moments
}

func (a *analysis) walk(e ast.Expr) {
	if r, ok := a.attribute(e); ok {
		a.note(r)
		return
	}
	switch e.Kind() {
	case ast.IdentKind:
		a.names[e.AsIdent()] = true
		if e.AsIdent() == "now" {
			a.clocks++
		}
	case ast.SelectKind:
		a.walk(e.AsSelect().Operand())
	case ast.CallKind:
		a.compare(e.AsCall())
		a.change(e.AsCall())
		a.resemble(e.AsCall())
		if e.AsCall().IsMemberFunction() {
			a.walk(e.AsCall().Target())
		}
		for _, arg := range e.AsCall().Args() {
			a.walk(arg)
		}
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			a.walk(item)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			a.walk(entry.AsMapEntry().Key())
			a.walk(entry.AsMapEntry().Value())
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		for _, part := range []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
			a.walk(part)
		}
	case ast.LiteralKind:
		switch v := e.AsLiteral().(type) {
		case types.String:
			a.texts = append(a.texts, string(v))
		case types.Int:
			a.ints = append(a.ints, int64(v))
		}
	case ast.StructKind, ast.UnspecifiedExprKind:
	}
}

// note adds a read, or joins it with an earlier one of the same attribute.
func (a *analysis) note(r read) {
	a.names[r.variable] = true
	if i, ok := a.seen[r.name]; ok {
		a.reads[i].guarded = a.reads[i].guarded || r.guarded
		return
	}
	a.seen[r.name] = len(a.reads)
	a.reads = append(a.reads, r)
}

// attribute recognises identity.employment.endDate, has(x.y) and x.?y.
func (a *analysis) attribute(e ast.Expr) (read, bool) {
	operand, name, guarded := selection(e)
	if operand == nil {
		return read{}, false
	}
	if operand.Kind() == ast.IdentKind {
		return a.step(read{variable: operand.AsIdent(), name: operand.AsIdent()}, a.shapes.variable(operand.AsIdent()), name, guarded)
	}
	outer, ok := a.attribute(operand)
	if !ok {
		return read{}, false
	}
	return a.step(outer, a.inner(outer), name, guarded)
}

// step goes one attribute further in.
func (a *analysis) step(outer read, within *shape, name string, guarded bool) (read, bool) {
	if within == nil {
		return read{}, false
	}
	i, ok := within.index[name]
	if !ok {
		return read{}, false
	}
	return read{
		variable: outer.variable, slots: append(slices.Clip(outer.slots), i),
		name: outer.name + "." + name, guarded: outer.guarded || guarded, instant: within.fields[i].typ == types.TimestampType,
	}, true
}

// change notes which attribute's change a rule looks for: "x" in event.changed.
func (a *analysis) change(c ast.CallExpr) {
	if c.FunctionName() != operators.In || c.Args()[0].Kind() != ast.LiteralKind {
		return
	}
	name, ok := c.Args()[0].AsLiteral().(types.String)
	if r, reads := a.attribute(c.Args()[1]); ok && reads && r.name == "event.changed" {
		a.changes = append(a.changes, string(name))
	}
}

// resemble notes which attribute a rule compares with what is merely alike.
func (a *analysis) resemble(c ast.CallExpr) {
	if !c.IsMemberFunction() {
		return
	}
	switch c.FunctionName() {
	case "startsWith", "endsWith", "contains", "matches", "indexOf", "substring", "split":
		if r, reads := a.attribute(c.Target()); reads {
			a.alike = append(a.alike, r.name)
		}
	}
}

// inner returns the shape of what a read leads to, nil for a plain value.
func (a *analysis) inner(r read) *shape {
	s := a.shapes.variable(r.variable)
	for _, i := range r.slots {
		s = s.fields[i].nested
	}
	return s
}

// selection takes x.y, has(x.y) or x.?y apart; operand is nil for anything else.
func selection(e ast.Expr) (operand ast.Expr, name string, guarded bool) {
	switch e.Kind() { //nolint:exhaustive // the other kinds select nothing
	case ast.SelectKind:
		s := e.AsSelect()
		return s.Operand(), s.FieldName(), s.IsTestOnly()
	case ast.CallKind:
		c := e.AsCall()
		if c.FunctionName() == operators.OptSelect && len(c.Args()) == 2 && c.Args()[1].Kind() == ast.LiteralKind {
			if field, ok := c.Args()[1].AsLiteral().(types.String); ok {
				return c.Args()[0], string(field), true
			}
		}
	}
	return nil, "", false
}

// positive reports whether whatever the expression matches must meet a positive
// condition on an attribute: an expression that is true of whoever is not
// something matches by default, and is not.
func positive(e ast.Expr) bool {
	switch e.Kind() {
	case ast.SelectKind:
		return true // a truth attribute, or has(...)
	case ast.ComprehensionKind:
		return true
	case ast.CallKind:
	default:
		return false
	}
	c := e.AsCall()
	switch c.FunctionName() {
	case operators.LogicalAnd:
		return positive(c.Args()[0]) || positive(c.Args()[1])
	case operators.LogicalOr:
		return positive(c.Args()[0]) && positive(c.Args()[1])
	case operators.Conditional:
		return positive(c.Args()[0]) && positive(c.Args()[1]) && negligible(c.Args()[2])
	case operators.Equals, operators.In:
		return true
	case "startsWith", "endsWith", "contains", "matches", "sets.contains", "sets.intersects", "sets.equivalent":
		return true
	}
	return false
}

// negligible reports whether a branch is the literal false.
func negligible(e ast.Expr) bool { return e.Kind() == ast.LiteralKind && e.AsLiteral() == types.False }

// A moment is an instant at which time alone may change a rule's value: that of
// an attribute (or a fixed one) and a duration after it.
type moment struct {
	read  *read
	fixed time.Time
	after time.Duration
}

// of returns the instant, or zero where the attribute is absent.
func (m moment) of(in *inputs) time.Time {
	at := m.fixed
	if m.read != nil {
		t, ok := m.read.of(in).(types.Timestamp)
		if !ok {
			return time.Time{}
		}
		at = t.Time
	}
	return at.Add(m.after)
}

// A line is a sum: times now, plus times an instant, plus a duration.
type line struct {
	now, instant int
	read         *read
	fixed        time.Time
	plus         time.Duration
}

// compare notes the moment at which a comparison with now changes its value.
func (a *analysis) compare(c ast.CallExpr) {
	strict := false // it changes just after the instant, not at it, if now is on the left
	switch c.FunctionName() {
	case operators.Less, operators.GreaterEquals:
	case operators.LessEquals, operators.Greater:
		strict = true
	default:
		return
	}
	left, ok := a.sum(c.Args()[0])
	right, ok2 := a.sum(c.Args()[1])
	if !ok || !ok2 {
		return
	}
	d, ok := left.minus(right)
	if !ok || d.now*d.now != 1 || d.now != -d.instant {
		return
	}
	if d.now < 0 { // as if the sides were exchanged: a < b is b > a
		strict = !strict
	}
	m := moment{read: d.read, fixed: d.fixed, after: -d.plus * time.Duration(d.now)}
	if strict {
		m.after++
	}
	a.moments = append(a.moments, m)
	a.covered++
}

// sum reads an expression as a line; most are none.
func (a *analysis) sum(e ast.Expr) (line, bool) {
	if r, ok := a.attribute(e); ok {
		return line{instant: 1, read: &r}, true
	}
	switch e.Kind() {
	case ast.IdentKind:
		return line{now: 1}, e.AsIdent() == "now"
	case ast.CallKind:
	default:
		return line{}, false
	}
	c := e.AsCall()
	switch c.FunctionName() {
	case "duration", "timestamp":
		return literal(c)
	case operators.Add, operators.Subtract:
		left, ok := a.sum(c.Args()[0])
		right, ok2 := a.sum(c.Args()[1])
		if !ok || !ok2 {
			return line{}, false
		}
		if c.FunctionName() == operators.Add {
			right = right.negated()
		}
		return left.minus(right)
	}
	return line{}, false
}

func literal(c ast.CallExpr) (line, bool) {
	if len(c.Args()) != 1 || c.Args()[0].Kind() != ast.LiteralKind {
		return line{}, false
	}
	text, ok := c.Args()[0].AsLiteral().(types.String)
	if !ok {
		return line{}, false
	}
	if c.FunctionName() == "duration" {
		d, err := time.ParseDuration(string(text))
		return line{plus: d}, err == nil
	}
	t, err := time.Parse(time.RFC3339, string(text))
	return line{instant: 1, fixed: t}, err == nil
}

func (l line) negated() line {
	l.now, l.instant, l.plus = -l.now, -l.instant, -l.plus
	return l
}

// minus subtracts; a line has at most one instant in it.
func (l line) minus(r line) (line, bool) {
	if l.instant != 0 && r.instant != 0 {
		return line{}, false
	}
	if r.instant != 0 {
		l.instant, l.read, l.fixed = -r.instant, r.read, r.fixed
	}
	l.now -= r.now
	l.plus -= r.plus
	return l, true
}
