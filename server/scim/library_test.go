package scim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	library "github.com/elimity-com/scim"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
)

// nothing is a resource handler that does nothing, so that what is measured of
// the library is the library.
type nothing struct{}

func (nothing) resource(a library.ResourceAttributes) (library.Resource, error) {
	return library.Resource{ID: "1", Attributes: a}, nil
}

func (n nothing) Create(_ *http.Request, a library.ResourceAttributes) (library.Resource, error) {
	return n.resource(a)
}

func (n nothing) Get(*http.Request, string) (library.Resource, error) {
	var a library.ResourceAttributes
	err := json.Unmarshal(fmt.Appendf(nil, person, 1), &a)
	return library.Resource{ID: "1", Attributes: a}, err
}

func (n nothing) GetAll(r *http.Request, _ library.ListRequestParams) (library.Page, error) {
	one, err := n.Get(r, "1")
	return library.Page{TotalResults: 1, Resources: []library.Resource{one}}, err
}

func (n nothing) Replace(_ *http.Request, _ string, a library.ResourceAttributes) (library.Resource, error) {
	return n.resource(a)
}

func (nothing) Delete(*http.Request, string) error { return nil }

func (n nothing) Patch(*http.Request, string, []library.PatchOperation) (library.Resource, error) {
	return library.Resource{ID: "1"}, nil
}

// BenchmarkLibrary is the library alone, with nothing behind it, on the work of
// the benchmarks that are called so without it.
func BenchmarkLibrary(b *testing.B) {
	server, err := library.NewServer(&library.ServerArgs{
		ServiceProviderConfig: &library.ServiceProviderConfig{SupportFiltering: true, SupportPatch: true},
		ResourceTypes: []library.ResourceType{
			{Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(), Handler: nothing{}, ID: optional.NewString("User"),
				SchemaExtensions: []library.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}}},
			{Name: "Group", Endpoint: "/Groups", Schema: schema.CoreGroupSchema(), Handler: nothing{}, ID: optional.NewString("Group")},
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	w := &world{t: b, handler: http.StripPrefix("/scim", server)}
	removals := make([]string, 1000)
	for i := range removals {
		removals[i] = fmt.Sprintf(`{"op":"remove","path":"members[value eq \"0199a1b2-0000-7000-8000-%012d\"]"}`, i)
	}
	for _, test := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"CreateUser", "POST", "/Users", fmt.Sprintf(person, 1), 201},
		{"GetUser", "GET", "/Users/1", "", 200},
		{"FilterEq", "GET", "/Users?filter=" + escape(`userName eq "bjensen77@example.com"`), "", 200},
		{"PatchActive", "PATCH", "/Users/1", patch(`{"op":"replace","path":"active","value":false}`), 204},
		{"Remove1000MembersByFilter", "PATCH", "/Groups/1", patch(strings.Join(removals, ",")), 204},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.serve(b, test.method, test.path, test.body, test.status)
			}
		})
	}
}
