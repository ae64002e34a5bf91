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
		s := r.Reflect(newDocument(kind))
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

// plain describes the types that are written as text.
func plain(t reflect.Type) *jsonschema.Schema {
	if t == reflect.TypeFor[Duration]() {
		return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+d|([0-9.]+(h|m|s|ms))+)$`, Examples: []any{"90d", "8h", "15m"}}
	}
	return nil
}
