package api_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"drawbridge/access/exposure"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestExposure reads windows that closed and that are open, a page at a time, and the
// report on them. R-SLO-3.
func TestExposure(t *testing.T) {
	w := newWorld(t)
	begun := time.Now().UTC().Add(-time.Hour)
	w.update(func(tx store.Tx) error {
		for i := range 12 {
			at := begun.Add(time.Duration(i/4) * time.Minute) // four at once
			win := schema.Window{ID: tx.NewID(), Connector: "wiki", Identity: fmt.Sprint(i), Closed: at.Add(time.Second), Change: schema.Change{
				Ends: true, Received: at, Decided: at, Acknowledged: at.Add(time.Second), Left: true, Loses: []string{"wiki/readers"},
			}}
			if err := store.Windows.Put(tx, win); err != nil {
				return err
			}
			acc := schema.Account{Connector: "wiki", Identity: fmt.Sprintf("open%02d", i), Due: schema.Change{Ends: true, Received: at, Decided: at}}
			if err := store.Accounts.Put(tx, acc); err != nil {
				return err
			}
		}
		return nil
	})
	query := url.Values{"from": {begun.Add(time.Minute).Format(time.RFC3339Nano)}, "to": {begun.Add(2 * time.Minute).Format(time.RFC3339Nano)}}.Encode()
	seen := map[string]int{}
	all, n := pages[exposure.Window](w, "/api/v1/exposure/windows?limit=3&"+query)
	for _, v := range all {
		seen[v.Identity]++
	}
	if len(all) != 8 || len(seen) != 8 || n != 4 || seen["4"] != 1 || seen["open07"] != 1 {
		t.Errorf("%d windows in %d pages, want 8 in 4, each once: %v", len(all), n, seen)
	}
	if open, n := pages[exposure.Window](w, "/api/v1/exposure/open?limit=5"); len(open) != 12 || n != 3 || open[0].Basis != exposure.StillOpen {
		t.Errorf("%d open windows in %d pages, want 12 in 3", len(open), n)
	}
	var report exposure.Report
	w.want(200, "viewer", "GET", "/api/v1/exposure?by=trigger&"+query, "", &report)
	if report.Total.Windows != 8 || report.Total.Open != 4 || report.Total.Acknowledged != 4 || report.Total.Verified != 0 || report.Total.Told.Most != 1 {
		t.Errorf("report: %+v", report.Total)
	}
	var latest exposure.Recent
	w.want(200, "viewer", "GET", "/api/v1/exposure/latest", "", &latest)
	if latest.Closed != 12 || latest.Open != 12 || latest.Took.Most != 1 || latest.More || latest.To.Sub(latest.From) != 24*time.Hour {
		t.Errorf("the latest: %+v", latest)
	}
	w.want(422, "viewer", "GET", "/api/v1/exposure?by=mood&"+query, "", nil)
	w.want(422, "viewer", "GET", "/api/v1/exposure?"+url.Values{"from": {"2026-02-01T00:00:00Z"}, "to": {"2026-01-01T00:00:00Z"}}.Encode(), "", nil)
	w.want(422, "viewer", "GET", "/api/v1/exposure/windows?cursor=WyJjbG9zZWQiLCJ4IiwieSJd&"+query, "", nil)
}
