package goals

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elimity-com/scim"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
	"github.com/labstack/echo/v4"
	"go.etcd.io/bbolt"
)

// What follows are the limits: what the machine, the disk and the libraries do
// when nothing is asked of them.

// hello is the least that echo can do.
func hello() http.Handler {
	e := echo.New()
	e.Any("/*", func(c echo.Context) error { return c.String(http.StatusOK, "hello") })
	return e
}

// libraryAlone is the library behind echo, with a handler that stores nothing.
func libraryAlone() http.Handler {
	s, err := scim.NewServer(&scim.ServerArgs{
		ServiceProviderConfig: &scim.ServiceProviderConfig{SupportFiltering: true, SupportPatch: true},
		ResourceTypes: []scim.ResourceType{{
			ID: optional.NewString("User"), Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(),
			SchemaExtensions: []scim.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}},
			Handler:          &nothing{},
		}, {
			ID: optional.NewString("Group"), Name: "Group", Endpoint: "/Groups", Schema: schema.CoreGroupSchema(), Handler: &nothing{},
		}},
	})
	if err != nil {
		return http.NotFoundHandler()
	}
	e := echo.New()
	e.Any("/scim/v2/*", echo.WrapHandler(http.StripPrefix("/scim/v2", s)))
	return e
}

// nothing is a handler that remembers nothing.
type nothing struct{ last atomic.Int64 }

func (n *nothing) Create(_ *http.Request, a scim.ResourceAttributes) (scim.Resource, error) {
	now := time.Now()
	id := fmt.Sprintf("%036d", n.last.Add(1))
	return scim.Resource{ID: id, Attributes: a, Meta: scim.Meta{Created: &now, LastModified: &now, Version: "v1"}}, nil
}

func (n *nothing) Get(_ *http.Request, id string) (scim.Resource, error) {
	return scim.Resource{ID: id, Attributes: scim.ResourceAttributes{"userName": id}}, nil
}

func (n *nothing) GetAll(*http.Request, scim.ListRequestParams) (scim.Page, error) {
	return scim.Page{Resources: []scim.Resource{}}, nil
}

func (n *nothing) Replace(_ *http.Request, id string, a scim.ResourceAttributes) (scim.Resource, error) {
	return scim.Resource{ID: id, Attributes: a}, nil
}

func (n *nothing) Delete(*http.Request, string) error { return nil }

func (n *nothing) Patch(_ *http.Request, id string, _ []scim.PatchOperation) (scim.Resource, error) {
	return scim.Resource{ID: id}, nil
}

// An emptyStore is a bare bbolt file to be committed to.
func emptyStore(tb testing.TB) *bbolt.DB {
	tb.Helper()
	db, err := bbolt.Open(filepath.Join(onDisk(tb), "limit.db"), 0o600, &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket(rows)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return db
}

var (
	rows     = []byte("rows")
	kilobyte = bytes.Repeat([]byte{'x'}, 1024)
)

// batched is how many rows of a kilobyte bbolt's Batch makes durable a second,
// with 32 writers and keys in order.
func batched(tb testing.TB, n int) float64 {
	db := emptyStore(tb)
	var next atomic.Int64
	took := together(32, n, func(int) {
		err := db.Batch(func(tx *bbolt.Tx) error {
			return tx.Bucket(rows).Put(binary.BigEndian.AppendUint64(nil, uint64(next.Add(1))), kilobyte)
		})
		if err != nil {
			tb.Error(err)
		}
	})
	return float64(n) / took.Seconds()
}

// grouped is the same where one writer commits whatever has come, and waits for
// nothing.
func grouped(tb testing.TB, n int) float64 {
	next := uint64(0)
	return groupCommit(tb, emptyStore(tb), rows, n, func() (key, value []byte) {
		next++
		return binary.BigEndian.AppendUint64(nil, next), kilobyte
	})
}

// groupedApart is the same of rows that a store has already, one in so many, each
// written again as it is. No two of them share a page, as what ends of much does not.
func groupedApart(tb testing.TB, of *seed, table string, oneIn, n int) float64 {
	db, err := bbolt.Open(of.file(), 0o600, &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	var apart [][2][]byte
	err = db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(table)).Cursor()
		k, v := c.First()
		for i := 0; len(apart) < n; i++ {
			if i%oneIn == 0 {
				apart = append(apart, [2][]byte{bytes.Clone(k), bytes.Clone(v)})
			}
			if k, v = c.Next(); k == nil {
				k, v = c.First()
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	next := -1
	return groupCommit(tb, db, []byte(table), n, func() (key, value []byte) {
		next++
		return apart[next][0], apart[next][1]
	})
}

// groupCommit returns how many rows a second become durable, each waited for by one of
// 32 writers. Only one goroutine asks for rows.
func groupCommit(tb testing.TB, db *bbolt.DB, bucket []byte, n int, row func() (key, value []byte)) float64 {
	waiting := make(chan chan error, 32)
	go func() {
		for first := range waiting {
			all := []chan error{first}
			err := db.Update(func(tx *bbolt.Tx) error {
				b := tx.Bucket(bucket)
				for i := 0; ; i++ {
					if i == len(all) {
						select {
						case more := <-waiting:
							all = append(all, more)
						default:
							return nil
						}
					}
					if err := b.Put(row()); err != nil {
						return err
					}
				}
			})
			for _, done := range all {
				done <- err
			}
		}
	}()
	took := together(32, n, func(int) {
		done := make(chan error, 1)
		waiting <- done
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	close(waiting)
	return float64(n) / took.Seconds()
}

// together does n things, so many at once.
func together(workers, n int, do func(i int)) time.Duration {
	var next atomic.Int64
	var group sync.WaitGroup
	start := time.Now()
	for range workers {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	group.Wait()
	return time.Since(start)
}

// playClient is a pooled client that tells every target, over and over, as fast
// as it can: the most that a fan-out could be.
func playClient(ctx context.Context, p part) error {
	fmt.Fprintln(os.Stdout, "ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return nil //nolint:nilerr // nobody wants anything
	}
	clients := map[string]*http.Client{}
	for _, name := range p.Connectors {
		clients[name] = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	}
	var failed atomic.Pointer[error]
	took := together(8*len(p.Connectors), p.Calls, func(i int) {
		name := p.Connectors[i%len(p.Connectors)]
		url := fmt.Sprintf("http://%s/%s/Users/nobody", p.Targets, name)
		req, err := http.NewRequestWithContext(ctx, http.MethodPatch, url, bytes.NewReader(leaving))
		if err == nil {
			var resp *http.Response
			if resp, err = clients[name].Do(req); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				err = resp.Body.Close()
			}
		}
		if err != nil {
			failed.Store(&err)
		}
	})
	if err := failed.Load(); err != nil {
		return *err
	}
	fmt.Fprintln(os.Stdout, took.Seconds())
	return nil
}
