package policy

import (
	"testing"
	"time"

	"drawbridge/schema"
)

const asleepRoles = `
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: asleep, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  triggers:
    - name: idle
      on: [sweep]
      when: now - account.lastLogin > duration("2160h")
      action: revoke
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: base, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  type: birthright
  mode: enforce
  intent: For everyone employed.
  assign: identity.userType == "employee"
  grants: [{ connector: wiki, entitlement: readers }]
  triggers: [leaver, asleep]
  permanent: { because: "It ends with employment." }
  review: { every: 365d }
`

// TestLastLoginThatIsNotKnown holds triggers to what docs/sweeps.md says: of an account of
// which the target says what cannot be right, nothing is concluded; nor of a target that
// tells no more. Where it tells, the trigger fires.
func TestLastLoginThatIsNotKnown(t *testing.T) {
	book := bookOf(t, asleepRoles)
	old := schema.Use{Identity: "u1", Connector: "wiki", LastUsed: noon.Add(-91 * 24 * time.Hour), By: "connector/wiki"}
	unclear := old
	unclear.Unclear = true
	listed := []schema.Feed{{Source: schema.OfTarget, Topic: schema.TopicUse, Connector: "wiki", Heard: noon}}
	silent := []schema.Feed{{Source: schema.OfTarget, Topic: schema.TopicUse, Connector: "wiki", Heard: old.LastUsed}}
	for name, c := range map[string]struct {
		use   schema.Use
		feeds []schema.Feed
		fires bool
	}{
		"the target tells": {old, listed, true},
		"the target tells, of her what cannot be right": {unclear, listed, false},
		"the target fell silent 91 days ago":            {old, silent, false},
		"the target is none that tells any more":        {old, nil, false},
	} {
		f := Facts{Identity: person(employee), Uses: []schema.Use{c.use}, Feeds: c.feeds}
		if fired := book.Evaluate(f, noon).Fired; len(fired) > 0 != c.fires {
			t.Errorf("%s: %+v", name, fired)
		}
	}
}

// TestUseIsReckoned has the latest count that an account may have been used at: a target's
// uses are kept a day later at times, and told as it is listed.
func TestUseIsReckoned(t *testing.T) {
	book := bookOf(t, asleepRoles)
	for name, c := range map[string]struct {
		by                string
		used, heard, want time.Duration // ago
	}{
		"as a source says":                    {by: "source/siem", used: 20 * time.Hour, want: 20 * time.Hour},
		"it may have been used and not kept":  {by: "connector/wiki", used: 20 * time.Hour, want: 0},
		"as much as a day later":              {by: "connector/wiki", used: 40 * time.Hour, want: 16 * time.Hour},
		"after two days all of it is kept":    {by: "connector/wiki", used: 48 * time.Hour, want: 48 * time.Hour},
		"it may have been used since it told": {by: "connector/wiki", used: 90 * time.Hour, heard: 10 * time.Hour, want: 80 * time.Hour},
		"a part of an hour counts as an hour": {by: "connector/wiki", used: 90 * time.Hour, heard: time.Minute, want: 89 * time.Hour},
		"both, and nothing is later than now": {by: "connector/wiki", used: 30 * time.Hour, heard: 10 * time.Hour, want: 0},
	} {
		uses := []schema.Use{{Identity: "u1", Connector: "wiki", LastUsed: noon.Add(-c.used), By: c.by}}
		feeds := []schema.Feed{{Source: schema.OfTarget, Topic: schema.TopicUse, Connector: "wiki", Heard: noon.Add(-c.heard)}}
		used := book.LastUse(uses, feeds, "wiki", "", noon)
		if got := noon.Sub(used.Reckoned(time.Time{}, noon)); got != c.want || noon.Sub(used.Last) != c.used {
			t.Errorf("%s: it is reckoned as %s ago; want %s", name, got, c.want)
		}
	}
}
