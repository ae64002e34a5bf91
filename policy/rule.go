package policy

import (
	"errors"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"drawbridge/schema"
)

// The limits on one rule. maxCost is what CEL estimates the rule could take at
// most, in its own units, with texts and lists as long as textSize and listSize.
const (
	maxNodes = 500
	maxDepth = 2 // of comprehensions in comprehensions
	maxCost  = 100_000
	textSize = 256
	listSize = 1000
)

// A language compiles rules. What a rule may read depends on where it stands.
type language struct {
	shapes shapes
	base   *cel.Env
	envs   map[string]*cel.Env // by the variables that are declared
	reads  map[string]int      // how often each list of reads was met: its number
}

func newLanguage(declared map[string]Attribute) *language {
	return &language{shapes: newShapes(declared), envs: map[string]*cel.Env{}, reads: map[string]int{}}
}

// apart is the language for a rule that is no part of a book: others read the book meanwhile.
func (l *language) apart() *language {
	return &language{shapes: l.shapes, envs: map[string]*cel.Env{}, reads: map[string]int{}}
}

// foundation returns the environment that all others extend.
func (l *language) foundation() (*cel.Env, error) {
	p, err := newProvider(l.shapes)
	if err != nil {
		return nil, err
	}
	return cel.NewEnv(
		cel.CustomTypeProvider(p), cel.CustomTypeAdapter(p.Registry),
		cel.OptionalTypes(), ext.Strings(), ext.Sets(),
		cel.DefaultUTCTimeZone(true), cel.ExpressionNodeLimit(maxNodes),
		cel.ASTValidators(
			cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(),
			cel.ValidateHomogeneousAggregateLiterals(), cel.ValidateComprehensionNestingLimit(maxDepth),
		),
	)
}

// env returns the environment in which the variables are declared.
func (l *language) env(variables []string) (*cel.Env, error) {
	key := strings.Join(variables, " ")
	if env, ok := l.envs[key]; ok {
		return env, nil
	}
	if l.base == nil {
		base, err := l.foundation()
		if err != nil {
			return nil, err
		}
		l.base = base
	}
	env, err := l.base.Extend(l.shapes.variables(variables...)...)
	if err == nil {
		l.envs[key] = env
	}
	return env, err
}

// A fault is what is wrong with a rule, and where in it.
type fault struct {
	code      Code
	line, col int // from 1 and from 0, as CEL counts
	message   string
	hint      string
}

// A rule is one compiled expression.
type rule struct {
	program  cel.Program
	reads    []read   // the attributes it reads
	readsID  int      // rules with the same reads have the same number
	moments  []moment // when the passing of time alone may change its value
	restless bool     // it looks at the clock in a way that moments do not cover
	names    map[string]bool
	changes  []string // the attributes that it looks for in event.changed
	demands  []demand // what whatever it matches must meet
	alike    []string // attributes that it compares with what is merely alike: a beginning, a pattern
	fixed    ref.Val  // its value where that is the same whatever the facts; nil where it depends
	positive bool     // every match must meet a positive condition
	texts    []string // the texts that it says
	ints     []int64  // the numbers
	denies   []string // attributes that must not be something, and may be absent
}

// compile compiles a rule, or says everything that is wrong with it.
func (l *language) compile(text string, variables ...string) (*rule, []fault) {
	env, err := l.env(variables)
	if err != nil {
		return nil, []fault{{code: CodeCEL, line: 1, message: err.Error()}}
	}
	checked, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, l.faults(issues)
	}
	if out := checked.OutputType(); !out.IsExactType(types.BoolType) {
		return nil, []fault{{code: CodeBool, line: 1, message: "a rule is true or false, and this is " + cel.FormatCELType(out)}}
	}
	estimate, err := env.EstimateCost(checked, sizes{})
	if err != nil {
		return nil, []fault{{code: CodeCost, line: 1, message: err.Error()}}
	}
	if estimate.Max > maxCost {
		return nil, []fault{{code: CodeCost, line: 1, message: "too dear to evaluate for every identity", hint: "do not search lists within lists"}}
	}
	program, err := env.Program(checked, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, []fault{{code: CodeCEL, line: 1, message: err.Error()}}
	}
	r := l.analyse(checked.NativeRep().Expr())
	r.program, r.fixed = program, constant(env, checked)
	return r, nil
}

