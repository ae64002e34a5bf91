package scim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"drawbridge/schema"
	wire "drawbridge/schema/scim"
)

// What the endpoint says of itself is made once, from what it is made of: the
// schemas that requests are read by, and the limits they are held to.

type object = map[string]any

// Discovery says which of that is told to who shows no credential. How to show one
// should be known before there is one (RFC 7643, section 5); schemas and resource
// types say what the operator registered, and are for sources.
type Discovery string

// What strangers are told; the zero value is TellConfig.
const (
	TellConfig  Discovery = "config" // ServiceProviderConfig
	TellAll     Discovery = "all"    // Schemas and ResourceTypes, too
	TellNothing Discovery = "none"
)

// Tells reports whether who shows no credential is answered at a route: its path,
// as it is below the endpoint's, may end in a slash.
func (h *Handler) Tells(method, path string) bool {
	if method != http.MethodGet && method != http.MethodHead {
		return false
	}
	switch strings.TrimSuffix(path, "/") {
	case "/ServiceProviderConfig":
		return h.tells != TellNothing
	case "/Schemas", "/Schemas/:id", "/ResourceTypes", "/ResourceTypes/:id":
		return h.tells == TellAll
	}
	return false
}

func (h *Handler) discovery() ([]route, error) {
	types := h.resourceTypes()
	schemas, err := h.schemas()
	if err != nil {
		return nil, err
	}
	config := verbs{http.MethodGet: unfiltered(func(q *request) error {
		body, err := json.Marshal(h.serviceProviderConfig())
		if err != nil {
			return err
		}
		return q.blob(http.StatusOK, body)
	})}
	me := verbs{}
	for _, verb := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		me[verb] = notMe
	}
	routes := []route{{"/ServiceProviderConfig", config}, {"/Me", me}, {"/Bulk", verbs{http.MethodPost: bulkRequest}}}
	for path, all := range map[string][]object{"/ResourceTypes": types, "/Schemas": schemas} {
		whole, err := fixed(object{
			"schemas":      []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"},
			"totalResults": len(all), "startIndex": 1, "itemsPerPage": len(all), "Resources": all,
		})
		if err != nil {
			return nil, err
		}
		one := map[string]verbs{}
		for _, o := range all {
			id, _ := o["id"].(string)
			if one[strings.ToLower(id)], err = fixed(o); err != nil {
				return nil, err
			}
		}
		routes = append(routes, route{path, whole}, route{path + "/:id", verbs{http.MethodGet: unfiltered(func(q *request) error {
			if v, ok := one[strings.ToLower(q.param())]; ok {
				return v[http.MethodGet](q)
			}
			return &wire.Error{Status: http.StatusNotFound, Detail: "there is no " + q.param()}
		})}})
	}
	return routes, nil
}

// fixed answers always the same.
func fixed(o object) (verbs, error) {
	body, err := json.Marshal(o)
	return verbs{http.MethodGet: unfiltered(func(q *request) error { return q.blob(http.StatusOK, body) })}, err
}

// unfiltered refuses a filter, so that nobody takes what is answered for what it means; all
// else that a query may ask for is passed over (RFC 7644, section 4).
func unfiltered(answer func(*request) error) func(*request) error {
	return func(q *request) error {
		if q.query.Get("filter") != "" {
			return &wire.Error{Status: http.StatusForbidden, Detail: "this is not filtered; read it whole"}
		}
		return answer(q)
	}
}

// notMe answers for /Me (RFC 7644, section 3.11): a credential is a source's, and
// no source is a user.
func notMe(*request) error {
	return &wire.Error{Status: http.StatusNotImplemented, Detail: "/Me is not supported: the credential is a source's, and nobody's among its users"}
}

func (h *Handler) serviceProviderConfig() object {
	supported := func(yes bool) object { return object{"supported": yes} }
	return object{
		"schemas":        []string{configURN},
		"patch":          supported(true),
		"bulk":           object{"supported": true, "maxOperations": h.limits.BulkOperations, "maxPayloadSize": h.limits.BulkBody},
		"filter":         object{"supported": true, "maxResults": wire.MaxCount},
		"changePassword": supported(false),
		"sort":           supported(true),
		"etag":           supported(true),
		"pagination": object{
			"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": wire.DefaultCount,
			"maxPageSize": wire.MaxCount, "cursorTimeout": int(cursorLife.Seconds()),
		},
		"authenticationSchemes": h.authenticationSchemes(),
		"meta":                  h.meta("ServiceProviderConfig", "/ServiceProviderConfig"),
	}
}

