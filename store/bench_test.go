package store_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// rows is how many there are where a benchmark is about many. A million shows what
// a large company would, and takes minutes to be made: DRAWBRIDGE_BENCH_ROWS.
func rows(b *testing.B) int {
	b.Helper()
	n, err := strconv.Atoi(os.Getenv("DRAWBRIDGE_BENCH_ROWS"))
	if err != nil {
		return 100_000
	}
	return n
}

func synced(b *testing.B) *store.Store {
	b.Helper()
	e, err := bolt.Open(filepath.Join(b.TempDir(), "bench.db"), bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	s, err := store.Open(e)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// BenchmarkWriters is 32 writers who each write 1 KB under keys in order, in three
// ways: an Update of the store's, bbolt's own Batch, and a commit of bbolt's that
// all of them share without anything of the store, which is the limit.
func BenchmarkWriters(b *testing.B) {
	value := strings.Repeat("x", 1000)
	write := func(b *testing.B, one func(n int64) error) {
		var serial atomic.Int64
		b.SetParallelism(max(1, 32/runtime.GOMAXPROCS(0)))
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				if err := one(serial.Add(1)); err != nil {
					b.Error(err)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
	}
	b.Run("store", func(b *testing.B) {
		s := synced(b)
		write(b, func(n int64) error {
			return s.Update(context.Background(), func(tx store.Tx) error {
				return store.Settings.Put(tx, store.Setting{Name: fmt.Sprintf("%012d", n), Value: value})
			})
		})
	})
	b.Run("store, with work and a decision", func(b *testing.B) {
		s := synced(b)
		write(b, func(n int64) error {
			return s.Update(context.Background(), func(tx store.Tx) error {
				id := fmt.Sprintf("%012d", n)
				if err := store.Settings.Put(tx, store.Setting{Name: id, Value: value}); err != nil {
					return err
				}
				if _, err := tx.Record(schema.Decision{Actor: "bench", Verb: schema.Found, Subject: id}); err != nil {
					return err
				}
				return tx.Wake("lane", id, tx.Now())
			})
		})
	})
	b.Run("bbolt batch", func(b *testing.B) {
		db := bare(b)
		write(b, func(n int64) error {
			return db.Batch(func(tx *bbolt.Tx) error { return putBare(tx, n, value) })
		})
	})
	b.Run("bare group commit", func(b *testing.B) {
		db := bare(b)
		g := newGroup(db, value)
		defer g.stop()
		write(b, g.write)
	})
}

func bare(b *testing.B) *bbolt.DB {
	b.Helper()
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, InitialMmapSize: 1 << 32})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	return db
}

func putBare(tx *bbolt.Tx, n int64, value string) error {
	bucket, err := tx.CreateBucketIfNotExists([]byte("b"))
	if err != nil {
		return err
	}
	bucket.FillPercent = 0.9
	return bucket.Put(binary.BigEndian.AppendUint64(nil, uint64(n)), []byte(value))
}

// A group is the least that can share commits: one goroutine that takes whoever
// waits, and never waits for more.
type group struct {
	requests chan groupRequest
	done     sync.WaitGroup
}

type groupRequest struct {
	n    int64
	done chan error
}

func newGroup(db *bbolt.DB, value string) *group {
	g := &group{requests: make(chan groupRequest, 512)}
	g.done.Go(func() {
		for first := range g.requests {
			all := []groupRequest{first}
			err := db.Update(func(tx *bbolt.Tx) error {
				for i := 0; ; i++ {
					if i == len(all) {
						select {
						case r, ok := <-g.requests:
							if !ok {
								return nil
							}
							all = append(all, r)
						default:
							return nil
						}
					}
					if err := putBare(tx, all[i].n, value); err != nil {
						return err
					}
				}
			})
			for _, r := range all {
				r.done <- err
			}
		}
	})
	return g
}

func (g *group) write(n int64) error {
	r := groupRequest{n, make(chan error, 1)}
	g.requests <- r
	return <-r.done
}

func (g *group) stop() { close(g.requests); g.done.Wait() }

// seed puts n records in, many a commit.
func seed(b *testing.B, s *store.Store, n int, put func(tx store.Tx, i int) error) {
	b.Helper()
	const each = 5000
	for from := 0; from < n; from += each {
		update(b, s, func(tx store.Tx) error {
			for i := from; i < min(n, from+each); i++ {
				if err := put(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func putIdentity(tx store.Tx, i int) error {
	name := fmt.Sprintf("user%08d", uint32(i)*2654435761%1_000_000_007) // in no order, as names come
	resource := fmt.Sprintf(`{"userName":%q,"displayName":"Ada %d","name":{"givenName":"Ada","familyName":"L%d"},"emails":[{"value":%q,"primary":true}],"title":%q}`,
		name, i, i, name+"@example.com", strings.Repeat("t", 600))
	return store.Identities.Put(tx, schema.Identity{
		ID: fmt.Sprintf("0190%08d-0000-7000-8000-000000000000", i), Source: "hr", Kind: schema.Human, UserName: name, ExternalID: fmt.Sprint("E", i),
		Email: name + "@example.com", Active: true, Version: 1, Resource: []byte(resource), Created: tx.Now(), Modified: tx.Now(),
	})
}

// BenchmarkLookup finds one identity by its userName, among few and among many.
func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1000, rows(b)} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := open(b)
			seed(b, s, n, putIdentity)
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				view(b, s, func(r store.Reader) error {
					_, err := store.Identities.One(r, store.IdentityUserName, "hr", fmt.Sprintf("user%08d", uint32(i*7919%n)*2654435761%1_000_000_007))
					return err
				})
			}
		})
	}
}

// BenchmarkMember adds a member to a small group, and to a large one.
func BenchmarkMember(b *testing.B) {
	for _, n := range []int{10, rows(b)} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := open(b)
			seed(b, s, n, func(tx store.Tx, i int) error {
				return store.Members.Put(tx, schema.Member{Group: "g", Member: fmt.Sprintf("0190%08d", i)})
			})
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				m := schema.Member{Group: "g", Member: fmt.Sprintf("0190%08d-new", i*7919%n)}
				update(b, s, func(tx store.Tx) error { return store.Members.Put(tx, m) })
				update(b, s, func(tx store.Tx) error { return store.Members.Delete(tx, m.Group, m.Member) })
			}
		})
	}
}

