package access

import (
	"fmt"
	"strconv"

	"drawbridge/schema"
	"drawbridge/store"
)

// LaneFeed has the names of the feeds that have decisions to tell others of.
const LaneFeed store.Lane = "feed"

// FeedCursor returns the number of the entry that a feed tells of next. Known is false
// of one that never told of any.
func FeedCursor(r store.Reader, feed string) (next int64, known bool, err error) {
	kept, err := store.Settings.Get(r, feedSetting(feed))
	if schema.IsNotFound(err) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	next, err = strconv.ParseInt(kept.Value, 10, 64)
	if err != nil || next < 0 {
		return 0, false, fmt.Errorf("feed %s: its place in the log is %q: %w", feed, kept.Value, schema.ErrInvalid)
	}
	return next, true, nil
}

// KeepFeedCursor keeps what a feed tells of next. It never goes back.
func KeepFeedCursor(tx store.Tx, feed string, next int64) error {
	was, known, err := FeedCursor(tx, feed)
	if err != nil || known && was >= next {
		return err
	}
	return store.Settings.Put(tx, store.Setting{Name: feedSetting(feed), Value: strconv.FormatInt(next, 10)})
}

func feedSetting(feed string) string { return "feed/" + feed }
