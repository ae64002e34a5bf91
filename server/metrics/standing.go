package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// What stands in the store.
var (
	overdueNow    = desc("exposure_overdue", "Revocations that are open past the time by which their trigger wants them done.", "connector")
	openSeconds   = desc("exposure_open_seconds", "Age of the oldest revocation that its target has yet to agree to; 0 if there is none.", "connector")
	laneItems     = desc("lane_items", "Items in a lane, due or not.", "lane")
	laneLeased    = desc("lane_leased", "Items of a lane that a worker has.", "lane")
	laneOldest    = desc("lane_oldest_seconds", "How long the first item that waits has been due; 0 if none is.", "lane")
	heldNow       = desc("held", "What the bridge would do and does not, until people decide or what it lacks is there.", "kind")
	withheldNow   = desc("withheld_leavers", "Identities whose end a source's brake holds.")
	lossesNow     = desc("withheld_losses", "People who keep something, or are trusted, only because the brake on a source holds what it did.")
	parkedNow     = desc("parked_accounts", "Accounts that failed for good, until something changes; at most 10,000 are counted.", "connector")
	breakerNow    = desc("breaker_open", "Whether a target does not answer and is left alone.", "connector")
	haltedNow     = desc("halted", "Whether somebody stopped what is written to a target.", "connector")
	unreadableNow = desc("policy_unreadable", "Whether this version of the program cannot read the policy in force: nobody gets anything new.")
	proposedNow   = desc("proposals", "Lines that wait for a person to release or dismiss them, by change; leaver is the end of what people have who left.", "change")
	proposedAge   = desc("proposals_oldest_seconds", "Age of the oldest cause of which lines are proposed; 0 if there is none.", "change")
	requestsOpen  = desc("requests_open", "Requests that somebody has yet to decide about; at most 10,000 are counted.")
	requestOldest = desc("requests_oldest_seconds", "Age of the oldest request that somebody has yet to decide about; 0 if there is none.")
	bypassesNow   = desc("bypasses_30_days", "Break-glass roles taken before anybody agreed, in the last 30 days.", "role")
	decisions     = desc("decisions_total", "Decisions in the log since the process began, by what they did.", "verb")
	ignoredTotal  = desc("ignored_total", "What a source said beyond its authority or its scope since the process began: kept in its record, and not applied.", "source")
	logEntries    = desc("log_entries", "Entries of the decision log.")
	records       = desc("records", "Records in the store.", "collection")
	storeCommits  = desc("store_commits_total", "Transactions made durable.")
	storeUpdates  = desc("store_updates_total", "Updates that were in them.")
	storeFailed   = desc("store_failed_total", "Updates that failed and left no trace.")
	storeRetried  = desc("store_retried_total", "Transactions that were run again.")
	storeSeconds  = desc("store_committing_seconds_total", "Time spent on making transactions durable.")
	storeShared   = desc("store_commit_updates", "How many Updates shared a commit.")
	storeReadable = desc("store_up", "Whether the store could be read for this scrape.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
}

// A snapshot reads the store for one scrape. It takes the scrape's context, which
// a collector is not given.
type snapshot struct {
	*Metrics
	ctx context.Context
}

// Describe describes nothing: which lanes and verbs there are shows when looking.
func (s snapshot) Describe(chan<- *prometheus.Desc) {}

// Collect reads the store.
func (s snapshot) Collect(out chan<- prometheus.Metric) {
	s.stats(out)
	var found []prometheus.Metric
	err := s.store.View(s.ctx, func(r store.Reader) (err error) {
		found, err = s.read(r)
		return err
	})
	out <- prometheus.MustNewConstMetric(storeReadable, prometheus.GaugeValue, truth(err == nil))
	for _, metric := range found {
		out <- metric
	}
	verbs, ignored := s.count(s.ctx)
	for verb, n := range verbs {
		out <- prometheus.MustNewConstMetric(decisions, prometheus.CounterValue, float64(n), string(verb))
	}
	for source, n := range ignored {
		out <- prometheus.MustNewConstMetric(ignoredTotal, prometheus.CounterValue, float64(n), source)
	}
}

// read looks at kept counts and at the first rows of indexes.
func (s snapshot) read(r store.Reader) (found []prometheus.Metric, err error) {
	level := func(d *prometheus.Desc, value float64, labels ...string) {
		found = append(found, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...))
	}
	lanes, err := store.LaneStats(r)
	if err != nil {
		return found, err
	}
	if err := s.readSweeps(r); err != nil {
		return found, err
	}
	for lane, stat := range lanes {
		level(laneItems, float64(stat.Items), string(lane))
		level(laneLeased, float64(stat.Leased), string(lane))
		level(laneOldest, age(r, stat.Oldest), string(lane))
	}
	if err := s.readSchedule(r, level); err != nil {
		return found, err
	}
	if err := s.readConnectors(r, level); err != nil {
		return found, err
	}
	held, err := heldByKind(r)
	if err != nil {
		return found, err
	}
	for kind, n := range held {
		level(heldNow, float64(n), string(kind))
	}
	for _, read := range []func(store.Reader, func(*prometheus.Desc, float64, ...string)) error{readRequests, readProposals} {
		if err := read(r, level); err != nil {
			return found, err
		}
	}
	for _, some := range []func(store.Reader, func(*prometheus.Desc, float64, ...string)) error{readWithheld, readSources, s.readFeeds} {
		if err := some(r, level); err != nil {
			return found, err
		}
	}
	unreadable, err := access.Unreadable(r)
	if err != nil {
		return found, err
	}
	level(unreadableNow, truth(unreadable))
	size, err := store.LogSize(r)
	if err != nil {
		return found, err
	}
	level(logEntries, float64(size))
	for name, count := range counts {
		n, err := count(r)
		if err != nil {
			return found, err
		}
		level(records, float64(n), name)
	}
	return found, nil
}

