package access_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// BenchmarkRollout is a policy for 1,500 people of whom two sources tell, on a disk that syncs:
// how long the whole takes, and how long somebody waits at most who has to write meanwhile.
func BenchmarkRollout(b *testing.B) {
	for _, test := range []struct {
		name string
		next func(at int) []string
	}{
		{"another rule", func(at int) []string {
			return []string{`== "Engineering"`, `in ["Engineering", "` + fmt.Sprint(at) + `"]`}
		}},
		{"another correlation", func(at int) []string {
			return []string{`authoritativeFor: [userName] }`, `authoritativeFor: [userName, department, groups], correlateBy: ` + []string{"[userName, email] }", "[email, userName] }"}[at%2]}
		}},
	} {
		b.Run(test.name, func(b *testing.B) {
			e, err := bolt.Open(filepath.Join(b.TempDir(), "bench.db"), bolt.Options{})
			if err != nil {
				b.Fatal(err)
			}
			w := newWorld(b, e)
			defer func() { _ = w.store.Close() }()
			w.rules.Use(severally(b))
			w.twoSourcesTellOf(1500)
			w.publish(w.rules.Book())
			w.rollout()
			longest := time.Duration(0)
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				w.idle()
				w.publish(severally(b, test.next(i)...))
				b.StartTimer()
				longest = max(longest, w.longestWait(w.rollout))
			}
			b.ReportMetric(float64(longest.Microseconds())/1000, "ms/longest-wait")
		})
	}
}

// twoSourcesTellOf has hr and okta tell of so many people, 100 in a commit.
func (w *world) twoSourcesTellOf(people int) {
	w.t.Helper()
	for from := 0; from < people; from += 100 {
		w.update(func(tx store.Tx) error {
			for i := from; i < from+100; i++ {
				for _, source := range []string{"hr", "okta"} {
					a := attested{source: source, name: fmt.Sprint("p", i), email: fmt.Sprintf("p%d@example.org", i), number: fmt.Sprint(i), department: "Engineering"}
					if _, err := access.Admit(tx, w.as(source), a.identity(w.t)); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
}

// rollout takes the rollout that is due to its end.
func (w *world) rollout() {
	w.lane(access.LaneRollout, func(item store.Item) (access.Finish, error) {
		return access.Rollout(w.t.Context(), w.store, w.rules, item)
	})
}

// idle lets nobody wait to be looked at.
func (w *world) idle() {
	for {
		var items []store.Item
		w.update(func(tx store.Tx) (err error) {
			if items, err = tx.Lease(access.LaneIdentity, 1000, time.Minute); err != nil {
				return err
			}
			for _, item := range items {
				if err := tx.Done(item, time.Time{}); err != nil {
					return err
				}
			}
			return nil
		})
		if len(items) == 0 {
			return
		}
	}
}

// longestWait returns how long a small write took at most while something else was done.
func (w *world) longestWait(while func()) (longest time.Duration) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		while()
	}()
	for {
		select {
		case <-done:
			return longest
		default:
		}
		began := time.Now()
		w.update(func(tx store.Tx) error {
			return store.Settings.Put(tx, store.Setting{Name: "benchmark", Value: fmt.Sprint(began)})
		})
		longest = max(longest, time.Since(began))
	}
}
