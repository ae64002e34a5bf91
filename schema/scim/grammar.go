package scim

import (
	"encoding/json"
	"strings"
)

// What a filter may be, before anything else looks at it: a parser that calls
// itself must not be led deeper than its stack.
const (
	maxFilter      = 4 << 10 // bytes
	maxFilterDepth = 32
)

// ParseFilter reads a filter (RFC 7644, section 3.4.2.2), in the grammar and in
// what senders make of it: any case, any white space, attr[filter].sub op value,
// attributes of extensions with and without their URN.
func (t *Type) ParseFilter(s string) (Filter, error) {
	p, err := newParser(t, s)
	if err != nil || s == "" {
		return Filter{}, err
	}
	return p.filter()
}

// skip reports whether there is nothing to read.
func (p *parser) skip() bool {
	p.space()
	return p.i == len(p.s)
}

func (p *parser) filter() (Filter, error) {
	root, err := p.all()
	if err != nil {
		return Filter{}, err
	}
	switch truth, known := root.settled(); {
	case known && truth:
		return Filter{}, nil
	case known:
		return Filter{never}, nil
	}
	return Filter{root}, nil
}

// A parser reads one filter, from left to right, by recursive descent. It never
// calls itself deeper than the cap.
type parser struct {
	typ   *Type
	of    *Attribute // inside of brackets: whose elements the filter is about
	s     string
	i     int
	depth int

	loose   bool     // what the type does not have is unset
	missing []string // what it does not have
}

func newParser(t *Type, s string) (*parser, error) {
	if len(s) > maxFilter {
		return nil, Invalid(InvalidFilter, "filter: it is longer than %d bytes", maxFilter)
	}
	return &parser{typ: t, s: s}, nil
}

func (p *parser) fail(format string, args ...any) error {
	at := p.s[min(p.i, len(p.s)):]
	if len(at) > 24 {
		at = strings.ToValidUTF8(at[:24], "") + "…"
	}
	err := Invalid(InvalidFilter, "filter, at byte %d, before %q: "+format, append([]any{p.i, at}, args...)...)
	return err
}

// all reads a filter and nothing behind it.
func (p *parser) all() (*expr, error) {
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.space(); p.i < len(p.s) {
		return nil, p.fail("expected and, or, or the end")
	}
	return e, nil
}

func (p *parser) or() (*expr, error) { return p.chain(opOr, p.and) }

func (p *parser) and() (*expr, error) { return p.chain(opAnd, p.term) }

// chain reads terms with one operator between them.
func (p *parser) chain(o op, term func() (*expr, error)) (*expr, error) {
	first, err := term()
	if err != nil {
		return nil, err
	}
	kids := []*expr{first}
	for p.keyword(string(o)) {
		next, err := term()
		if err != nil {
			return nil, err
		}
		kids = append(kids, next)
	}
	if len(kids) == 1 {
		return first, nil
	}
	return &expr{op: o, kids: kids}, nil
}

// term reads a comparison, a filter in parentheses, or what is not so.
func (p *parser) term() (*expr, error) {
	start := p.i
	if p.keyword("not") {
		if p.space(); p.i < len(p.s) && p.s[p.i] == '(' {
			inner, err := p.group('(', ')')
			if err != nil {
				return nil, err
			}
			return &expr{op: opNot, kids: []*expr{inner}}, nil
		}
		p.i = start // an attribute may be called so
	}
	if p.space(); p.i < len(p.s) && p.s[p.i] == '(' {
		return p.group('(', ')')
	}
	return p.comparison()
}

// group reads a filter between brackets.
func (p *parser) group(open, closing byte) (*expr, error) {
	if p.depth++; p.depth > maxFilterDepth {
		return nil, Invalid(InvalidFilter, "filter: it is nested deeper than %d", maxFilterDepth)
	}
	p.i++ // the opening one
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.space(); p.i >= len(p.s) || p.s[p.i] != closing {
		return nil, p.fail("expected %q, for the %q before", closing, open)
	}
	p.i++
	p.depth--
	return e, nil
}

// comparison reads an attribute and what it is compared with.
func (p *parser) comparison() (*expr, error) {
	path := p.word()
	if path == "" {
		return nil, p.fail("expected an attribute")
	}
	if p.i < len(p.s) && p.s[p.i] == '[' && p.of == nil {
		return p.valuePath(path)
	}
	e := &expr{}
	if err := p.operator(e); err != nil {
		return nil, err
	}
	return e, p.resolve(e, path)
}

// valuePath reads attr[filter], and attr[filter].sub op value, which means that
// one element is both.
func (p *parser) valuePath(path string) (*expr, error) {
	a, sub, err := p.typ.resolve(path)
	switch {
	case err != nil && p.loose:
		p.missing = append(p.missing, fold(path))
		a = nowhere
	case err != nil:
		return nil, err
	case !a.Multi || sub != nil:
		return nil, Invalid(InvalidFilter, "filter: %s is no list; brackets choose from the elements of one", path)
	}
	p.of = a
	inner, err := p.group('[', ']')
	if err != nil {
		return nil, err
	}
	if p.i < len(p.s) && p.s[p.i] == '.' {
		p.i++
		name, more := p.word(), &expr{}
		if err := p.operator(more); err != nil {
			return nil, err
		}
		if err := p.resolve(more, name); err != nil {
			return nil, err
		}
		inner = &expr{op: opAnd, kids: []*expr{inner, more}}
	}
	p.of = nil
	return has(a, inner), nil
}