// readConnectors reads how connectors stand.
func (s snapshot) readConnectors(r store.Reader, level func(*prometheus.Desc, float64, ...string)) error {
	for _, connector := range s.connectors {
		since, err := oldestOpen(r, connector)
		if err != nil {
			return err
		}
		level(openSeconds, age(r, since), connector)
		late, err := store.AccountObjective.Count(r, mostParked, connector, store.OpenObjective(true))
		if err != nil {
			return err
		}
		level(overdueNow, float64(late), connector)
		parked, err := store.AccountState.Count(r, mostParked, connector, string(schema.Parked))
		if err != nil {
			return err
		}
		level(parkedNow, float64(parked), connector)
		_, halted, err := access.HaltOf(r, connector)
		if err != nil {
			return err
		}
		level(haltedNow, truth(halted), connector)
		if s.open != nil {
			level(breakerNow, truth(s.open(connector)), connector)
		}
	}
	return nil
}

// readWithheld reads how many the brakes on sources hold.
func readWithheld(r store.Reader, level func(*prometheus.Desc, float64, ...string)) error {
	ends, err := store.WithheldIdentities.Count(r)
	if err != nil {
		return err
	}
	losses, err := store.WithheldLosses.Count(r)
	level(withheldNow, float64(ends))
	level(lossesNow, float64(losses))
	return err
}

// readProposals reads how much is proposed, and since when. Every change is there, at
// zero too.
func readProposals(r store.Reader, level func(*prometheus.Desc, float64, ...string)) error {
	const leaver = "leaver"
	count, since := map[string]int{}, map[string]time.Time{}
	for g, err := range store.ProposalGroups.All(r) {
		if err != nil {
			return err
		}
		change := string(g.Change)
		if g.Urgent {
			change = leaver
		}
		count[change] += g.Count
		if at := since[change]; at.IsZero() || g.Since.Before(at) {
			since[change] = g.Since
		}
	}
	for _, change := range []string{string(schema.ProposeGrant), string(schema.ProposeRevoke), leaver} {
		level(proposedNow, float64(count[change]), change)
		level(proposedAge, age(r, since[change]), change)
	}
	return nil
}

