package scim_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"drawbridge/server/scim"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// A midway engine runs something once, when somebody begins to read after a number of
// commits: in the middle of a change that takes several transactions.
type midway struct {
	store.Engine
	commits atomic.Int64
	then    atomic.Pointer[func()]
	after   atomic.Int64
}

func (m *midway) run(commits int64, then func()) {
	m.after.Store(m.commits.Load() + commits)
	m.then.Store(&then)
}

func (m *midway) Begin(ctx context.Context, write bool) (store.Txn, error) {
	if !write && m.commits.Load() >= m.after.Load() {
		if then := m.then.Swap(nil); then != nil {
			(*then)()
		}
	}
	txn, err := m.Engine.Begin(ctx, write)
	if err == nil && write {
		txn = midwayTxn{txn, m}
	}
	return txn, err
}

type midwayTxn struct {
	store.Txn
	engine *midway
}

func (t midwayTxn) Commit() error {
	err := t.Txn.Commit()
	t.engine.commits.Add(1)
	return err
}

// newMidway is a world with a group of its first three, and people for large changes.
func newMidway(t *testing.T, people int) (w *world, engine *midway, group string, ids []string) {
	t.Helper()
	e, err := bolt.Open(filepath.Join(t.TempDir(), "midway.db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	engine = &midway{Engine: e}
	w = worldOn(t, engine, scim.Options{})
	for i := range people {
		ids = append(ids, w.user(fmt.Sprintf("u%05d", i)))
	}
	slices.Sort(ids)
	return w, engine, w.group("g", ids[:3]...), ids
}

func putMembers(ids []string) string {
	return `{"displayName":"g","members":[{"value":"` + strings.Join(ids, `"},{"value":"`) + `"}]}`
}

// TestALargeChangeInTheMiddle looks at a group in the middle of a change of very many
// members, and changes it: who has a version is told so of that one alone.
func TestALargeChangeInTheMiddle(t *testing.T) {
	w, engine, group, ids := newMidway(t, 1600)
	path := "/Groups/" + group
	before := w.send("GET", path+"?excludedAttributes=members", "").is(200).header.Get("ETag")
	var between string
	engine.run(1, func() {
		seen := w.send("GET", path+"?excludedAttributes=members", "", "If-None-Match", before).is(200)
		between = seen.header.Get("ETag")
		w.send("PATCH", path, patch(`{"op":"remove","path":"members[value eq \"`+ids[0]+`\"]"}`), "If-Match", before).is(412)
	})
	after := w.send("PUT", path, putMembers(ids), "If-Match", before).is(200).header.Get("ETag")
	if between == "" || between == before || between == after {
		t.Errorf("versions %s, %s, %s; want three", before, between, after)
	}
	w.send("GET", path+"?excludedAttributes=members", "", "If-None-Match", between).is(200)

	// Somebody changes it in the middle: what was accepted at a version is done to its end.
	engine.run(1, func() { w.send("PATCH", path, patch(`{"op":"replace","path":"displayName","value":"h"}`)).is(204) })
	if got := w.send("PUT", path, putMembers(ids[:3]), "If-Match", after).is(200).members(); len(got) != 3 {
		t.Errorf("%d members, want three", len(got))
	}
	w.send("PUT", path, putMembers(ids), "If-Match", after).is(412)
}

// TestALargeChangeWhoseSenderLeaves breaks the connection in the middle of a change of
// very many members: it was accepted, and happens to its end.
func TestALargeChangeWhoseSenderLeaves(t *testing.T) {
	w, engine, group, ids := newMidway(t, 1600)
	for _, row := range []struct {
		method, body string
		want         int
	}{
		{"PATCH", patch(`{"op":"add","path":"members","value":["` + strings.Join(ids, `","`) + `"]}`), len(ids)}, {"PUT", putMembers(ids[:3]), 3},
	} {
		ctx, leave := context.WithCancel(t.Context())
		left := false
		engine.run(1, func() { left = true; leave() })
		r := httptest.NewRequestWithContext(ctx, row.method, baseURL+"/Groups/"+group, strings.NewReader(row.body))
		r.Header.Set("From", "hr")
		if w.handler.ServeHTTP(httptest.NewRecorder(), r); row.method == "PUT" && !left {
			t.Fatal("nobody left in the middle")
		}
		leave()
		if got := w.send("GET", "/Groups/"+group, "").is(200).members(); len(got) != row.want {
			t.Errorf("%s: %d members, want %d", row.method, len(got), row.want)
		}
	}
}

// TestReplacementsDoNotMix has two say who all the members of a group are, at once: the
// second comes in the middle of the first, and goes as far as it can. What is left is what
// one of them said.
func TestReplacementsDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, engine, group, ids := newMidway(t, 3200)
		var odd, even []string
		for i, id := range ids {
			if i%2 == 0 {
				even = append(even, id)
			} else {
				odd = append(odd, id)
			}
		}
		var wg sync.WaitGroup
		put := func(some []string) { w.send("PUT", "/Groups/"+group, putMembers(some)).is(200) }
		engine.run(2, func() {
			wg.Go(func() { put(odd) })
			synctest.Wait() // until it waits for its turn, or is done
		})
		put(even)
		wg.Wait()
		text := w.send("GET", "/Groups/"+group, "").is(200).body
		n, m := 0, 0
		for i := range even {
			if strings.Contains(text, even[i]) {
				n++
			}
			if strings.Contains(text, odd[i]) {
				m++
			}
		}
		if n+m != len(even) || n != 0 && m != 0 {
			t.Errorf("%d of what one said and %d of what the other said", n, m)
		}
	})
}
