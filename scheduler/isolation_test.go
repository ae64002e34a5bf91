package scheduler_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/connectors/scim/fake"
)

// Of four targets one hangs, one fails and one lies: it agrees to take access away, and
// does not. How long it takes until everybody who leaves is out of the fourth, and that
// was read back, is as long as without them. R-SLO-2.
func TestBadTargetsDelayNobody(t *testing.T) {
	const people = 60
	names := make([]string, people)
	for i := range names {
		names[i] = fmt.Sprintf("p%02d", i)
	}
	good := ship{name: "good", options: fake.Options{Latency: func() time.Duration { return 20 * time.Millisecond }}}
	leave := func(t *testing.T, ships ...ship) (f *fleet, took time.Duration) {
		t.Helper()
		f = newFleet(t, ships...)
		f.admit(names, "Editing")
		settle(time.Minute)
		bad.Store(true)
		defer bad.Store(false)
		f.admit(names, left)
		settle(time.Hour)
		if still := len(f.targets["good"].Members("Readers")); still != 0 {
			t.Errorf("%d are still members", still)
		}
		return f, f.took.of("good", "verified")
	}
	var alone time.Duration
	synctest.Test(t, func(t *testing.T) { _, alone = leave(t, good) })
	synctest.Test(t, func(t *testing.T) {
		f, among := leave(t, good, ship{name: "hangs", wrong: hangs}, ship{name: "fails", wrong: fails}, ship{name: "lies", wrong: lies})
		if alone == 0 || among > alone*6/5 {
			t.Errorf("the last was out after %v, and after %v without the bad targets", among, alone)
		}
		for _, name := range []string{"hangs", "fails", "lies"} {
			if got := f.took.of(name, "verified"); got != 0 {
				t.Errorf("%s: it was read back after %v that access ended, and it never did", name, got)
			}
			if still := len(f.targets[name].Members("Readers")); still != people {
				t.Errorf("%s: %d are members, want all %d", name, still, people)
			}
		}
	})
}

// bad is whether the bad targets are bad by now.
var bad atomic.Bool

func hangs(to http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bad.Load() {
			<-r.Context().Done()
			return
		}
		to.ServeHTTP(w, r)
	})
}

func fails(to http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bad.Load() {
			http.Error(w, `{"detail":"broken"}`, http.StatusInternalServerError)
			return
		}
		to.ServeHTTP(w, r)
	})
}

func lies(to http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bad.Load() && r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/Groups/") {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		to.ServeHTTP(w, r)
	})
}
