package scim

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// crowd is a list of n members, each with an id of its own.
func crowd(from, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"value":"%08d"}`, from+i)
	}
	return "[" + b.String()[1:] + "]"
}

// made returns how many bytes of memory were made while a function ran.
func made(run func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestCrowdsAreRefusedUnread has more members named than a request may name, at once
// and some at a time: of those that are too many nothing is kept on the way to the error.
func TestCrowdsAreRefusedUnread(t *testing.T) { // beside no other test
	typ, err := Groups()
	if err != nil {
		t.Fatal(err)
	}
	parse := func(body string) error { _, err := typ.Parse([]byte(body), Limits{}); return err }
	patch := func(body string) error { _, err := typ.ParsePatch([]byte(body), Limits{}); return err }
	add := func(list string) string { return `{"op":"add","path":"members","value":` + list + `}` }
	most, rest := crowd(0, maxMembers), crowd(maxMembers, 1)
	for _, test := range []struct {
		name, body string
		read       func(body string) error
		atMost     float64 // times the body, the body itself among it
	}{
		{"a group", `{"displayName":"g","members":` + crowd(0, maxMembers+1) + `}`, parse, 1.1},
		{"an operation", `{"Operations":[` + add(crowd(0, maxMembers+1)) + `]}`, patch, 1.1},
		{"nobody, over and over", `{"Operations":[` + add("["+strings.Repeat("null,", maxMembers)+"null]") + `]}`, patch, 1.1},
		{"two operations", `{"Operations":[` + add(most) + "," + add(rest) + `]}`, patch, 4},
		{"two keys", `{"displayName":"g","members":` + most + `,"urn:ietf:params:scim:schemas:core:2.0:Group:members":` + rest + `}`, parse, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			var err error
			times := float64(made(func() { err = test.read(test.body) })) / float64(len(test.body))
			e, ok := err.(*Error) //nolint:errorlint // it is what is sent
			if !ok || e.Status != http.StatusRequestEntityTooLarge || e.Type != TooMany {
				t.Errorf("error %v, want 413 tooMany", err)
			}
			if t.Logf("%.2f times the body made", times); times > test.atMost {
				t.Errorf("%.2f times the body of %d bytes made, want %.1f at most", times, len(test.body), test.atMost)
			}
		})
	}
}

// TestMembersTakeLittleMemory names as many members as may be: to know who they are
// takes their ids once, and where each begins.
func TestMembersTakeLittleMemory(t *testing.T) { // beside no other test
	list := []byte(crowd(0, maxMembers))
	var ids []string
	var err error
	times := float64(made(func() { ids, err = new(reader).memberIDs(list) })) / float64(len(list))
	if err != nil || len(ids) != maxMembers || ids[0] != "00000000" || ids[maxMembers-1] != "00499999" {
		t.Fatalf("%d members, %v", len(ids), err)
	}
	if t.Logf("%.2f times the list made", times); times > 1.6 {
		t.Errorf("%.2f times the list of %d bytes made, want 1.6 at most", times, len(list))
	}
}

// TestMembersAsTheyAreWritten reads members in every way in which one is named.
func TestMembersAsTheyAreWritten(t *testing.T) {
	for _, test := range []struct{ list, want string }{
		{`[]`, `[]`},
		{`null`, `[]`},
		{`"a"`, `["a"]`},
		{`{"value":"a"}`, `["a"]`},
		{`["a",{"value":"b"},null,{"VALUE":"c","display":"x"},""]`, `["a" "b" "c"]`},
		{`[{"\u0076alue":"a\"b"},{"display":"x","value":"\u00e9\ud800"}]`, `["a\"b" "é�"]`},
		{`[ {"$ref" : "../Users/a" , "value" : "a" } , "b" ]`, `["a" "b"]`},
	} {
		ids, err := new(reader).memberIDs([]byte(test.list))
		if got := fmt.Sprintf("%q", ids); err != nil || got != test.want {
			t.Errorf("%s: %s, %v; want %s", test.list, got, err, test.want)
		}
	}
	for _, list := range []string{`[1]`, `[{"display":"a"}]`, `[{"value":7}]`, `[["a"]]`, `7`} {
		if ids, err := new(reader).memberIDs([]byte(list)); err == nil {
			t.Errorf("%s: %q", list, ids)
		}
	}
}
