package access_test

import (
	"errors"
	"testing"
	"time"

	"drawbridge/access/tokens"
	"drawbridge/schema"
)

func TestBriefs(t *testing.T) {
	key := tokens.NewKey([]byte("key"))
	now := time.Now()
	shown := key.NewBrief(tokens.Brief{For: "0193-ab", Expires: now.Add(time.Hour)}, "proof", "of it")
	b, ok := tokens.ParseBrief(shown)
	if !ok || b.For != "0193-ab" {
		t.Fatalf("%q reads %+v, %v", shown, b, ok)
	}
	if err := key.OpensBrief(b, now, "proof", "of it"); err != nil {
		t.Errorf("as it was given out: %v", err)
	}
	later := b
	later.Expires = later.Expires.Add(time.Hour)
	for name, err := range map[string]error{
		"another proof":  key.OpensBrief(b, now, "proof", "of that"),
		"a proof cut up": key.OpensBrief(b, now, "proofof it"),
		"no proof":       key.OpensBrief(b, now),
		"another key":    tokens.NewKey([]byte("other")).OpensBrief(b, now, "proof", "of it"),
		"no key":         tokens.Key{}.OpensBrief(b, now, "proof", "of it"),
		"a later end":    key.OpensBrief(later, now, "proof", "of it"),
	} {
		if !errors.Is(err, schema.ErrForbidden) || errors.Is(err, tokens.ErrBriefEnded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := key.OpensBrief(b, now.Add(time.Hour), "proof", "of it"); !errors.Is(err, tokens.ErrBriefEnded) {
		t.Errorf("after its end: %v", err)
	}
	for _, text := range []string{"", "dbs_", "dbs_a", "dbs_a_b", "dbs__1_AA", "dbs_a_!_AA", "dbs_a_1_!", "db_a_1_AA", "dbs_a_zzzzzzzzzzzzzzzzzzzz_AA"} {
		if b, ok := tokens.ParseBrief(text); ok {
			t.Errorf("%q reads %+v", text, b)
		}
	}
}
