package policy

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// A shape is the type of what rules call identity, grant, ticket and so on: which
// attributes it has. An object of a shape keeps its values in slots, so that
// reading one is an index and allocates nothing.
type shape struct {
	name   string // of the CEL type
	path   string // how rules reach it: identity.employment
	fields []slot
	index  map[string]int
}

// A slot is one attribute of a shape.
type slot struct {
	name   string
	typ    *types.Type
	nested *shape
	field  *types.FieldType
}

func newShape(typeName, path string) *shape {
	return &shape{name: "drawbridge." + typeName, path: path, index: map[string]int{}}
}

// with adds an attribute.
func (s *shape) with(name string, typ *types.Type) *shape {
	i := len(s.fields)
	absent := &absence{s.path + "." + name}
	s.index[name] = i
	s.fields = append(s.fields, slot{name: name, typ: typ, field: &types.FieldType{
		Type: typ,
		IsSet: func(target any) bool {
			o, ok := target.(*object)
			return ok && o.slots[i] != nil
		},
		GetFrom: func(target any) (any, error) {
			o, ok := target.(*object)
			if !ok || o.slots[i] == nil {
				return nil, absent
			}
			if open, ok := o.slots[i].(*types.Err); ok {
				return nil, open
			}
			return o.slots[i], nil
		},
	}})
	return s
}

// withNested adds an attribute that is itself a shape.
func (s *shape) withNested(name string, inner *shape) *shape {
	s.with(name, types.NewObjectType(inner.name))
	s.fields[len(s.fields)-1].nested = inner
	return s
}

// names returns the attributes' names, sorted.
func (s *shape) names() []string { return slices.Sorted(maps.Keys(s.index)) }

// new returns an object of the shape of which nothing is known.
func (s *shape) new() *object { return &object{shape: s, slots: make([]ref.Val, len(s.fields))} }

// An absence is the error of reading what nobody supplied. It makes a rule
// neither true nor false.
type absence struct{ attribute string }

func (a *absence) Error() string { return "nobody supplied " + a.attribute }

// An object is what a rule reads as identity, grant, ticket and so on. A nil
// slot is an absent attribute.
type object struct {
	shape *shape
	slots []ref.Val
}

// set gives an attribute a value; nil makes it absent.
func (o *object) set(name string, v ref.Val) {
	if i, ok := o.shape.index[name]; ok {
		o.slots[i] = v
	}
}

// ConvertToNative is asked for by no rule.
func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s is not a %s", o.shape.path, t)
}

// ConvertToType answers type(x) and nothing else.
func (o *object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return types.NewObjectType(o.shape.name)
	}
	return types.NewErr("%s is not a %s", o.shape.path, t.TypeName())
}

// Equal reports whether both are the same thing: rules compare attributes.
func (o *object) Equal(other ref.Val) ref.Val { return types.Bool(ref.Val(o) == other) }

// Type returns the CEL type.
func (o *object) Type() ref.Type { return types.NewObjectType(o.shape.name) }

// Value returns the object itself.
func (o *object) Value() any { return o }

// shapes are the types of the variables that rules may read.
type shapes struct {
	identity, employment, grant, ticket, workload, risk, account, event *shape
}

// fixedAttributes are those of identity that no PolicySet declares.
var fixedAttributes = []string{"id", "kind", "userName", "active", "employment"}