// readRequests reads how many requests are open, and since when; and what was taken
// without one.
func readRequests(r store.Reader, level func(*prometheus.Desc, float64, ...string)) error {
	open, err := store.RequestState.Count(r, mostParked, string(schema.RequestOpen))
	if err != nil {
		return err
	}
	var since time.Time
	for q, err := range store.Requests.By(r, store.RequestState, string(schema.RequestOpen)) {
		if err != nil {
			return err
		}
		since = q.Made
		break
	}
	recent, err := access.RecentBypasses(r, r.Now().Add(-30*24*time.Hour))
	if err != nil {
		return err
	}
	for role, n := range recent {
		level(bypassesNow, float64(n), role)
	}
	level(requestsOpen, float64(open))
	level(requestOldest, age(r, since))
	return nil
}

// mostParked bounds what is counted row by row.
const mostParked = 10_000

// heldByKind counts what is held. Every kind is there, at zero too.
func heldByKind(r store.Reader) (map[schema.HoldKind]int, error) {
	holds, err := access.ListHolds(r)
	held := map[schema.HoldKind]int{
		schema.PolicyHold: 0, schema.SourceHold: 0, schema.LossHold: 0, schema.SweepHold: 0, schema.RoleHold: 0, schema.LastHold: 0,
	}
	for _, h := range holds {
		held[h.Kind]++
	}
	return held, err
}

// truth is 1 or 0.
func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// counts are the collections whose size is worth watching.
var counts = map[string]func(store.Reader) (int64, error){
	"identities":  store.Identities.Count,
	"groups":      store.Groups.Count,
	"members":     store.Members.Count,
	"grants":      store.Grants.Count,
	"assignments": store.Assignments.Count,
	"accounts":    store.Accounts.Count,
	"findings":    store.Findings.Count,
}

// oldestOpen returns when the first open revocation at a connector was received;
// zero if none is open.
func oldestOpen(r store.Reader, connector string) (time.Time, error) {
	for a, err := range store.Accounts.By(r, store.AccountOpen, connector) {
		return a.Due.Received, err
	}
	return time.Time{}, nil
}

// age is how long ago it was; 0 of what is to come, and of never.
func age(r store.Reader, since time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return max(0, r.Now().Sub(since).Seconds())
}

// stats are the store's own counts.
func (s snapshot) stats(out chan<- prometheus.Metric) {
	st := s.store.Stats()
	for d, n := range map[*prometheus.Desc]float64{
		storeCommits: float64(st.Commits), storeUpdates: float64(st.Updates), storeFailed: float64(st.Failed),
		storeRetried: float64(st.Retried), storeSeconds: st.Committing.Seconds(),
	} {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n)
	}
	buckets := map[float64]uint64{}
	var commits uint64
	for i, n := range st.Shared {
		commits += uint64(n)
		if i < len(st.Shared)-1 {
			buckets[float64(int64(1)<<i)] = commits
		}
	}
	out <- prometheus.MustNewConstHistogram(storeShared, commits, float64(st.Updates), buckets)
}

// begin takes up where an earlier process left off: when sweeps last ran, how
// many accounts nobody explains, how long the log is.
func (m *Metrics) begin() {
	for _, connector := range m.connectors {
		m.ungoverned.WithLabelValues(connector).Set(0)
		for _, stage := range []string{"decided", "sent", "acknowledged", "verified"} {
			m.exposure.WithLabelValues(connector, stage)
			m.provision.WithLabelValues(connector, stage)
		}
		m.missed.WithLabelValues(connector)
	}
	//nolint:forbidigo // a bridge starts whole or not at all, and what is read here is little
	ctx := context.Background()
	_ = m.store.View(ctx, func(r store.Reader) (err error) { // what cannot be read shows at the first scrape
		m.tail.next, err = store.LogSize(r)
		m.tail.known = err == nil
		return err
	})
	m.countUngoverned()
}

// countUngoverned counts the orphans on record. It walks them, which is why it is
// done after a sweep, that walked a whole target to find them, and not at a
// scrape.
func (m *Metrics) countUngoverned() {
	//nolint:forbidigo // the sweep that ran is over, and its context with it
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, connector := range m.connectors {
		n := 0
		err := m.store.View(ctx, func(r store.Reader) error {
			n = 0
			for _, err := range store.Findings.All(r, "orphan", connector) {
				if err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err == nil {
			m.ungoverned.WithLabelValues(connector).Set(float64(n))
		}
	}
}