// faults turns CEL's issues into faults, with what was probably meant.
func (l *language) faults(issues *cel.Issues) []fault {
	var faults []fault
	for _, e := range issues.Errors() {
		f := fault{code: CodeCEL, line: e.Location.Line(), col: e.Location.Column(), message: e.Message}
		if name, ok := strings.CutPrefix(e.Message, "undefined field '"); ok {
			if near := l.shapes.suggest(strings.TrimSuffix(name, "'")); near != "" {
				f.hint = "did you mean " + near + "?"
			} else {
				f.hint = "declare it in spec.identity of the PolicySet"
			}
		}
		if strings.Contains(e.Message, "limit") {
			f.code = CodeCost
		}
		if f.line < 1 {
			f.line, f.col = 1, 0
		}
		faults = append(faults, f)
	}
	return faults
}

// constant evaluates a rule with nothing known, and returns its value if it has
// one all the same.
func constant(env *cel.Env, checked *cel.Ast) ref.Val {
	program, err := env.Program(checked, cel.EvalOptions(cel.OptPartialEval))
	if err != nil {
		return nil
	}
	out, _, err := program.Eval(env.UnknownVars())
	if err != nil || types.IsUnknownOrError(out) {
		return nil
	}
	return out
}

// sizes tells CEL how long what rules read may be.
type sizes struct{}

// EstimateSize bounds texts and lists that come from facts.
func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	if len(n.Path()) == 0 {
		return nil
	}
	switch n.Type().Kind() {
	case types.ListKind:
		return &cost.SizeEstimate{Min: 0, Max: listSize}
	case types.StringKind:
		return &cost.SizeEstimate{Min: 0, Max: textSize}
	default:
		return nil
	}
}

// EstimateCallCost leaves functions at what CEL says they cost.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// A truth is the value of a rule.
type truth int

// The values: a rule that needs what nobody supplied is unknown.
const (
	unknown truth = iota
	no
	yes
)

// eval evaluates the rule. The error of an unknown says what was missing.
func (r *rule) eval(in *inputs) (truth, error) {
	out, _, err := r.program.Eval(in)
	switch {
	case err != nil:
		return unknown, err
	case out == types.True:
		return yes, nil
	case out == types.False:
		return no, nil
	}
	return unknown, errors.New("the rule has no value")
}

// inputs are the variables of one evaluation. It is CEL's activation.
type inputs struct {
	identity, grant, ticket, workload, risk, account, event, approver *object
	now                                                               ref.Val
}

func (in *inputs) at(now time.Time) { in.now = types.Timestamp{Time: now} }

// object returns the variable's object, nil for now.
func (in *inputs) object(name string) *object {
	switch name {
	case "identity":
		return in.identity
	case "grant":
		return in.grant
	case "ticket":
		return in.ticket
	case "workload":
		return in.workload
	case "risk":
		return in.risk
	case "account":
		return in.account
	case "event":
		return in.event
	case "approver":
		return in.approver
	}
	return nil
}

// ResolveName returns the value of a variable.
func (in *inputs) ResolveName(name string) (any, bool) {
	if name == "now" {
		return in.now, true
	}
	o := in.object(name)
	return o, o != nil
}

// Parent returns nil: there is nothing but these variables.
func (in *inputs) Parent() cel.Activation { return nil }

// A read is an attribute that a rule reads.
type read struct {
	variable string
	slots    []int // from the variable's shape inwards
	name     string
	guarded  bool // the rule says what to do where it is absent
	instant  bool // it is a time
}

// of returns the attribute's value, nil where it is absent.
func (r read) of(in *inputs) ref.Val {
	o := in.object(r.variable)
	for i, s := range r.slots {
		if o == nil || o.slots[s] == nil {
			return nil
		}
		if i == len(r.slots)-1 {
			return o.slots[s]
		}
		o, _ = o.slots[s].(*object)
	}
	return nil
}

// analyse finds out what a rule reads and when time alone may change its value.
func (l *language) analyse(e ast.Expr) *rule {
	a := analysis{shapes: l.shapes, seen: map[string]int{}, names: map[string]bool{}}
	a.walk(e)
	r := &rule{
		reads: a.reads, moments: a.moments, restless: a.clocks > a.covered, names: a.names, changes: a.changes,
		demands: a.demands(e), alike: a.alike, positive: positive(e), denies: a.denied(e),
		texts: schema.Sorted(a.texts...), ints: a.ints,
	}
	var key strings.Builder
	for _, read := range r.reads {
		key.WriteString(read.name)
		key.WriteByte(' ')
	}
	id, ok := l.reads[key.String()]
	if !ok {
		id = len(l.reads)
		l.reads[key.String()] = id
	}
	r.readsID = id
	return r
}
