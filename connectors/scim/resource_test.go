package scim

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestResourceAsAttributes(t *testing.T) {
	r, err := decode([]byte(`{
		"schemas": ["x"], "id": "7", "meta": {"version": "1"}, "active": "False", "groups": [{"value": "g"}], "password": "secret",
		"USERNAME": "ann", "externalId": 1234567890123, "nickName": "", "name": {"FamilyName": "Berg", "formatted": null},
		"emails": [{"value": "home@x", "type": "home"}, {"value": "work@x", "type": "WORK"}],
		"phoneNumbers": [{"value": "1"}, {"value": "2", "primary": "True"}], "ims": [], "roles": ["plain"],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "R&D", "manager": {"value": "m1", "displayName": "Max"}},
		"urn:acme:2.0:User": {"badge": "42"}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"userName": "ann", "externalId": "1234567890123", "name.familyName": "Berg", "emails.value": "work@x",
		"phoneNumbers.value": "2", "department": "R&D", "manager.value": "m1", "manager.displayName": "Max", "urn:acme:2.0:User:badge": "42",
	}
	if diff := cmp.Diff(want, r.attributes()); diff != "" {
		t.Error(diff)
	}
	if r.active() {
		t.Error(`"False" is active`)
	}
	for name, value := range want {
		if got := r.get(parsePath(name)); got != value {
			t.Errorf("get %s: %q, want %q", name, got, value)
		}
	}
}

func TestSetTouchesNothingElse(t *testing.T) {
	for _, row := range []struct{ name, value, was, want string }{
		{"title", "x", `{}`, `{"title":"x"}`},
		{"title", "", `{"TITLE":"x"}`, `{}`},
		{"title", "", `{}`, `{}`},
		{"name.givenName", "x", `{"name":{"familyName":"y"}}`, `{"name":{"familyName":"y","givenName":"x"}}`},
		{"name.givenName", "", `{}`, `{}`},
		{"emails.value", "x", `{}`, `{"emails":[{"primary":true,"type":"work","value":"x"}]}`},
		{"emails.value", "", `{}`, `{}`},
		{"emails.value", "", `{"emails":[{"value":"x"}]}`, `{}`},
		{"emails.value", "", `{"emails":[{"value":"x"},{"type":"work","value":"y"}]}`, `{"emails":[{"value":"x"}]}`},
		{"emails.value", "z", `{"emails":[{"value":"x"},{"type":"work","value":"y","display":"d"}]}`, `{"emails":[{"value":"x"},{"display":"d","type":"work","value":"z"}]}`},
		{"emails.value", "z", `{"emails":["x"]}`, `{"emails":[{"primary":true,"type":"work","value":"z"}]}`},
		{"addresses.locality", "z", `{"addresses":[{"locality":"x","country":"y"}]}`, `{"addresses":[{"country":"y","locality":"z"}]}`},
		{"department", "", `{}`, `{}`},
		{"department", "x", `{}`, `{"schemas":["` + enterpriseURN + `"],"` + enterpriseURN + `":{"department":"x"}}`},
		{"manager.value", "m", `{"` + enterpriseURN + `":{"manager":"old"}}`, `{"` + enterpriseURN + `":{"manager":{"value":"m"}}}`},
		{"urn:acme:2.0:User:badge", "4", `{"schemas":["a"]}`, `{"schemas":["a","urn:acme:2.0:User"],"urn:acme:2.0:User":{"badge":"4"}}`},
	} {
		r, err := decode([]byte(row.was))
		if err != nil {
			t.Fatal(err)
		}
		r.set(parsePath(row.name), row.value, true)
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != row.want {
			t.Errorf("set %s to %q in %s: %s, want %s", row.name, row.value, row.was, text, row.want)
		}
	}
}

// FuzzResource sends anything a target may answer, writes into it, and reads it
// back.
func FuzzResource(f *testing.F) {
	f.Add(`{"emails":[{"value":"x","primary":true}],"name":{"givenName":"y"}}`, "emails.value", "z")
	f.Add(`{"emails":{"value":"x"},"name":["y"],"active":7}`, "name.givenName", "")
	f.Add(`{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":"odd","schemas":"odd"}`, "department", "z")
	f.Add(`{"":[null,[],{"":{}}]}`, "a.b.c", "z")
	f.Fuzz(func(t *testing.T, body, name, value string) {
		r, err := decode([]byte(body))
		if err != nil || r == nil {
			return
		}
		r.attributes()
		p := parsePath(name)
		before := maps.Clone(r)
		r.set(p, value, true)
		if got := r.get(p); got != value && p.name != "schemas" && p.urn != "schemas" {
			t.Errorf("set %q to %q in %s, and got %q", name, value, body, got)
		}
		touched := p.name
		if p.urn != "" {
			touched = p.urn
		}
		for k := range before {
			if k != key(before, touched) && k != "schemas" && r[k] == nil && before[k] != nil {
				t.Errorf("set %q in %s removed %q", name, body, k)
			}
		}
	})
}
