// Package metrics says how the bridge does, to Prometheus. What happens is
// counted as it happens; what stands in the store is read at each scrape, by
// counts that are kept and the first rows of indexes, whatever the store's size.
package metrics

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"drawbridge/schema"
	"drawbridge/store"
)

// Metrics are the bridge's metrics. They are safe for concurrent use.
type Metrics struct {
	store      *store.Store
	connectors []string
	registry   *prometheus.Registry

	exposure   *prometheus.HistogramVec
	provision  *prometheus.HistogramVec
	missed     *prometheus.CounterVec
	lastSweep  *prometheus.GaugeVec
	sweeps     *prometheus.CounterVec
	requests   *prometheus.CounterVec
	latency    *prometheus.HistogramVec
	served     *prometheus.CounterVec
	serving    *prometheus.HistogramVec
	ungoverned *prometheus.GaugeVec
	dropped    *prometheus.CounterVec
	passedOver *prometheus.CounterVec
	probed     *prometheus.GaugeVec
	trust      trust

	open func(connector string) bool // whether its breaker is; nil: nobody said

	feeds []string // that tell others of decisions

	mu        sync.Mutex
	tail      tail
	named     []string             // the sweeps there are
	unread    []string             // sweeps of which it is not known yet when they last ran
	succeeded map[string]time.Time // sweep to the end of its last good run
}

// hours are buckets from milliseconds to days: most changes take less than a
// second, and those that take a day are the ones to know of.
var hours = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600}

// requests take from a tenth of a millisecond to a minute.
var seconds = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60}

// New returns the metrics of a bridge with these connectors.
func New(s *store.Store, connectors []string) *Metrics {
	m := &Metrics{store: s, connectors: connectors, registry: prometheus.NewRegistry(), succeeded: map[string]time.Time{}}
	m.tail.counts, m.tail.ignored = map[schema.Verb]int64{}, map[string]int64{}
	for _, v := range verbs {
		m.tail.counts[v] = 0
	}
	m.exposure = histogram("exposure_seconds", "From receiving a change that ends access to the stage.", hours, "connector", "stage")
	m.provision = histogram("provision_seconds", "From receiving a change that ends no access to the stage.", hours, "connector", "stage")
	m.missed = counter("exposure_missed_total", "Revocations that took effect after the time by which their trigger wanted them done.", "connector")
	m.requests = counter("connector_requests_total", "Requests to targets, by the status they were answered with; 0 is no answer.", "connector", "code")
	m.latency = histogram("connector_request_seconds", "How long targets took to answer.", seconds, "connector", "method")
	m.sweeps = counter("sweep_runs_total", "Runs of sweeps, by how they ended: done, held or failed.", "sweep", "outcome")
	m.lastSweep = gauge("sweep_last_success_timestamp_seconds", "When a sweep last ran to its end.", "sweep")
	m.ungoverned = gauge("ungoverned_accounts", "Accounts that no identity explains, as of the last sweep that looked.", "connector")
	m.served = counter("http_requests_total", "Requests served.", "route", "method", "code")
	m.serving = histogram("http_request_seconds", "How long serving a request took.", seconds, "route", "method")
	m.dropped = counter("scim_dropped_attributes_total", "Attributes that a source sent and no schema has.", "source")
	m.passedOver = counter("scim_members_passed_over_total", "Members of groups whom their source had not told of, and for whom there was no room to wait.", "source")
	m.probed = gauge("connector_probe_success", "Whether a target answered when it was last asked whether it lets the bridge in; it is asked at the start, until it does.", "connector")
	m.trust = newTrust(m.registry)
	m.registry.MustRegister(m.probed, m.dropped, m.passedOver, m.exposure, m.provision, m.missed, m.requests, m.latency, m.sweeps, m.lastSweep, m.ungoverned, m.served, m.serving,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.begin()
	return m
}

// Exposure is told how long it took from receiving a change to a stage of it.
func (m *Metrics) Exposure(connector, stage string, took time.Duration, ends bool) {
	h := m.provision
	if ends {
		h = m.exposure
	}
	h.WithLabelValues(connector, stage).Observe(took.Seconds())
}

// Missed is told of each change that ended access later than was wanted.
func (m *Metrics) Missed(connector string) { m.missed.WithLabelValues(connector).Inc() }

// Follow names a feed that tells others of decisions. It is called before anything is
// scraped.
func (m *Metrics) Follow(feed string) { m.feeds = append(m.feeds, feed) }

// Breakers says how to ask whether a connector's breaker is open. It is called
// before anything is scraped.
func (m *Metrics) Breakers(open func(connector string) bool) { m.open = open }

// Swept is told of each run of a sweep.
func (m *Metrics) Swept(run schema.Run) {
	switch {
	case run.Held != "":
		m.sweeps.WithLabelValues(run.Sweep, "held").Inc()
	case run.Problem != "":
		m.sweeps.WithLabelValues(run.Sweep, "failed").Inc()
	default:
		m.sweeps.WithLabelValues(run.Sweep, "done").Inc()
		m.success(run)
	}
	m.countUngoverned()
}

// Request is told of each request to a target.
func (m *Metrics) Request(connector, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(connector, code(status)).Inc()
	m.latency.WithLabelValues(connector, verb(method)).Observe(took.Seconds())
}

// Probed is told whether a target said that it is there and lets the bridge in.
func (m *Metrics) Probed(connector string, ok bool) {
	value := 0.0
	if ok {
		value = 1
	}
	m.probed.WithLabelValues(connector).Set(value)
}

// Served is told of each request that the bridge answered. The route is a
// pattern, not a path, so that there are not more series than routes.
func (m *Metrics) Served(route, method string, status int, took time.Duration) {
	method = verb(method)
	m.served.WithLabelValues(route, method, code(status)).Inc()
	m.serving.WithLabelValues(route, method).Observe(took.Seconds())
}

// PassedOver is told of members who were not let into a group, nor to wait for it.
func (m *Metrics) PassedOver(source string, members int) {
	m.passedOver.WithLabelValues(source).Add(float64(members))
}

// Dropped is told of attributes that a source sent and that were not kept.
func (m *Metrics) Dropped(source string) { m.dropped.WithLabelValues(source).Inc() }

// ServeHTTP answers a scrape.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	standing := prometheus.NewRegistry()
	standing.MustRegister(snapshot{m, req.Context()})
	promhttp.HandlerFor(prometheus.Gatherers{m.registry, standing}, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, // what can be read is worth more than nothing
	}).ServeHTTP(w, req)
}

// code and verb keep what others send from making series without end.
func code(status int) string {
	if status < 0 || status > 999 {
		status = 0
	}
	return strconv.Itoa(status)
}

func verb(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
		"bind", "search", "add", "modify", "delete", "moddn", "read", "write":
		return method
	}
	return "other"
}

const namespace = "drawbridge"

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
}