// has is a filter on the elements of a list.
func has(a *Attribute, inner *expr) *expr { return &expr{op: opHas, attr: a, kids: []*expr{inner}} }

// resolve finds the attribute that a comparison is about.
func (p *parser) resolve(e *expr, path string) error {
	if p.of == nowhere {
		e.attr = nowhere
		return nil
	}
	if p.of != nil {
		if p.of.Kind != Complex && strings.EqualFold(path, "value") {
			e.attr = p.of
			return e.fit(path, p.of.Kind)
		}
		sub, ok := p.of.Sub(path)
		if !ok || sub.hidden() {
			return Invalid(InvalidFilter, "filter: %s has no sub-attribute %q", p.of.Path(), path)
		}
		e.attr = sub
		return e.fit(sub.Path(), sub.Kind)
	}
	if ok, err := p.resolveCommon(e, path); ok {
		return err
	}
	a, sub, err := p.typ.resolve(path)
	if err != nil && p.loose {
		p.absent(e, path)
		return nil
	}
	if err != nil {
		return err
	}
	return e.about(a, sub)
}

// about makes the comparison one with an attribute. Of a complex one its value
// is meant; of a list, that of any element. Null is what is unassigned (RFC 7643,
// section 2.5), whatever else it might be.
func (e *expr) about(a, sub *Attribute) error {
	if e.lit.kind == litNull && (e.op == opEq || e.op == opNe) {
		there := &expr{op: opPr}
		err := there.about(a, sub)
		if e.op == opEq {
			there = &expr{op: opNot, kids: []*expr{there}}
		}
		*e = *there
		return err
	}
	if sub == nil && a.Kind == Complex && (e.op != opPr || a.Multi) {
		value, ok := a.subs["value"]
		if !ok {
			if e.op == opPr {
				return e.anyOf(a, nil)
			}
			return e.fit(a.Path(), Complex)
		}
		sub = value
	}
	if !a.Multi {
		e.attr = a
		if sub != nil {
			e.attr = sub
		}
		return e.fit(e.attr.Path(), e.attr.Kind)
	}
	return e.anyOf(a, sub)
}

// anyOf turns the comparison into one with any element of a list.
func (e *expr) anyOf(a, sub *Attribute) error {
	inner := &expr{op: e.op, attr: a, lit: e.lit}
	if sub != nil {
		inner.attr = sub
	}
	if err := inner.fit(inner.attr.Path(), inner.attr.Kind); err != nil {
		return err
	}
	*e = *has(a, inner)
	return nil
}

// resolve finds an attribute, and perhaps a sub-attribute of it, by its path.
func (t *Type) resolve(path string) (a, sub *Attribute, err error) {
	urn, rest, _ := t.urnOf(path)
	name, subName, dotted := strings.Cut(rest, ".")
	var ok bool
	if urn != "" {
		a, ok = t.attribute(urn, name)
	} else {
		a, ok = t.bare(name)
	}
	if !ok || a.passes || a.hidden() {
		return nil, nil, Invalid(InvalidFilter, "filter: there is no attribute %q", path)
	}
	if dotted {
		if sub, ok = a.Sub(subName); !ok || sub.hidden() {
			return nil, nil, Invalid(InvalidFilter, "filter: %s has no sub-attribute %q", a.Path(), subName)
		}
	}
	return a, sub, nil
}

func (p *parser) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t' || p.s[p.i] == '\n' || p.s[p.i] == '\r') {
		p.i++
	}
}

// word reads what attributes, operators and numbers are written with.
func (p *parser) word() string {
	p.space()
	start := p.i
	for p.i < len(p.s) && !strings.ContainsRune(" \t\n\r()[]\"'", rune(p.s[p.i])) {
		p.i++
	}
	return p.s[start:p.i]
}

// keyword reads a word if it is the one that is asked for.
func (p *parser) keyword(w string) bool {
	start := p.i
	if strings.EqualFold(p.word(), w) {
		return true
	}
	p.i = start
	return false
}

// operator reads an operator and the literal behind it.
func (p *parser) operator(e *expr) error {
	e.op = op(fold(p.word()))
	switch e.op {
	case opPr:
		return nil
	case opEq, opNe, opCo, opSw, opEw, opGt, opGe, opLt, opLe:
		return p.literal(e)
	default:
		return p.fail("expected one of eq, ne, co, sw, ew, gt, ge, lt, le, pr")
	}
}

func (p *parser) literal(e *expr) error {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == '"' {
		end := skipString([]byte(p.s), p.i)
		quoted := p.s[p.i:end]
		if strings.IndexByte(quoted, '\\') < 0 && len(quoted) > 1 && quoted[len(quoted)-1] == '"' {
			e.lit.text = quoted[1 : len(quoted)-1]
		} else if json.Unmarshal([]byte(quoted), &e.lit.text) != nil {
			return p.fail("expected a string in double quotes")
		}
		e.lit.kind, p.i = litString, end
		return nil
	}
	switch w := p.word(); {
	case strings.EqualFold(w, "true"):
		e.lit.kind, e.lit.truth = litBool, true
	case strings.EqualFold(w, "false"):
		e.lit.kind = litBool
	case strings.EqualFold(w, "null"):
		e.lit.kind = litNull
	case w != "" && w[0] != '{' && json.Valid([]byte(w)):
		e.lit.kind, e.lit.text = litNumber, w
	default:
		return p.fail("expected a value: a string in double quotes, a number, true, false or null")
	}
	return nil
}
