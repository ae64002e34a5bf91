package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/invopop/jsonschema"

	"drawbridge/schema"
)

// Schema returns a JSON Schema of the documents, made from the types that read
// them, so that editors complete and check what people write.
func Schema() ([]byte, error) {
	r := jsonschema.Reflector{Anonymous: true, DoNotReference: true, Mapper: plain}
	all := &jsonschema.Schema{Version: jsonschema.Version, Title: "A Drawbridge policy document"}
	for _, kind := range Kinds() {
		doc := newDocument(kind)
		s := r.Reflect(doc)
		demandSome(s, reflect.TypeOf(doc).Elem())
		demandTemplate(kind, s)
		s.Version, s.Title = "", kind
		for name, value := range map[string]string{"kind": kind, "apiVersion": APIVersion} {
			property, ok := s.Properties.Get(name)
			if !ok {
				return nil, fmt.Errorf("schema of %s: no field %s", kind, name)
			}
			property.Const = value
		}
		all.OneOf = append(all.OneOf, s)
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return append(text, '\n'), nil
}

// aDuration is the pattern of one, and someTime of one that is not nothing.
const (
	aDuration = `^([0-9]+d|([0-9.]+(h|m|s|ms))+)$`
	someTime  = `^(?=.*[1-9])([0-9]+d|([0-9.]+(h|m|s|ms))+)$`
)

// demandSome says of each duration of a type that is to be some that it is.
func demandSome(s *jsonschema.Schema, t reflect.Type) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
		if s.Items != nil {
			s = s.Items
		} else if s.AdditionalProperties != nil {
			s = s.AdditionalProperties
		}
	}
	if t.Kind() != reflect.Struct || s.Properties == nil {
		return
	}
	for _, f := range fieldsOf(t) {
		property, ok := s.Properties.Get(f.name)
		switch {
		case !ok:
		case f.some:
			property.Pattern = someTime
		default:
			demandSome(property, t.FieldByIndex(f.index).Type)
		}
	}
}

// demandTemplate says of a kind what lint does of a document without looking at any other: that
// somebody owns it, what a role of its type must say and what nothing goes by in it, what always
// holds, and that a target is no pattern.
func demandTemplate(kind string, s *jsonschema.Schema) {
	if kind != "Test" {
		metadata := schemaOf(s, "metadata")
		metadata.Required = append(metadata.Required, "owner")
	}
	spec := schemaOf(s, "spec")
	switch kind {
	case "Role":
		spec.AnyOf = []*jsonschema.Schema{{Required: []string{"duration"}}, {Required: []string{"permanent"}}}
		for _, t := range []schema.RoleType{schema.Birthright, schema.Requestable, schema.JIT, schema.BreakGlass, schema.NHI} {
			spec.AllOf = append(spec.AllOf, ofType(t))
		}
	case "ApprovalFlow":
		schemaOf(spec, "rules", "selfApproval").Const, schemaOf(spec, "rules", "distinctApprovers").Const = false, true
	case "Connector":
		schemaOf(spec, "entitlements", "target").Pattern = `^[^*?]+$`
	}
}

// ofType says what a role of a type must say, and what it must not.
func ofType(t schema.RoleType) *jsonschema.Schema {
	is, then := jsonschema.NewProperties(), &jsonschema.Schema{Properties: jsonschema.NewProperties()}
	is.Set("type", &jsonschema.Schema{Const: string(t)})
	for _, name := range slices.Sorted(maps.Keys(readBy)) {
		switch {
		case !slices.Contains(readBy[name], t):
			then.Properties.Set(name, jsonschema.FalseSchema)
		case !slices.Contains([]string{"ticket", "duration", "concurrent"}, name): // which it may say
			then.Required = append(then.Required, name)
		}
	}
	return &jsonschema.Schema{If: &jsonschema.Schema{Properties: is}, Then: then}
}

// schemaOf returns what a schema says at a path of fields, of each item where there is a list.
func schemaOf(s *jsonschema.Schema, path ...string) *jsonschema.Schema {
	for _, name := range path {
		if s.Items != nil {
			s = s.Items
		}
		s, _ = s.Properties.Get(name)
	}
	return s
}

// plain describes the types that are written as text.
func plain(t reflect.Type) *jsonschema.Schema {
	if t == reflect.TypeFor[Duration]() {
		return &jsonschema.Schema{Type: "string", Pattern: aDuration, Examples: []any{"90d", "8h", "15m"}}
	}
	return nil
}
