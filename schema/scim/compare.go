package scim

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// An op is what one node of a filter does.
type op string

const (
	opAnd op = "and"
	opOr  op = "or"
	opNot op = "not"
	opHas op = "has" // an element of a list is as the filter below says

	opPr op = "pr"
	opEq op = "eq"
	opNe op = "ne"
	opCo op = "co"
	opSw op = "sw"
	opEw op = "ew"
	opGt op = "gt"
	opGe op = "ge"
	opLt op = "lt"
	opLe op = "le"
)

// An expr is one node of a filter, its attribute resolved and its literal in the
// attribute's kind.
type expr struct {
	op     op
	kids   []*expr
	attr   *Attribute // of a comparison, or of has
	common string     // what every resource has, instead of attr
	of     *Type      // of what is common
	lit    literal
}

type litKind int

const (
	litNull litKind = iota
	litString
	litBool
	litNumber
	litTime
)

type literal struct {
	kind   litKind
	text   string // of a string as it is, of a number as it is written
	folded string
	truth  bool
	number float64
	time   time.Time
}

// fit turns the literal into the attribute's kind, or says that the comparison
// can not be meant.
func (e *expr) fit(path string, kind Kind) error {
	if e.op == opPr || e.lit.kind == litNull && (e.op == opEq || e.op == opNe) {
		return nil
	}
	refused := func() error {
		return Invalid(InvalidFilter, "filter: %s is a %s; it can not be compared like this", path, kind)
	}
	ordered := e.op != opCo && e.op != opSw && e.op != opEw
	switch kind {
	case Boolean:
		if e.lit.kind == litString {
			e.lit.truth = strings.EqualFold(e.lit.text, "true")
			if !e.lit.truth && !strings.EqualFold(e.lit.text, "false") {
				return refused()
			}
			e.lit.kind = litBool
		}
		if e.lit.kind != litBool || e.op != opEq && e.op != opNe {
			return refused()
		}
	case Integer, Decimal:
		n, err := strconv.ParseFloat(e.lit.text, 64)
		if err != nil || e.lit.kind == litBool || !ordered {
			return refused()
		}
		e.lit.kind, e.lit.number = litNumber, n
	case DateTime:
		if !ordered {
			return e.fit(path, String)
		}
		at, ok := instant(e.lit.text)
		if !ok {
			return Invalid(InvalidFilter, "filter: %s is compared with a date and time, as \"2026-01-31T09:00:00Z\"", path)
		}
		e.lit.kind, e.lit.time = litTime, at
	case Complex:
		return Invalid(InvalidFilter, "filter: %s has sub-attributes; compare one of them", path)
	default:
		if e.lit.kind == litBool || e.lit.kind == litNull || kind == Binary && e.orders() {
			return refused()
		}
		e.lit.kind, e.lit.folded = litString, fold(e.lit.text)
	}
	return nil
}

// orders reports whether the comparison is of what comes before what.
func (e *expr) orders() bool { return e.op == opGt || e.op == opGe || e.op == opLt || e.op == opLe }

// compareText holds the literal against text.
func (e *expr) compareText(s string, exact bool) bool {
	lit := e.lit.text
	switch {
	case e.op == opPr:
		return s != ""
	case e.lit.kind == litNull:
		return (s == "") == (e.op == opEq)
	case !exact && e.op == opEq:
		return strings.EqualFold(s, lit)
	case !exact:
		s, lit = fold(s), e.lit.folded
	}
	switch e.op {
	case opCo:
		return strings.Contains(s, lit)
	case opSw:
		return strings.HasPrefix(s, lit)
	case opEw:
		return strings.HasSuffix(s, lit)
	default:
		return e.op.holds(cmp.Compare(s, lit))
	}
}

func (e *expr) compareNumber(value []byte) bool {
	n, err := strconv.ParseFloat(string(value), 64)
	return err == nil && e.op.holds(cmp.Compare(n, e.lit.number))
}

func (e *expr) compareTime(at time.Time) bool {
	switch {
	case e.op == opPr:
		return !at.IsZero()
	case e.lit.kind == litNull:
		return at.IsZero() == (e.op == opEq)
	}
	return e.op.holds(at.Compare(e.lit.time))
}

// holds reports whether the operator is true of an order: less, equal or more.
func (o op) holds(order int) bool {
	switch o {
	case opEq:
		return order == 0
	case opNe:
		return order != 0
	case opGt:
		return order > 0
	case opGe:
		return order >= 0
	case opLt:
		return order < 0
	case opLe:
		return order <= 0
	default:
		return false
	}
}
