package metrics_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/schema"
	"drawbridge/server/metrics"
	"drawbridge/store"
)

func update(t *testing.T, s *store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// scrape returns what is exposed, by series.
func scrape(t *testing.T, m *metrics.Metrics) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("scrape: %d %s", w.Code, w.Body)
	}
	series := map[string]float64{}
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndexByte(strings.TrimSpace(line), ' ')
		value, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		series[line[:i]] = value
	}
	return series
}

func record(tx store.Tx, verb schema.Verb, n int) error {
	for range n {
		_, err := tx.Record(schema.Decision{Actor: `source/","verb":"forged"`, Verb: verb, Subject: "s", Reason: `","verb":"forged"`})
		if err != nil {
			return err
		}
	}
	return nil
}

func TestDecisionsAreCountedOnceAndSinceTheStart(t *testing.T) {
	s := accesstest.Store(t)
	update(t, s, func(tx store.Tx) error { return record(tx, schema.Granted, 5) })
	m := metrics.New(s, nil)
	update(t, s, func(tx store.Tx) error { return record(tx, schema.Granted, 2) })
	update(t, s, func(tx store.Tx) error { return record(tx, schema.Revoked, 3) })
	for range 2 {
		got := scrape(t, m)
		for series, want := range map[string]float64{
			`drawbridge_decisions_total{verb="granted"}`: 2, `drawbridge_decisions_total{verb="revoked"}`: 3,
			`drawbridge_decisions_total{verb="forged"}`: 0, `drawbridge_log_entries`: 10, `drawbridge_store_up`: 1,
		} {
			if got[series] != want {
				t.Errorf("%s is %v, want %v", series, got[series], want)
			}
		}
	}
	update(t, s, func(tx store.Tx) error { return record(tx, schema.Revoked, 1) })
	if got := scrape(t, m)[`drawbridge_decisions_total{verb="revoked"}`]; got != 4 {
		t.Errorf("after one more: %v", got)
	}
	again := metrics.New(s, nil) // a process that begins anew counts anew, as counters do
	if got, there := scrape(t, again)[`drawbridge_decisions_total{verb="revoked"}`]; got != 0 || !there {
		t.Errorf("after a restart: %v (%v), want it there, at zero", got, there)
	}
}

