package scim_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"drawbridge/schema"
	wire "drawbridge/schema/scim"
	"drawbridge/server/scim"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// A watched engine looks at how much memory is in use, now and then, before a
// commit.
type watched struct {
	store.Engine
	commits atomic.Int64
	on      atomic.Bool
	most    atomic.Int64
}

func (w *watched) Begin(ctx context.Context, write bool) (store.Txn, error) {
	txn, err := w.Engine.Begin(ctx, write)
	if err == nil && write {
		txn = watchedTxn{txn, w}
	}
	return txn, err
}

type watchedTxn struct {
	store.Txn
	engine *watched
}

func (t watchedTxn) Commit() error {
	if t.engine.on.Load() && t.engine.commits.Add(1)%50 == 1 {
		t.engine.most.Store(max(t.engine.most.Load(), int64(inUse())))
	}
	return t.Txn.Commit()
}

// TestLargePatchTakesLittleMemory adds a hundred thousand members in one PATCH. What
// the store makes of them is pages, three rows a member.
func TestLargePatchTakesLittleMemory(t *testing.T) { // beside no other test
	const members, atMost, inAll = 100_000, 8, 65 // times the body; the race detector makes a seventh more
	e, err := bolt.Open(filepath.Join(t.TempDir(), "large.db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	engine := &watched{Engine: e}
	w := worldOn(t, engine, scim.Options{})
	group := w.group("large")
	var values []string
	for from := 0; from < members; from += 10_000 {
		err := w.store.Update(t.Context(), func(tx store.Tx) error {
			for i := from; i < from+10_000; i++ {
				id := schema.Identity{ID: fmt.Sprintf("01999999-9999-7999-8999-%012d", i), Source: "hr", UserName: fmt.Sprint(i), Active: true, Resource: []byte(`{}`)}
				if err := store.Identities.Put(tx, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := from; i < from+10_000; i++ {
			values = append(values, fmt.Sprintf(`{"value":"01999999-9999-7999-8999-%012d"}`, i))
		}
	}
	body := patch(fmt.Sprintf(`{"op":"add","path":"members","value":[%s]}`, strings.Join(values, ",")))
	times := func(n uint64) float64 { return float64(n) / float64(len(body)) }
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPatch, "/scim/v2/Groups/"+group, strings.NewReader(body))
	r.Header.Set("From", "hr")
	idle := inUse()
	engine.on.Store(true)
	answer := &quiet{header: http.Header{}}
	all := made(func() { w.handler.ServeHTTP(answer, r) })
	engine.on.Store(false)
	most := times(uint64(max(0, engine.most.Load()-int64(idle))))
	if answer.status != 204 || most > atMost {
		t.Errorf("status %d, %.1f times the body in use, want %d at most", answer.status, most, atMost)
	}
	if times(all) > inAll {
		t.Errorf("%.1f times the body made in all, want %d at most", times(all), inAll)
	}

	typ, err := wire.Groups()
	if err != nil {
		t.Fatal(err)
	}
	var edits wire.Edits
	understood := made(func() {
		p, parsed := typ.ParsePatch([]byte(body), wire.Limits{Depth: 32, Operations: 10})
		edits, err = p.Edits(), parsed
	})
	if err != nil || len(edits.Join) != members || times(understood) > atMost {
		t.Errorf("%d members, %v; %.1f times the body made to understand it, want %d at most", len(edits.Join), err, times(understood), atMost)
	}
	t.Logf("a body of %d bytes: %.1f times that made to understand it, %.1f times in all, and in use at most %.1f times that",
		len(body), times(understood), times(all), most)
}

// made returns how many bytes of memory were made while a function ran.
func made(run func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
