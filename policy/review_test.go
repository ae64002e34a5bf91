package policy

import (
	"testing"
	"time"

	"drawbridge/schema"
)

// TestReviewsHalveWhereUseIsUnseen looks at one grant with a feed of use, and without one:
// what is to end when it is not used, and cannot be seen to be, is looked at twice as
// often. R-REV-6.
func TestReviewsHalveWhereUseIsUnseen(t *testing.T) {
	book := bookOf(t, `
apiVersion: drawbridge/v1
kind: Source
metadata: { name: proxy, owner: { user: a@example.org, deputy: b@example.org } }
spec: { protocol: signals, trust: contributing, authoritativeFor: [use] }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: looked-at, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  type: requestable
  mode: enforce
  intent: Somebody looks at it again.
  eligible: identity.userType == "employee"
  approval: manager
  grants: [{ connector: wiki, entitlement: editors }]
  duration: { default: 300d }
  triggers: [leaver, unused]
  review: { every: 90d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: kept, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  type: requestable
  mode: enforce
  intent: It does not end for want of use.
  eligible: identity.userType == "employee"
  approval: manager
  grants: [{ connector: wiki, entitlement: readers }]
  duration: { default: 300d }
  triggers: [leaver]
  review: { every: 90d }
`)
	const every = 90 * 24 * time.Hour
	seen := []schema.Feed{{Source: "proxy", Topic: schema.TopicUse, Connector: "wiki", Heard: noon.Add(-time.Hour)}}
	for _, c := range []struct {
		name  string
		role  string
		feeds []schema.Feed
		want  time.Duration
	}{
		{"use is told", "looked-at", seen, every},
		{"nobody tells of use", "looked-at", nil, every / 2},
		{"nobody did lately", "looked-at", []schema.Feed{{Source: "proxy", Topic: schema.TopicUse, Connector: "wiki", Heard: noon.Add(-30 * 24 * time.Hour)}}, every / 2},
		{"of another target", "looked-at", []schema.Feed{{Source: "proxy", Topic: schema.TopicUse, Connector: "crm", Heard: noon.Add(-time.Hour)}}, every / 2},
		{"use does not matter", "kept", nil, every},
	} {
		terms, ok := book.ReviewOf(c.role, c.feeds, noon)
		if !ok || terms.Every != c.want {
			t.Errorf("%s: it is reviewed every %s (%v), want %s", c.name, terms.Every, ok, c.want)
		}
		for _, days := range []int{44, 46, 89, 91} {
			given := noon.AddDate(0, 0, -days)
			f := Facts{Identity: person(docs), Feeds: c.feeds, Grants: []schema.Grant{{ID: "1", Role: c.role, From: given, Until: given.AddDate(0, 0, 300)}}}
			due := false
			for _, fired := range book.Evaluate(f, noon).Fired {
				due = due || fired.Trigger == reviewName
			}
			if want := time.Duration(days)*24*time.Hour >= c.want; due != want {
				t.Errorf("%s: after %d days its review is due: %v, want %v", c.name, days, due, want)
			}
		}
	}
}
