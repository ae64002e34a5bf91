package metrics_test

import (
	"testing"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/schema"
	"drawbridge/server/metrics"
	"drawbridge/store"
)

// TestFeedLag says how far a feed is behind the log, and nothing of one that has yet to
// say where it begins.
func TestFeedLag(t *testing.T) {
	s := accesstest.Store(t)
	m := metrics.New(s, nil)
	m.Follow("siem")
	m.Follow("new")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		for range 5 {
			if _, err := tx.Record(schema.Decision{Actor: "test", Verb: schema.Found, Subject: "somebody"}); err != nil {
				return err
			}
		}
		return access.KeepFeedCursor(tx, "siem", 3)
	})
	if err != nil {
		t.Fatal(err)
	}
	got := scrape(t, m)
	if lag := got[`drawbridge_feed_lag_entries{feed="siem"}`]; lag != 2 {
		t.Errorf("it is %v behind, want 2", lag)
	}
	if since, there := got[`drawbridge_feed_lag_seconds{feed="siem"}`]; !there || since < 0 || since > 60 {
		t.Errorf("since %v (%v)", since, there)
	}
	if lag, there := got[`drawbridge_feed_lag_entries{feed="new"}`]; !there || lag != 0 {
		t.Errorf("a feed that is new is %v behind (%v)", lag, there)
	}
}
