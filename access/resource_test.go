package access

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzResource holds what is read of a stored record against what encoding/json reads.
func FuzzResource(f *testing.F) {
	for _, seed := range []string{
		`{"userName":"ann","name":{"givenName":"Ann","familyName":"Lee"},"emails":[{"value":"a@example.org","primary":true,"type":"work"},{}],` +
			`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Docs","employeeNumber":"7","manager":{"value":"1"}}}`,
		`{"displayName":"\u00c9ve","title":null}`, `{"username":"ann"}`, `{"Name":{"GivenName":"A"}}`, `{"emails":[],"emails":[{"value":"x"}]}`,
		`{"name":{"givenName":"A"},"name":{"familyName":"B"}}`, `{"emails":null}`, `{"userType":7}`, `{"emails":[null]}`, `{ "title": "spaced" }`,
		`{"URN:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Docs"}}`, ``, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		var want resource
		wrong := json.Unmarshal(stored, &want)
		got, err := parseResource(stored)
		if (err == nil) != (wrong == nil) {
			t.Fatalf("%q: %v, want %v", stored, err, wrong)
		}
		if diff := cmp.Diff(want, got); err == nil && diff != "" {
			t.Errorf("%q (-encoding/json, +got):\n%s", stored, diff)
		}
	})
}