// TestIgnoredIsCountedBySource counts what sources said beyond what they may, and makes
// no series without end of it.
func TestIgnoredIsCountedBySource(t *testing.T) {
	s := accesstest.Store(t)
	ignored := func(actor string, n int) {
		update(t, s, func(tx store.Tx) error {
			for range n {
				if _, err := tx.Record(schema.Decision{Actor: actor, Verb: schema.Ignored, Subject: "s"}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	ignored("source/hr", 3)
	m := metrics.New(s, nil)
	if got := scrape(t, m)[`drawbridge_ignored_total{source="hr"}`]; got != 0 {
		t.Errorf("of before the process began: %v", got)
	}
	ignored("source/hr", 2)
	ignored("source/okta", 1)
	ignored("trigger/x", 1)
	update(t, s, func(tx store.Tx) error { return record(tx, schema.Ignored, 1) })
	got := scrape(t, m)
	for source, want := range map[string]float64{"hr": 2, "okta": 1, "x": 0, "trigger/x": 0} {
		if got[`drawbridge_ignored_total{source="`+source+`"}`] != want {
			t.Errorf("of %s: %v, want %v", source, got[`drawbridge_ignored_total{source="`+source+`"}`], want)
		}
	}
	for i := range 300 {
		ignored("source/s"+strconv.Itoa(i), 1)
	}
	sources, all := 0, 0.0
	for series, n := range scrape(t, m) {
		if strings.HasPrefix(series, "drawbridge_ignored_total{") {
			sources, all = sources+1, all+n
		}
	}
	if sources != 201 || all != 304 {
		t.Errorf("%d series, and %v counted; want 201 and 304", sources, all)
	}
}

// TestEveryVerbIsCountedFromZero holds the list of verbs to those of the schema.
func TestEveryVerbIsCountedFromZero(t *testing.T) {
	text, err := os.ReadFile("../../schema/decision.go")
	if err != nil {
		t.Fatal(err)
	}
	got := scrape(t, metrics.New(accesstest.Store(t), nil))
	verbs := regexp.MustCompile(`Verb += "(\w+)"`).FindAllSubmatch(text, -1)
	if len(verbs) < 20 {
		t.Fatalf("%d verbs found in the schema", len(verbs))
	}
	for _, v := range verbs {
		if _, there := got[`drawbridge_decisions_total{verb="`+string(v[1])+`"}`]; !there {
			t.Errorf("%s is not there", v[1])
		}
	}
}

// TestWhatStands scrapes what is so now. R-BG-9.
func TestWhatStands(t *testing.T) {
	s := accesstest.Store(t)
	long := time.Now().Add(-time.Hour)
	update(t, s, func(tx store.Tx) error {
		for i, due := range []schema.Change{
			{Received: long.Add(30 * time.Minute), Ends: true}, {Received: long, Ends: true}, {Received: long.Add(-time.Hour)}, {},
		} {
			if err := store.Accounts.Put(tx, schema.Account{Connector: "wiki", Identity: fmt.Sprint(i), Due: due}); err != nil {
				return err
			}
			if err := tx.Wake(access.LaneAccount("wiki"), fmt.Sprint(i), long.Add(time.Duration(i)*time.Minute)); err != nil {
				return err
			}
		}
		if err := store.Findings.Put(tx, schema.Finding{Kind: "orphan", Connector: "wiki", Subject: "r1"}); err != nil {
			return err
		}
		if err := store.Runs.Put(tx, schema.Run{ID: "quiet/drift", Sweep: "drift", Started: long, Ended: long}); err != nil {
			return err
		}
		if err := store.Accounts.Put(tx, schema.Account{Connector: "crm", Identity: "p", State: schema.Parked}); err != nil {
			return err
		}
		if err := store.Holds.Put(tx, schema.Hold{ID: "source:hr", Kind: schema.SourceHold, Subject: "source/hr"}); err != nil {
			return err
		}
		if err := store.WithheldIdentities.Put(tx, store.Withheld{Identity: schema.Identity{ID: "w", Source: "hr"}}); err != nil {
			return err
		}
		for i, state := range []schema.RequestState{schema.RequestDenied, schema.RequestOpen, schema.RequestOpen} {
			q := schema.Request{ID: fmt.Sprint(i), State: state, Made: long.Add(time.Duration(i) * 10 * time.Minute)}
			if err := store.Requests.Put(tx, q); err != nil {
				return err
			}
		}
		for i, taken := range []time.Time{long.Add(-31 * 24 * time.Hour), long, long} {
			if err := store.Bypasses.Put(tx, schema.Bypass{ID: fmt.Sprint(i), Grant: fmt.Sprint(i), Role: "glass", Taken: taken}); err != nil {
				return err
			}
		}
		for _, g := range []schema.ProposalGroup{
			{ID: "grant:a", Change: schema.ProposeGrant, Count: 3, Since: long}, {ID: "leaver:a", Change: schema.ProposeRevoke, Urgent: true, Count: 2, Since: long},
		} {
			if err := store.ProposalGroups.Put(tx, g); err != nil {
				return err
			}
		}
		if err := store.Halts.Put(tx, schema.Halt{Connector: "crm"}); err != nil {
			return err
		}
		if err := tx.Wake(access.LaneSweep, "drift", long.Add(-10*time.Minute)); err != nil {
			return err
		}
		return tx.Wake(access.LaneSweep, "expiry", time.Now().Add(time.Hour))
	})
	m := metrics.New(s, []string{"wiki", "crm"})
	m.Breakers(func(connector string) bool { return connector == "crm" })
	m.Sweeps([]string{"drift", "never", "expiry"})
	scrape(t, m)
	m.Sweeps([]string{"drift"}) // named once more: it is as it was
	got := scrape(t, m)
	for series, want := range map[string]float64{
		`drawbridge_exposure_open_seconds{connector="wiki"}`:             3600,
		`drawbridge_exposure_open_seconds{connector="crm"}`:              0,
		`drawbridge_lane_items{lane="account/wiki"}`:                     4,
		`drawbridge_lane_oldest_seconds{lane="account/wiki"}`:            3600,
		`drawbridge_lane_items{lane="sweep"}`:                            2,
		`drawbridge_lane_oldest_seconds{lane="sweep"}`:                   4200,
		`drawbridge_sweep_due_timestamp_seconds{sweep="drift"}`:          float64(long.Add(-10*time.Minute).UnixMilli()) / 1e3,
		`drawbridge_sweep_due_timestamp_seconds{sweep="never"}`:          0,
		`drawbridge_sweep_late{sweep="drift"}`:                           1,
		`drawbridge_sweep_late{sweep="never"}`:                           1,
		`drawbridge_sweep_late{sweep="expiry"}`:                          0,
		`drawbridge_ungoverned_accounts{connector="wiki"}`:               1,
		`drawbridge_ungoverned_accounts{connector="crm"}`:                0,
		`drawbridge_records{collection="accounts"}`:                      5,
		`drawbridge_held{kind="source"}`:                                 1,
		`drawbridge_held{kind="policy"}`:                                 0,
		`drawbridge_withheld_leavers`:                                    1,
		`drawbridge_requests_open`:                                       2,
		`drawbridge_bypasses_30_days{role="glass"}`:                      2,
		`drawbridge_requests_oldest_seconds`:                             3000,
		`drawbridge_parked_accounts{connector="crm"}`:                    1,
		`drawbridge_parked_accounts{connector="wiki"}`:                   0,
		`drawbridge_breaker_open{connector="crm"}`:                       1,
		`drawbridge_proposals{change="grant"}`:                           3,
		`drawbridge_proposals{change="revoke"}`:                          0,
		`drawbridge_proposals{change="leaver"}`:                          2,
		`drawbridge_proposals_oldest_seconds{change="leaver"}`:           3600,
		`drawbridge_halted{connector="crm"}`:                             1,
		`drawbridge_halted{connector="wiki"}`:                            0,
		`drawbridge_breaker_open{connector="wiki"}`:                      0,
		`drawbridge_sweep_last_success_timestamp_seconds{sweep="drift"}`: float64(long.UnixMilli()) / 1e3,
		`drawbridge_sweep_last_success_timestamp_seconds{sweep="never"}`: 0,
		`drawbridge_store_commits_total`:                                 float64(s.Stats().Commits),
		`drawbridge_store_commit_updates_count`:                          float64(s.Stats().Commits),
		`drawbridge_store_commit_updates_bucket{le="1"}`:                 float64(s.Stats().Shared[0]),
	} {
		value, there := got[series]
		if !there || value < want || value > want+60 {
			t.Errorf("%s is %v (%v), want %v or a little more", series, value, there, want)
		}
	}
}

func TestWhatHappens(t *testing.T) {
	s := accesstest.Store(t)
	m := metrics.New(s, []string{"wiki"})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			m.Exposure("wiki", "acknowledged", 30*time.Millisecond, true)
			m.Exposure("wiki", "verified", 3*time.Hour, true)
			m.Exposure("wiki", "acknowledged", time.Second, false)
			m.Missed("wiki")
			m.Request("wiki", "PATCH", 204, time.Millisecond)
			m.Request("wiki", "PATCH", 0, time.Millisecond)
			m.Served("/api/v1/roles", "GET", 200, time.Millisecond)
			m.Dropped("hr")
			m.PassedOver("hr", 3)
			m.Sweeps([]string{"drift", "expiry"})
			m.Swept(schema.Run{Sweep: "drift", Ended: time.Unix(1000, 0)})
			m.Swept(schema.Run{Sweep: "drift", Ended: time.Unix(2000, 0), Held: "too many"})
			m.Swept(schema.Run{Sweep: "drift", Ended: time.Unix(3000, 0), Problem: "gone"})
			scrape(t, m)
		})
	}
	wg.Wait()
	got := scrape(t, m)
	for series, want := range map[string]float64{
		`drawbridge_exposure_seconds_count{connector="wiki",stage="acknowledged"}`:             8,
		`drawbridge_exposure_seconds_bucket{connector="wiki",stage="acknowledged",le="0.025"}`: 0,
		`drawbridge_exposure_seconds_bucket{connector="wiki",stage="acknowledged",le="0.05"}`:  8,
		`drawbridge_exposure_seconds_bucket{connector="wiki",stage="verified",le="14400"}`:     8,
		`drawbridge_provision_seconds_count{connector="wiki",stage="acknowledged"}`:            8,
		`drawbridge_scim_members_passed_over_total{source="hr"}`:                               24,
		`drawbridge_exposure_missed_total{connector="wiki"}`:                                   8,
		`drawbridge_connector_requests_total{code="204",connector="wiki"}`:                     8,
		`drawbridge_connector_requests_total{code="0",connector="wiki"}`:                       8,
		`drawbridge_http_requests_total{code="200",method="GET",route="/api/v1/roles"}`:        8,
		`drawbridge_sweep_last_success_timestamp_seconds{sweep="drift"}`:                       1000,
		`drawbridge_scim_dropped_attributes_total{source="hr"}`:                                8,
		`drawbridge_sweep_runs_total{outcome="held",sweep="drift"}`:                            8,
		`drawbridge_sweep_runs_total{outcome="failed",sweep="drift"}`:                          8,
	} {
		if value, there := got[series]; !there || value != want {
			t.Errorf("%s is %v (%v), want %v", series, value, there, want)
		}
	}
}

// TestSeriesAreBounded sends what strangers choose, and looks at how many series
// it makes.
func TestSeriesAreBounded(t *testing.T) {
	m := metrics.New(accesstest.Store(t), nil)
	for i := range 1000 {
		m.Served("none", "METHOD"+strconv.Itoa(i), 404, time.Millisecond)
		m.Request("wiki", "M"+strconv.Itoa(i), 1000+i, time.Millisecond)
	}
	n := 0
	made := regexp.MustCompile(`^drawbridge_(http|connector)_request(s_total|_seconds_count)\{`)
	for series := range scrape(t, m) {
		if made.MatchString(series) {
			n++
		}
	}
	if n != 4 {
		t.Errorf("%d series, want one of each kind", n)
	}
}

// TestScrapeDoesNotGrow compares a scrape of a small store and of one a hundred
// times as large: it reads as many rows.
func TestScrapeDoesNotGrow(t *testing.T) {
	small, large := accesstest.Store(t), accesstest.Store(t)
	fill := func(s *store.Store, n int) {
		update(t, s, func(tx store.Tx) error {
			for i := range n {
				id := fmt.Sprintf("%06d", i)
				a := schema.Account{Connector: "wiki", Identity: id, Due: schema.Change{Received: tx.Now(), Ends: true}}
				if err := store.Accounts.Put(tx, a); err != nil {
					return err
				}
				if err := tx.Wake("lane", id, tx.Now()); err != nil {
					return err
				}
			}
			return record(tx, schema.Found, n)
		})
	}
	fill(small, 100)
	fill(large, 10_000)
	cost := func(s *store.Store) float64 {
		m := metrics.New(s, []string{"wiki"})
		return testing.AllocsPerRun(20, func() {
			w := httptest.NewRecorder()
			m.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
		})
	}
	if a, b := cost(small), cost(large); b > a*1.1 {
		t.Errorf("%v allocations at 100 accounts, %v at 10,000", a, b)
	}
}