// newShapes returns the shapes, with the attributes of an identity that the
// PolicySet declares.
func newShapes(declared map[string]Attribute) shapes {
	text, instant, truth := types.StringType, types.TimestampType, types.BoolType
	s := shapes{
		employment: newShape("Employment", "identity.employment").
			with("status", text).with("startDate", instant).with("endDate", instant),
		grant: newShape("Grant", "grant").
			with("role", text).with("grantedAt", instant).with("expiresAt", instant).
			with("lastUsed", instant).with("ticket", text).with("usageObservable", truth).with("reviewedAt", instant),
		ticket: newShape("Ticket", "ticket").
			with("id", text).with("kind", text).with("state", text).with("assignee", text).with("priority", types.IntType).
			with("windowStart", instant).with("windowEnd", instant).with("checkedAt", instant),
		workload: newShape("Workload", "workload").
			with("repo", text).with("environment", text).with("attestation", text).with("state", text).
			with("lastSeen", instant).with("ownerActive", truth).
			with("issuer", text).with("audience", text).with("subject", text),
		risk: newShape("Risk", "risk").
			with("events", types.NewListType(text)).with("level", text).with("since", instant),
		account: newShape("Account", "account").
			with("connector", text).with("disabled", truth).with("lastLogin", instant).with("secretRotatedAt", instant),
		event: newShape("Event", "event").
			with("type", text).with("changed", types.NewListType(text)).with("source", text).with("receivedAt", instant),
	}
	s.identity = newShape("Identity", "identity").
		with("id", text).with("kind", text).with("userName", text).with("active", truth).
		withNested("employment", s.employment)
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if _, taken := s.identity.index[name]; !taken && !slices.Contains(recordAttributes, name) {
			s.identity.with(name, celType(declared[name].Type))
		}
	}
	return s
}

// celType returns the CEL type of a declared type; text where it is no type,
// which was reported when it was read.
func celType(declared string) *types.Type {
	switch declared {
	case "bool":
		return types.BoolType
	case "int":
		return types.IntType
	case "timestamp":
		return types.TimestampType
	case "list":
		return types.NewListType(types.StringType)
	}
	return types.StringType
}

// variable returns the shape of a variable, or nil of one that has none (now).
func (s shapes) variable(name string) *shape {
	switch name {
	case "identity", "approver":
		return s.identity
	case "grant":
		return s.grant
	case "ticket":
		return s.ticket
	case "workload":
		return s.workload
	case "risk":
		return s.risk
	case "account":
		return s.account
	case "event":
		return s.event
	}
	return nil
}

// A provider tells CEL of the shapes, so that a misspelt attribute is an error
// when the policy is loaded. It embeds the registry itself, because CEL asks for
// more of it than the interface says.
type provider struct {
	*types.Registry
	byType map[string]*shape
}

func newProvider(s shapes) (*provider, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("rule types: %w", err)
	}
	p := &provider{Registry: registry, byType: map[string]*shape{}}
	for _, one := range []*shape{s.identity, s.employment, s.grant, s.ticket, s.workload, s.risk, s.account, s.event} {
		p.byType[one.name] = one
	}
	return p, nil
}

// FindStructType returns the type of a shape's name.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if s, ok := p.byType[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(s.name)), true
	}
	return p.Registry.FindStructType(name)
}

// FindStructFieldNames returns the attributes of a shape.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if s, ok := p.byType[name]; ok {
		return s.names(), true
	}
	return p.Registry.FindStructFieldNames(name)
}

// FindStructFieldType returns one attribute of a shape.
func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	s, ok := p.byType[name]
	if !ok {
		return p.Registry.FindStructFieldType(name, field)
	}
	i, ok := s.index[field]
	if !ok {
		return nil, false
	}
	return s.fields[i].field, true
}

// variables returns the declarations of variables by name.
func (s shapes) variables(names ...string) []cel.EnvOption {
	var options []cel.EnvOption
	for _, name := range names {
		typ := types.TimestampType // now
		if shape := s.variable(name); shape != nil {
			typ = types.NewObjectType(shape.name)
		}
		options = append(options, cel.Variable(name, typ))
	}
	return options
}

// suggest returns the attribute that an unknown one was probably meant to be.
func (s shapes) suggest(word string) string {
	var all []string
	for _, one := range []*shape{s.identity, s.employment, s.grant, s.ticket, s.workload, s.risk, s.account, s.event} {
		all = append(all, one.names()...)
	}
	return nearest(strings.TrimSpace(word), all)
}
