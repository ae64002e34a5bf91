package rest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"go.yaml.in/yaml/v4"
)

// The limits on one expression: its nodes when it is compiled, and what it may
// cost each time, in CEL's own units.
const (
	maxNodes = 500
	maxCost  = 20_000_000
)

// An expression is text of a declaration, most often CEL, that knows its line.
// The zero expression is one that was left out.
type expression struct {
	text    string
	line    int
	inside  bool     // the text begins on the line after: a block scalar
	names   []string // of what it reads
	program cel.Program
}

// UnmarshalYAML keeps the text and its place.
func (e *expression) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return &yaml.LoadError{Message: "text is wanted here", Mark: yaml.Mark{Line: node.Line, Column: node.Column}}
	}
	e.text, e.line, e.inside = node.Value, node.Line, node.Style&yaml.LiteralStyle != 0
	return nil
}

func (e *expression) given() bool { return e.text != "" }

// reads reports whether the expression reads the variable.
func (e *expression) reads(variable string) bool { return slices.Contains(e.names, variable) }

// variables are what an expression may read, by name.
type variables map[string]any

// shapes has the type of each variable there is.
var shapes = map[string]*cel.Type{
	"options":     cel.MapType(cel.StringType, cel.StringType), // of the configuration
	"now":         cel.IntType,                                 // seconds since 1970
	"id":          cel.StringType,                              // of the account
	"ids":         cel.ListType(cel.StringType),                // of the accounts of a batch
	"attributes":  cel.MapType(cel.StringType, cel.StringType), // of the account as it is to be
	"changed":     cel.MapType(cel.StringType, cel.StringType), // those of them that are new
	"entitlement": cel.MapType(cel.StringType, cel.StringType), // its id and its name
	"credential":  cel.MapType(cel.StringType, cel.StringType), // name, ref and machine
	"random":      cel.StringType,                              // text that nobody can guess, anew for each request
	"page":        cel.MapType(cel.StringType, cel.StringType), // token, offset, number, size
	"answer":      cel.DynType,                                 // body of the last request that was made, of several
	"answers":     cel.ListType(cel.DynType),                   // bodies of all before; null for one that was not made
	"item":        cel.DynType,                                 // one of a listing
	"body":        cel.DynType,                                 // of the answer; null where it is no JSON
	"text":        cel.StringType,                              // of the answer, its first 64 kB
	"status":      cel.IntType,
	"headers":     cel.MapType(cel.StringType, cel.StringType), // of the answer, by name in lower case
}

// A language compiles the expressions of one declaration.
type language struct {
	base *cel.Env
	envs map[string]*cel.Env
	keys map[string][]string // of those maps whose keys are known, by the map's name
}

func newLanguage(keys map[string][]string) (*language, error) {
	base, err := cel.NewEnv(
		cel.OptionalTypes(), ext.Strings(), ext.Sets(), ext.Lists(), ext.Encoders(), ext.Bindings(), ext.TwoVarComprehensions(),
		cel.DefaultUTCTimeZone(true), cel.ExpressionNodeLimit(maxNodes),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals()),
		cel.Function("orNull", cel.Overload("or_null_string", []*cel.Type{cel.StringType}, cel.DynType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				if v == types.String("") {
					return types.NullValue
				}
				return v
			}))),
	)
	return &language{base: base, envs: map[string]*cel.Env{}, keys: keys}, err
}

// compile compiles the expression, which may read the variables and has one of
// the types, or returns what is wrong with it, each mistake with its line.
func (l *language) compile(e *expression, may []string, want ...*cel.Type) []mistake {
	env, err := l.env(may)
	if err != nil {
		return []mistake{{e.line, err.Error()}}
	}
	checked, issues := env.Compile(e.text)
	if issues.Err() != nil {
		var all []mistake
		for _, issue := range issues.Errors() {
			all = append(all, mistake{e.lineOf(issue.Location.Line()), unknownName(issue.Message, may)})
		}
		return all
	}
	out := checked.OutputType()
	if !slices.ContainsFunc(want, func(t *cel.Type) bool { return out.IsAssignableType(t) || t.IsAssignableType(out) }) {
		return []mistake{{e.line, fmt.Sprintf("this is %s, and %s is wanted", cel.FormatCELType(out), typeNames(want))}}
	}
	if all := l.misspelt(e, checked); all != nil {
		return all
	}
	for _, of := range checked.NativeRep().ReferenceMap() {
		e.names = append(e.names, of.Name)
	}
	e.program, err = env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost))
	if err != nil {
		return []mistake{{e.line, err.Error()}}
	}
	return nil
}

