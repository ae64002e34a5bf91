package scheduler_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/connectors/scim/fake"
	"drawbridge/scheduler"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// Ten thousand memberships, of half as many people who join a group and leave it again,
// cost a hundred calls at a target that takes a hundred members in one, however few may
// be under way at once. It goes the whole way, from what the source says. The short run
// is of a tenth of them. R-PROV-2.
func TestMembershipsGoInBatchesAllTheWay(t *testing.T) {
	const batch = 100
	people := 5_000
	if testing.Short() {
		people = 500
	}
	synctest.Test(t, func(t *testing.T) {
		p := connectors.DefaultProfile()
		p.Groups.MaxMembers, p.Rate = batch, connectors.RateLimit{}
		f := newFleet(t, ship{name: "wiki", options: fake.Options{Profile: p, Latency: func() time.Duration { return 100 * time.Millisecond }}})
		target := f.targets["wiki"]
		names := make([]string, people)
		for i := range names {
			names[i] = fmt.Sprintf("p%05d", i)
		}
		f.admit(names, "Engineering")
		settle(time.Hour)
		for _, row := range []struct {
			division string
			writers  int
		}{{"Editing", people}, {"Engineering", 0}} {
			before := target.Requests(http.MethodPatch)
			f.admit(names, row.division)
			settle(time.Hour)
			if got, most := target.Requests(http.MethodPatch)-before, people/batch+2; got > most {
				t.Errorf("%s: %d PATCH requests for %d memberships, want at most %d", row.division, got, people, most)
			}
			if got := len(target.Members("Writers")); got != row.writers {
				t.Errorf("%s: %d are members, want %d", row.division, got, row.writers)
			}
		}
	})
}

// However many wait for a call that they share, who leaves has room to wait for it as
// well, and everything else goes on at as many workers as ever.
func TestRoomAsideIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(enginetest.Again(enginetest.Memory(1)))
		if err != nil {
			t.Fatal(err)
		}
		var at, left atomic.Int64
		answered := make(chan struct{})
		l := scheduler.Loop{
			Store: s, Lane: "test", Workers: 4, Calm: 3, Gather: 8, TTL: time.Hour, Grace: time.Hour, Log: discard(),
			Handle: func(ctx context.Context, item store.Item) (access.Finish, error) {
				if at.Add(1); item.Urgent {
					left.Add(1)
				}
				connectors.Aside(ctx)
				connectors.Aside(ctx) // for a second group: it is aside already
				<-answered
				return nil, nil
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		wake := func(n int, wake func(tx store.Tx, id string) error) {
			for i := range n {
				if err := s.Update(ctx, func(tx store.Tx) error { return wake(tx, fmt.Sprint(n, "-", i)) }); err != nil {
					t.Fatal(err)
				}
			}
			settle(time.Minute)
		}
		wake(20, func(tx store.Tx, id string) error { return tx.Wake("test", id, tx.Now()) })
		if got := at.Load(); got != 6+3 {
			t.Errorf("%d of what is calm are at work, want 6 aside and 3 at workers", got)
		}
		wake(10, func(tx store.Tx, id string) error { return tx.WakeUrgent("test", id) })
		if got := left.Load(); got != 2+1 {
			t.Errorf("%d of what is urgent are at work, want 2 aside and 1 at a worker", got)
		}
		close(answered)
		settle(time.Minute)
		if got := at.Load(); got != 30 {
			t.Errorf("%d were worked on in the end, want 30", got)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
