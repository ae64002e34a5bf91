package policy

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// alwaysKnown are the attributes that every identity has: what no source sends of
// them, the bridge works out.
var alwaysKnown = []string{"identity.id", "identity.kind", "identity.userName", "identity.active", "identity.employment.status"}

// denied returns the attributes of which an expression says what they must not be
// without saying what is to be where nobody supplied them, in the order in which
// it reads them. Whoever writes department != "Sales" rarely thinks of those who
// have no department; has(identity.department) before it says that they did.
func (a *analysis) denied(e ast.Expr) []string {
	var names []string
	a.deny(e, false, func(r read) {
		if guard := a.reads[a.seen[r.name]]; !guard.guarded && !slices.Contains(alwaysKnown, r.name) && !slices.Contains(names, r.name) {
			names = append(names, r.name)
		}
	})
	return names
}

// deny calls yield for what is read under an odd number of negations.
func (a *analysis) deny(e ast.Expr, not bool, yield func(read)) {
	if r, ok := a.attribute(e); ok {
		if not {
			yield(r)
		}
		return
	}
	if e.Kind() != ast.CallKind {
		return
	}
	c := e.AsCall()
	switch c.FunctionName() {
	case operators.LogicalNot:
		not = !not
	case operators.NotEquals:
		not = !not
	case operators.Equals:
		if slices.ContainsFunc(c.Args(), negligible) { // x == false
			not = !not
		}
	}
	if c.IsMemberFunction() {
		a.deny(c.Target(), not, yield)
	}
	for _, arg := range c.Args() {
		a.deny(arg, not, yield)
	}
}
