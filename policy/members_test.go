package policy

import (
	"encoding/json"
	"testing"
)

// FuzzFields holds the members of an object against what encoding/json finds.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{`{"a":1,"b":{"c":[2]}}`, `{"a":1,"a":2}`, `{ "a" : 1 }`, `{"\u0061":"b"}`, `{"a":null}`, `[]`, `null`, ``, `{"a":`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		want := map[string]json.RawMessage{}
		if json.Unmarshal(raw, &want) != nil {
			want = nil
		}
		got := fields(raw)
		for name, value := range want {
			if string(got.get(name)) != string(value) {
				t.Errorf("%q: %s is %s, want %s", raw, name, got.get(name), value)
			}
		}
		for _, m := range got {
			if _, ok := want[string(m.name)]; !ok {
				t.Errorf("%q: there is no %s", raw, m.name)
			}
		}
	})
}