// BenchmarkDue finds the one grant in a hundred that is due, and looks once more
// when none is left: the tick of an idle bridge.
func BenchmarkDue(b *testing.B) {
	s := open(b)
	n := rows(b)
	start := time.Now()
	seed(b, s, n, func(tx store.Tx, i int) error {
		until := start.Add(time.Hour)
		if i%100 == 0 {
			until = start.Add(-time.Hour)
		}
		return store.Grants.Put(tx, schema.Grant{ID: fmt.Sprintf("g%08d", i), Identity: fmt.Sprintf("0190%08d", i/10), Role: "editor", Until: until.Add(time.Duration(i))})
	})
	look := func(at time.Time) (found int) {
		view(b, s, func(r store.Reader) (err error) {
			found, err = store.GrantUntil.CountUntil(r, n, at)
			return err
		})
		return found
	}
	b.Run("found", func(b *testing.B) {
		for b.Loop() {
			if found := look(start); found != n/100 {
				b.Fatalf("%d due, want %d", found, n/100)
			}
		}
	})
	b.Run("idle", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			look(start.Add(-2 * time.Hour))
		}
	})
}

// BenchmarkLane wakes an item, leases it and finishes it: three commits.
func BenchmarkLane(b *testing.B) {
	s := open(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		update(b, s, func(tx store.Tx) error { return tx.Wake("lane", fmt.Sprint(i%1000), tx.Now()) })
		update(b, s, func(tx store.Tx) error {
			items, err := tx.Lease("lane", 1, time.Minute)
			if err != nil || len(items) != 1 {
				return fmt.Errorf("leased %v: %w", items, err)
			}
			return tx.Done(items[0], time.Time{})
		})
	}
}

// BenchmarkFile is how large a file of identities is, for each byte of theirs, and
// how long it takes to open.
func BenchmarkFile(b *testing.B) {
	path := filepath.Join(b.TempDir(), "bench.db")
	s := openPath(b, path)
	n := rows(b)
	seed(b, s, n, putIdentity)
	var bytes int64
	view(b, s, func(r store.Reader) error {
		for id, err := range store.Identities.All(r) {
			if err != nil {
				return err
			}
			record, err := json.Marshal(id)
			if err != nil {
				return err
			}
			bytes += int64(len(record))
		}
		return nil
	})
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	file, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		e, err := bolt.Open(path, bolt.Options{})
		if err != nil {
			b.Fatal(err)
		}
		s, err := store.Open(e)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(file.Size())/float64(bytes), "file/record")
	b.ReportMetric(float64(file.Size())/float64(n), "bytes/identity")
}
