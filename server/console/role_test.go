package console_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

// TestRolePage shows the coverage of a role, who has each of what it gives, and all of its
// grants, holders and decisions, a page at a time.
func TestRolePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const many = 60
	w.update(func(tx store.Tx) error {
		for i := range many {
			id := fmt.Sprintf("p%03d", i)
			puts := []error{
				store.Identities.Put(tx, schema.Identity{ID: id, Source: "hr", UserName: "user-" + id, Active: true, Resource: []byte(`{}`)}),
				store.Grants.Put(tx, schema.Grant{ID: "g" + id, Identity: id, Role: "author", From: tx.Now(), Permanent: "authors stay", Reason: "because of " + id}),
				store.Assignments.Put(tx, schema.Assignment{Identity: id, Connector: "wiki", Entitlement: "editors", Because: []string{"role/author"}, Mode: schema.Enforce}),
			}
			if i%2 == 0 { // of what others give, too
				puts = append(puts, store.Assignments.Put(tx, schema.Assignment{Identity: id, Connector: "wiki", Entitlement: "readers", Because: []string{"role/author"}, Mode: schema.Enforce}))
			} else {
				puts = append(puts, store.Assignments.Put(tx, schema.Assignment{Identity: id, Connector: "wiki", Entitlement: "readers", Because: []string{"role/engineer"}, Mode: schema.Enforce}))
			}
			_, err := tx.Record(schema.Decision{Actor: "bridge", Verb: schema.Quarantined, Subject: "role/author", Reason: "for reason " + id})
			for _, err := range append(puts, err) {
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	b := w.as("auditor")
	b.shows("/console/roles/author", "Of what it gives", "wiki/readers", "wiki/editors", "Who has wiki/editors by it", "/console/log?role=author")

	all := func(begin, list, what string) (found int) {
		t.Helper()
		seen := map[string]bool{}
		more := regexp.MustCompile(`href="([^"]*)">Show more ` + list)
		for at := begin; ; {
			text := b.shows(at)
			if _, holders, ok := strings.Cut(text, "Who has wiki/editors by it"); ok && list == "holders" {
				text = holders
			}
			for i := range many {
				if strings.Contains(text, fmt.Sprintf(what, i)) {
					seen[fmt.Sprintf(what, i)] = true
				}
			}
			next := more.FindStringSubmatch(text)
			if next == nil {
				return len(seen)
			}
			at = strings.ReplaceAll(next[1], "&amp;", "&")
		}
	}
	for _, c := range []struct {
		name, list, what, begin string
		want                    int
	}{
		{"its grants", "grants", "because of p%03d", "/console/roles/author", many},
		{"who has the first", "holders", ">user-p%03d</a>", "/console/roles/author", many},
		{"what was decided", "decisions", "for reason p%03d", "/console/roles/author", many},
	} {
		if got := all(c.begin, c.list, c.what); got != c.want {
			t.Errorf("%s: %d were shown, want %d", c.name, got, c.want)
		}
	}
	text := b.shows("/console/roles/author?of=wiki/readers", "Who has wiki/readers by it")
	_, holders, _ := strings.Cut(text, "Who has wiki/readers by it")
	if !strings.Contains(holders, ">user-p000</a>") || strings.Contains(holders, ">user-p001</a>") {
		t.Error("of who has the second, those are shown who have it by another role, or not those who have it by this")
	}

	end := time.Now().Add(2 * time.Minute) // it takes moments, but on a machine that is busy
	for text := ""; !strings.Contains(text, "Hold something by it"); {
		if time.Now().After(end) {
			t.Fatalf("coverage is not counted\n%s", text)
		}
		text = b.shows("/console/roles/author")
	}
}
