package fake

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

const patchURN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

// An operation is one of a PATCH.
type operation struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

// operations reads a PATCH and returns the size of its body too.
func (p *Provider) operations(r *http.Request) ([]operation, int, error) {
	var patch struct {
		Schemas    []string
		Operations []operation
	}
	size, err := body(r, &patch)
	if err != nil {
		return nil, 0, err
	}
	if !slices.Contains(patch.Schemas, patchURN) {
		return nil, 0, refuse(http.StatusBadRequest, "invalidSyntax", "schemas does not name %s", patchURN)
	}
	if len(patch.Operations) == 0 {
		return nil, 0, refuse(http.StatusBadRequest, "invalidSyntax", "there are no Operations")
	}
	for i := range patch.Operations {
		o := &patch.Operations[i]
		o.Op = strings.ToLower(o.Op)
		if !slices.Contains([]string{"add", "replace", "remove"}, o.Op) {
			return nil, 0, refuse(http.StatusBadRequest, "invalidSyntax", "%q is no operation", o.Op)
		}
	}
	return patch.Operations, size, nil
}

// apply applies the operation to a user's document.
func (p *Provider) apply(doc map[string]any, o operation) error {
	if o.Path == "" {
		return p.applyAll(doc, o)
	}
	if strings.ContainsAny(o.Path, "[]") {
		return refuse(http.StatusBadRequest, "invalidPath", "a filter in the path of a user's attribute is not supported: %s", o.Path)
	}
	at := placeOf(o.Path)
	if at.urn == "" && slices.Contains([]string{"id", "meta", "groups", "schemas"}, at.name) {
		return refuse(http.StatusBadRequest, "mutability", "%s cannot be written", o.Path)
	}
	if at.sub != "" && slices.Contains(several, at.name) {
		return refuse(http.StatusBadRequest, "invalidPath", "%s does not say of which value", o.Path)
	}
	if o.Op == "remove" {
		holder := at.holder(doc, false)
		if at.sub != "" {
			holder, _ = holder[at.name].(map[string]any)
			delete(holder, at.sub)
			return nil
		}
		delete(holder, at.name)
		return nil
	}
	var v any
	if err := json.Unmarshal(o.Value, &v); err != nil || v == nil || v == "" {
		return invalid("%s of %s has no value", o.Op, o.Path)
	}
	return p.set(doc, at, v)
}

// applyAll applies an operation without a path: its value is an object, each of
// whose keys is one.
func (p *Provider) applyAll(doc map[string]any, o operation) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(o.Value, &all); err != nil || o.Op == "remove" {
		return refuse(http.StatusBadRequest, "noTarget", "%s needs a path", o.Op)
	}
	for _, name := range sortedKeys(all) {
		if err := p.apply(doc, operation{Op: o.Op, Path: name, Value: all[name]}); err != nil {
			return err
		}
	}
	return nil
}

func (p *Provider) set(doc map[string]any, at place, v any) error {
	holder := at.holder(doc, true)
	if at.sub != "" {
		if _, ok := v.(string); !ok {
			return invalid("%s.%s is no text", at.name, at.sub)
		}
		inner, _ := holder[at.name].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
			holder[at.name] = inner
		}
		inner[at.sub] = v
		return nil
	}
	kept, err := p.typed(at.name, v)
	if err != nil {
		return err
	}
	holder[at.name] = kept
	return nil
}
