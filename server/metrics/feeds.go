package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"drawbridge/access"
	"drawbridge/store"
)

var (
	feedLag   = desc("feed_lag_entries", "Decisions that a feed has yet to tell of.", "feed")
	feedSince = desc("feed_lag_seconds", "Age of the oldest decision that a feed has yet to tell of; 0 if there is none.", "feed")
)

// readFeeds reads how far feeds are behind the log.
func (s snapshot) readFeeds(r store.Reader, level func(*prometheus.Desc, float64, ...string)) error {
	size, err := store.LogSize(r)
	if err != nil {
		return err
	}
	for _, name := range s.feeds {
		next, known, err := access.FeedCursor(r, name)
		if err != nil {
			return err
		}
		if !known {
			next = size // it has yet to say where it begins
		}
		level(feedLag, float64(max(0, size-next)), name)
		since := 0.0
		for e, err := range store.Log(r, next) {
			if err != nil {
				return err
			}
			since = age(r, e.Decision.Time)
			break
		}
		level(feedSince, since, name)
	}
	return nil
}
