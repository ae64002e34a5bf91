package goals

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"drawbridge/schema"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// A seed is a store that was filled without the bridge: what is measured is what
// a store of its size costs, not how it came to be.
type seed struct {
	dir    string
	ids    []string // of users, by number
	body   int64    // bytes of the users as a source would send them
	size   int64    // bytes of the store with the users, and nothing else, in it
	grants int      // how many there are
}

var biggest *seed // kept, because it takes minutes to fill

// large returns the store with very many users. It is filled once.
func large(m *measure) *seed {
	if biggest == nil || len(biggest.ids) < m.users {
		dropLarge()
		dir, err := os.MkdirTemp("", "drawbridge-goals-*")
		if err != nil {
			m.Fatal(err)
		}
		biggest = fill(m, dir, m.users)
	}
	return biggest
}

// dropLarge removes it.
func dropLarge() {
	if biggest != nil {
		_ = os.RemoveAll(biggest.dir)
		biggest = nil
	}
}

// seeded returns a store of so many users.
func seeded(m *measure, n int) *seed { return fill(m, onDisk(m), n) }

// file is where the store is.
func (s *seed) file() string { return filepath.Join(s.dir, "bridge.db") }

// open opens the store of a bridge that does not run.
func (s *seed) open(tb testing.TB, o bolt.Options) *store.Store {
	tb.Helper()
	engine, err := bolt.Open(s.file(), o)
	if err != nil {
		tb.Fatal(err)
	}
	st, err := store.Open(engine)
	if err != nil {
		tb.Fatal(err)
	}
	return st
}

// perCommit is how many rows a commit of the seed has.
const perCommit = 2000

func fill(m *measure, dir string, n int) *seed {
	m.Helper()
	s := &seed{dir: dir, ids: make([]string, n)}
	first := spawn(m, "bridge", part{Dir: dir, Connectors: connectorNames(3)})
	settled(m, first) // its policy is in force now, and will not be looked at again for everyone
	first.stop()
	st := s.open(m, bolt.Options{NoSync: true})
	records := make(chan []schema.Identity, runtime.GOMAXPROCS(0))
	go func() {
		defer close(records)
		for from := 0; from < n; from += perCommit {
			some, bytes := people(m, from, min(perCommit, n-from))
			s.body += bytes
			records <- some
		}
	}()
	u := 0
	for some := range records {
		err := st.Update(context.Background(), func(tx store.Tx) error {
			for i, id := range some {
				id.ID, id.Created, id.Modified = tx.NewID(), tx.Now(), tx.Now()
				s.ids[u+i] = id.ID
				if err := store.Identities.Put(tx, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			m.Fatal(err)
		}
		u += len(some)
	}
	s.close(m, st)
	info, err := os.Stat(filepath.Join(dir, "bridge.db"))
	if err != nil {
		m.Fatal(err)
	}
	s.size = info.Size()
	return s
}

// close closes a store of which nothing was synced so far.
func (s *seed) close(tb testing.TB, st *store.Store) {
	if err := st.Close(); err != nil {
		tb.Fatal(err)
	}
	file, err := os.OpenFile(s.file(), os.O_RDWR, 0)
	if err != nil {
		tb.Fatal(err)
	}
	if err := file.Sync(); err != nil {
		tb.Fatal(err)
	}
	file.Close()
}

// people are users as the bridge would store them, but for their ids.
func people(tb testing.TB, from, n int) (all []schema.Identity, bytes int64) {
	typ, err := kinds()
	if err != nil {
		tb.Fatal(err)
	}
	for u := from; u < from+n; u++ {
		body := userBody(u)
		bytes += int64(len(body))
		parsed, err := typ.Parse(body, wire.Limits{Depth: 32, Operations: 10})
		if err != nil {
			tb.Fatal(err)
		}
		id := parsed.Record.Identity(schema.Identity{Active: true})
		id.Source, id.Version = source, 1
		all = append(all, id)
	}
	return all, bytes
}

var kinds = sync.OnceValues(func() (*wire.Type, error) { return wire.Users() })

// grant gives users, one after the other, grants that end at a time.
func (s *seed) grant(tb testing.TB, n int, until func(i int) time.Time) {
	tb.Helper()
	st := s.open(tb, bolt.Options{NoSync: true})
	now := time.Now().UTC()
	for from := 0; from < n; from += perCommit {
		err := st.Update(context.Background(), func(tx store.Tx) error {
			for i := from; i < min(from+perCommit, n); i++ {
				g := schema.Grant{
					ID: fmt.Sprintf("%09d", s.grants+i), Identity: s.ids[i*len(s.ids)/n], Role: "extra", From: now.Add(-24 * time.Hour),
					Until: until(i), By: "api/bench", Reason: "a piece of work",
				}
				if err := store.Grants.Put(tx, g); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	s.grants += n
	s.close(tb, st)
}

// group makes a group of the first n users, and returns its id.
func (s *seed) group(tb testing.TB, st *store.Store, name string, n int) string {
	tb.Helper()
	var g schema.Group
	err := st.Update(context.Background(), func(tx store.Tx) error {
		now := tx.Now()
		g = schema.Group{
			ID: tx.NewID(), Source: source, DisplayName: name, Resource: fmt.Appendf(nil, `{"displayName":%q}`, name),
			Version: 1, Created: now, Modified: now,
		}
		return store.Groups.Put(tx, g)
	})
	for from := 0; from < n && err == nil; from += perCommit {
		err = st.Update(context.Background(), func(tx store.Tx) error {
			for _, id := range s.ids[from:min(from+perCommit, n)] {
				if err := store.Members.Put(tx, schema.Member{Group: g.ID, Member: id}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		tb.Fatal(err)
	}
	return g.ID
}