func (l *language) env(may []string) (*cel.Env, error) {
	key := strings.Join(may, " ")
	if env, ok := l.envs[key]; ok {
		return env, nil
	}
	var declared []cel.EnvOption
	for _, name := range may {
		declared = append(declared, cel.Variable(name, shapes[name]))
	}
	env, err := l.base.Extend(declared...)
	if err == nil {
		l.envs[key] = env
	}
	return env, err
}

func (e *expression) lineOf(line int) int {
	switch {
	case e.inside:
		return e.line + max(1, line)
	default:
		return e.line + max(1, line) - 1
	}
}

// unknownName says which variables there are where one is not.
func unknownName(message string, may []string) string {
	if name, ok := strings.CutPrefix(message, "undeclared reference to '"); ok {
		name, _, _ = strings.Cut(name, "'")
		return fmt.Sprintf("there is no %q here: there are %s", name, strings.Join(may, ", "))
	}
	return message
}

func typeNames(all []*cel.Type) string {
	var names []string
	for _, t := range all {
		names = append(names, cel.FormatCELType(t))
	}
	return strings.Join(names, " or ")
}

// misspelt finds constant keys of maps whose keys are known, and that are none of
// them: a typing error must not wait until it is read.
func (l *language) misspelt(e *expression, checked *cel.Ast) (all []mistake) {
	parsed := checked.NativeRep()
	ast.PreOrderVisit(parsed.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		of, key := reached(x)
		known, closed := l.keys[of]
		if !closed || key == "" || slices.Contains(known, key) {
			return
		}
		line := parsed.SourceInfo().GetStartLocation(x.ID()).Line()
		all = append(all, mistake{e.lineOf(line), fmt.Sprintf("%s has no %q: it has %s", of, key, strings.Join(known, ", "))})
	}))
	return all
}

// reached returns the variable and the constant key that an expression reads of
// it: options.x, options["x"], and both with a question mark.
func reached(x ast.Expr) (of, key string) {
	var operand, index ast.Expr
	switch x.Kind() {
	case ast.SelectKind:
		if s := x.AsSelect(); s.Operand().Kind() == ast.IdentKind {
			return s.Operand().AsIdent(), s.FieldName()
		}
		return "", ""
	case ast.CallKind:
		call := x.AsCall()
		if len(call.Args()) != 2 || !slices.Contains([]string{operators.Index, operators.OptIndex, operators.OptSelect}, call.FunctionName()) {
			return "", ""
		}
		operand, index = call.Args()[0], call.Args()[1]
	default:
		return "", ""
	}
	if operand.Kind() != ast.IdentKind || index.Kind() != ast.LiteralKind {
		return "", ""
	}
	name, ok := index.AsLiteral().(types.String)
	if !ok {
		return "", ""
	}
	return operand.AsIdent(), string(name)
}

// errUnset says that an expression reads what is not there.
var errUnset = errors.New("it reads what is not there")

// eval returns the value of the expression as JSON would have it: nil, bool,
// int64, float64, string, []any or map[string]any.
func (e *expression) eval(in variables) (any, error) {
	out, _, err := e.program.Eval(map[string]any(in))
	if err != nil {
		if strings.Contains(err.Error(), "no such key") {
			err = fmt.Errorf("%w: %w", errUnset, err)
		}
		return nil, fmt.Errorf("line %d: %w", e.line, err)
	}
	v, err := plain(out)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", e.line, err)
	}
	return v, nil
}

// truth returns the value of an expression that is true or false.
func (e *expression) truth(in variables) (bool, error) {
	v, err := e.eval(in)
	if err != nil {
		return false, err
	}
	if yes, ok := v.(bool); ok {
		return yes, nil
	}
	return false, fmt.Errorf("line %d: this is neither true nor false", e.line)
}

// words returns the value of an expression as text: a number as its digits.
func (e *expression) words(in variables) (string, error) {
	v, err := e.eval(in)
	if err != nil {
		return "", err
	}
	text, ok := asText(v)
	if !ok {
		return "", fmt.Errorf("line %d: this is no text and no number", e.line)
	}
	return text, nil
}

// list returns the value of an expression that is a list.
func (e *expression) list(in variables) ([]any, error) {
	v, err := e.eval(in)
	if err != nil {
		return nil, err
	}
	if all, ok := v.([]any); ok {
		return all, nil
	}
	return nil, fmt.Errorf("line %d: this is no list", e.line)
}

func asText(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}
