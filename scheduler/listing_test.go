package scheduler_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"testing"
	"testing/fstest"
	"time"

	"github.com/robfig/cron/v3"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/scheduler"
	"drawbridge/schema"
)

// A longList is a target of which nothing is known but how much it lists, and how much
// memory was in use when it came to the end of that.
type longList struct {
	connectors.Connector
	accounts int
	grew     int64
}

func (l *longList) List(context.Context) iter.Seq2[schema.Account, error] {
	return func(yield func(schema.Account, error) bool) {
		before := inUse()
		for i := range l.accounts {
			a := schema.Account{RemoteID: fmt.Sprintf("r-%08d", i), Active: true, Entitlements: []string{"Readers"}, Attributes: map[string]string{
				"userName": fmt.Sprintf("person-%08d@example.com", i), "externalId": fmt.Sprintf("0198c1d2-7d3e-7000-8000-%012d", i),
				"displayName": fmt.Sprintf("Person %08d", i), "emails.value": fmt.Sprintf("person-%08d@example.com", i),
			}}
			if !yield(a, nil) {
				return
			}
		}
		l.grew = inUse() - before
	}
}

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A sweep holds of a long listing what is to be decided about, and of the rest a few
// bytes an account. R-DRIFT-1.
func TestSweepsHoldNoListing(t *testing.T) {
	s := accesstest.Store(t)
	const accounts, each = 20_000, 100 // bytes
	target := &longList{accounts: accounts}
	set, _ := policy.Load(fstest.MapFS{})
	book, _ := policy.Compile(set)
	drift := scheduler.Drift(s, access.NewRules(book, nil), map[string]connectors.Connector{"wiki": target})
	run := schema.Run{ID: "run", Sweep: "drift"}
	if err := drift(t.Context(), scheduler.Sweep{Name: "drift", Mode: schema.Enforce, Schedule: cron.Every(time.Hour)}, &run); err != nil {
		t.Fatal(err)
	}
	if target.grew > accounts*each {
		t.Errorf("at the end of a listing of %d accounts %d bytes more were in use, %d an account; want %d at most", accounts, target.grew, target.grew/accounts, each)
	}
	t.Logf("%d bytes an account", target.grew/accounts)
}
