package jsonscan_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drawbridge/schema/jsonscan"
)

// FuzzScanner holds what is read of any object against what encoding/json reads: either
// the scanner says that it is lost, or it is the same.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1,"b":[true,false,null],"c":{"d":"e"}}`, `{"a":"1","a":"2"}`, `{"a":"\u00e9\n"}`, `{"a":01}`, `{"a":1e}`, `{"a":-}`,
		`{"a":1.5e+7,"b":-0}`, `{"a":}`, `{"a":1,}`, `{"a" :1}`, `{"\u0061":1}`, "{\"a\":\"\xff\"}", "{\"a\":\"\x01\"}", `{"a":"\x"}`, `{"a":"\`, `{"a":"b`,
		`null`, `[]`, `""`, `{"a":tru}`, `{"a":1}{}`, `{"é":"ü"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		before := bytes.Clone(value)
		got := map[string]json.RawMessage{}
		o := jsonscan.Of(value)
		for name := range o.Members() {
			got[string(name)] = o.Raw()
		}
		if !bytes.Equal(value, before) {
			t.Fatal("it changed what it read")
		}
		if !o.Whole() {
			return
		}
		want := map[string]json.RawMessage{}
		if err := json.Unmarshal(value, &want); err != nil {
			t.Fatalf("%q was read, and encoding/json says %v", value, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-encoding/json, +got):\n%s", value, diff)
		}
	})
}

func TestUsualObjectsAreRead(t *testing.T) {
	o := jsonscan.Of([]byte(`{"text":"é","list":["a","b"],"none":null,"yes":true,"n":-12,"at":"2026-02-03T04:05:06.7Z","rest":{"x":[1,{}]}}`))
	var seen []any
	for name := range o.Members() {
		switch string(name) {
		case "text":
			seen = append(seen, o.Text())
		case "list", "none":
			seen = append(seen, o.Texts())
		case "yes":
			seen = append(seen, o.Truth())
		case "n":
			seen = append(seen, o.Number())
		case "at":
			seen = append(seen, o.Time().Format("15:04:05.0"))
		default:
			seen = append(seen, string(o.Value()))
		}
	}
	want := []any{"é", []string{"a", "b"}, []string(nil), true, int64(-12), "04:05:06.7", `{"x":[1,{}]}`}
	if diff := cmp.Diff(want, seen); diff != "" || !o.Whole() {
		t.Errorf("whole: %v (-want, +got):\n%s", o.Whole(), diff)
	}
	if o.Lose(); o.Whole() {
		t.Error("who lost the way is not whole")
	}
}
