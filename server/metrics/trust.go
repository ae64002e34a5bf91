package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"drawbridge/access"
)

// trust says how it stands with those whose word the bridge goes by.
type trust struct {
	issuerUp   *prometheus.GaugeVec
	issuerKeys *prometheus.GaugeVec
	expires    *prometheus.GaugeVec
	problems   *prometheus.GaugeVec
}

func newTrust(r *prometheus.Registry) trust {
	t := trust{
		issuerUp:   gauge("issuer_up", "Whether an issuer of signed tokens answered when it was last asked for its keys.", "issuer"),
		issuerKeys: gauge("issuer_keys_timestamp_seconds", "When an issuer last said which keys are its.", "issuer"),
	}
	t.expires = gauge("credential_expires_timestamp_seconds", "When a credential ends that lets somebody in, or the bridge's own certificate.", "credential", "kind", "holder")
	t.problems = gauge("credential_problems", "Credentials that are expiring with nothing to take their place, expired, or old.", "problem")
	r.MustRegister(t.issuerUp, t.issuerKeys, t.expires, t.problems)
	t.count(nil)
	return t
}

// mostCredentials bounds the series of credentials that end.
const mostCredentials = 1000

// Credentials is told how credentials stand, now and then.
func (m *Metrics) Credentials(all []access.Credential) {
	m.trust.expires.Reset()
	shown := 0
	for _, c := range all {
		if c.Expires.IsZero() || !c.Revoked.IsZero() || shown == mostCredentials {
			continue
		}
		shown++
		m.trust.expires.WithLabelValues(c.ID, string(c.Kind), c.Holder).Set(float64(c.Expires.Unix()))
	}
	m.trust.count(all)
}

func (t trust) count(all []access.Credential) {
	n := map[string]int{"expiring": 0, "expired": 0, "old": 0}
	for _, c := range all {
		if c.Problem != "" {
			n[c.Problem]++
		}
	}
	for problem, count := range n {
		t.problems.WithLabelValues(problem).Set(float64(count))
	}
}

// Issuer is told what came of each fetch of an issuer's keys.
func (m *Metrics) Issuer(name string, err error) {
	m.trust.issuerUp.WithLabelValues(name).Set(truth(err == nil))
	if err == nil {
		m.trust.issuerKeys.WithLabelValues(name).Set(float64(time.Now().UnixMilli()) / 1e3)
	}
}
