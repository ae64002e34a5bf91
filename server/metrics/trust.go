package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// trust says how it stands with those whose word the bridge goes by.
type trust struct {
	issuerUp   *prometheus.GaugeVec
	issuerKeys *prometheus.GaugeVec
}

func newTrust(r *prometheus.Registry) trust {
	t := trust{
		issuerUp:   gauge("issuer_up", "Whether an issuer of signed tokens answered when it was last asked for its keys.", "issuer"),
		issuerKeys: gauge("issuer_keys_timestamp_seconds", "When an issuer last said which keys are its.", "issuer"),
	}
	r.MustRegister(t.issuerUp, t.issuerKeys)
	return t
}

// Issuer is told what came of each fetch of an issuer's keys.
func (m *Metrics) Issuer(name string, err error) {
	m.trust.issuerUp.WithLabelValues(name).Set(truth(err == nil))
	if err == nil {
		m.trust.issuerKeys.WithLabelValues(name).Set(float64(time.Now().UnixMilli()) / 1e3)
	}
}
