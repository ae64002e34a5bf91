package policy

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/invopop/jsonschema"
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

// plain describes the types that are written as text.
func plain(t reflect.Type) *jsonschema.Schema {
	if t == reflect.TypeFor[Duration]() {
		return &jsonschema.Schema{Type: "string", Pattern: aDuration, Examples: []any{"90d", "8h", "15m"}}
	}
	return nil
}
