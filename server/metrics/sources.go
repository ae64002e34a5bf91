package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

var (
	sourceHeard = desc("source_heard_timestamp_seconds", "When a source that tells of identities was heard last, to five minutes; 0 is never.", "source")
	sourceStale = desc("source_stale", "Whether a source was silent for longer than its document allows.", "source")
)

// readSources reads when those sources were heard that are written down.
func readSources(r store.Reader, level func(*prometheus.Desc, float64, ...string)) error {
	for f, err := range store.Feeds.All(r) {
		if err != nil {
			return err
		}
		if f.Topic != schema.TopicRecords {
			continue
		}
		stale, err := access.KnownStale(r, f.Source)
		if err != nil {
			return err
		}
		at := 0.0
		if !f.Heard.IsZero() {
			at = float64(f.Heard.UnixMilli()) / 1e3
		}
		level(sourceHeard, at, f.Source)
		level(sourceStale, truth(stale), f.Source)
	}
	return nil
}