// A Scheme is a way in which sources may show who they are (RFC 7643, section 5).
type Scheme struct{ Type, Name, Description, SpecURI string }

// bearer is the way that there is always.
var bearer = Scheme{
	"oauthbearertoken", "Bearer token", "A token that the operator of the bridge makes for one source, in the Authorization header",
	"https://www.rfc-editor.org/info/rfc6750",
}

func (h *Handler) authenticationSchemes() (all []object) {
	schemes := []Scheme{bearer}
	if h.schemes != nil {
		schemes = append(schemes, h.schemes()...)
	}
	for i, s := range schemes {
		all = append(all, object{"type": s.Type, "name": s.Name, "description": s.Description, "specUri": s.SpecURI, "primary": i == 0})
	}
	return all
}

func (h *Handler) types() []*wire.Type {
	all := []*wire.Type{h.users, h.groups}
	for _, c := range h.catalogues {
		all = append(all, c.Type)
	}
	return all
}

func (h *Handler) meta(kind, path string) object {
	return object{"resourceType": kind, "location": h.base + path}
}

func (h *Handler) resourceTypes() []object {
	var all []object
	add := func(t *wire.Type, name, schema, also string) {
		extensions := []object{}
		for _, s := range t.Schemas[1:] {
			extensions = append(extensions, object{"schema": s.ID, "required": false})
		}
		if also != "" { // resources are of both
			extensions = append(extensions, object{"schema": also, "required": false})
		}
		all = append(all, object{
			"schemas": []string{typeURN},
			"id":      name, "name": name, "description": t.Description, "endpoint": t.Endpoint,
			"schema": schema, "schemaExtensions": extensions,
			"meta": h.meta("ResourceType", "/ResourceTypes/"+name),
		})
	}
	for _, t := range h.types() {
		if add(t, t.Name, t.Schemas[0].ID, t.Alias); t.Alias != "" {
			add(t, "Okta"+t.Name, t.Alias, t.Schemas[0].ID)
		}
	}
	return all
}

// exact says of binary values and references that case makes a difference in them,
// as it does.
func exact(attributes any) {
	list, _ := attributes.([]any)
	for _, a := range list {
		if o, ok := a.(object); ok {
			if o["type"] == string(wire.Binary) || o["type"] == string(wire.Reference) {
				o["caseExact"] = true
			}
			exact(o["subAttributes"])
		}
	}
}

// schemas are those of resources, and behind them those of what discovery says.
func (h *Handler) schemas() ([]object, error) {
	var all []object
	told := map[string]string{} // by id; one may extend users and groups
	for _, urn := range []string{configURN, typeURN, schemaURN} {
		told[strings.ToLower(urn)] = ""
	}
	for _, t := range h.types() {
		schemas := slices.Clone(t.Schemas)
		if t.Alias != "" {
			also := schemas[0]
			also.ID = t.Alias
			schemas = append(schemas, also)
		}
		for _, s := range schemas {
			raw, err := json.Marshal(s)
			if err != nil {
				return nil, err
			}
			id := strings.ToLower(s.ID)
			if other, ok := told[id]; ok && other == string(raw) {
				continue
			} else if ok {
				return nil, fmt.Errorf("two schemas have the id %s: %w", s.ID, schema.ErrInvalid)
			}
			told[id] = string(raw)
			var o object
			if err := json.Unmarshal(raw, &o); err != nil {
				return nil, err
			}
			exact(o["attributes"])
			all = append(all, o)
		}
	}
	all = append(all, discoverySchemas()...)
	for _, s := range all {
		s["schemas"], s["meta"] = []string{schemaURN}, h.meta("Schema", fmt.Sprint("/Schemas/", s["id"]))
	}
	return all, nil
}
