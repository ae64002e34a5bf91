package access_test

import (
	"fmt"
	"slices"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// TestChangeOfOneName holds that what a source changes is stored where two schemas
// have an attribute of the same name, of which the other stays as it was.
func TestChangeOfOneName(t *testing.T) {
	t.Parallel()
	resource := func(title, department, own string) []byte {
		return fmt.Appendf(nil, `{"userName":"ada","title":%q,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":%q},`+
			`"urn:example:hr:2.0:User":{"title":%q,"department":%q}}`, title, department, own, own)
	}
	for _, row := range []struct {
		name string
		to   []byte
	}{
		{"core", resource("Countess", "Engines", "old")},
		{"enterprise", resource("Miss", "Looms", "old")},
		{"extension", resource("Miss", "Engines", "new")},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, enginetest.Memory(1))
			defer w.store.Close()
			tell := func(id schema.Identity) (got schema.Identity) {
				w.update(func(tx store.Tx) (err error) {
					got, err = access.Admit(tx, w.hr(), id)
					return err
				})
				return got
			}
			for n := range 20 { // maps have no order
				id := tell(schema.Identity{UserName: fmt.Sprint("ada", n), Active: true, Resource: resource("Miss", "Engines", "old")})
				id.Resource = row.to
				tell(id)
				if got := w.record(id.ID).Resource; string(got) != string(row.to) {
					t.Fatalf("it is stored as %s, want %s", got, row.to)
				}
			}
		})
	}
}

// TestExtensionInCapitals holds that an attribute of an extension goes by its own name
// however the URN is written.
func TestExtensionInCapitals(t *testing.T) {
	for _, urn := range []string{"urn:example:hr:2.0:User", "URN:example:hr:2.0:User"} {
		rec := schema.Identity{Source: "okta", Resource: fmt.Appendf(nil, `{"userName":"ada",%q:{"badge":"1"}}`, urn)}
		if got := access.Beyond(book(t), rec); !slices.Equal(got, []string{"badge"}) {
			t.Errorf("%s: beyond the authority of its source are %q, want badge", urn, got)
		}
	}
}
