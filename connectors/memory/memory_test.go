package memory_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/connectors/memory"
	"drawbridge/schema"
)

func TestContract(t *testing.T) {
	connectortest.Run(t, connectortest.Harness{
		Open: func(*testing.T) connectortest.Target {
			f, used := &faults{}, sync.Map{}
			s := memory.New(memory.Hooks{Fail: f.fail, Used: func(id string) time.Time {
				at, _ := used.Load(id)
				last, _ := at.(time.Time)
				return last
			}})
			use := func(id string, at time.Time) error { used.Store(id, at); return nil }
			return connectortest.Target{Connector: s, Hand: hand{s}, Faults: f, Use: use}
		},
		Entitlements: []string{"editors", "readers", "writers"},
	})
}

type hand struct{ *memory.System }

func (h hand) Accounts(context.Context) ([]schema.Account, error) { return h.System.Accounts(), nil }

func (h hand) Put(_ context.Context, a schema.Account) (schema.Account, error) {
	return h.System.Put(a), nil
}

func (h hand) Remove(_ context.Context, id string) error {
	h.System.Remove(id)
	return nil
}

// faults are set and looked at between calls that come one after the other.
type faults struct {
	in   atomic.Int64
	took bool
}

func (f *faults) fail(memory.Call) (bool, error) {
	if f.in.Load() > 0 && f.in.Add(-1) == 0 {
		return f.took, errors.New("the line went dead")
	}
	return true, nil
}

func (f *faults) Fail(nth int, took bool) { f.took = took; f.in.Store(int64(nth)) }
func (f *faults) Spent() bool             { return f.in.Swap(0) == 0 }

func TestPages(t *testing.T) {
	s := memory.New(memory.Hooks{})
	for n := range 2500 {
		s.Put(schema.Account{Active: true, Attributes: connectortest.Person(n)})
	}
	s.Remove("1700")
	before, count := s.Calls(), 0
	for _, err := range s.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if calls := s.Calls() - before; count != 2499 || calls != 3 {
		t.Errorf("listed %d accounts in %d calls, want 2499 in 3", count, calls)
	}
}

// TestOneAccountTwiceAtOnce lets a second Apply come while the first still waits.
func TestOneAccountTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New(memory.Hooks{Latency: func(memory.Call) time.Duration { return time.Second }})
		want := schema.Account{Active: true, Attributes: connectortest.Person(1)}
		done := make(chan error)
		go func() {
			_, err := s.Apply(t.Context(), schema.Account{}, want)
			done <- err
		}()
		synctest.Wait()
		if _, err := s.Apply(t.Context(), schema.Account{}, want); err == nil || s.Overlaps() != 1 {
			t.Errorf("second Apply at once: %v, %d overlaps, want it refused and counted", err, s.Overlaps())
		}
		if err := <-done; err != nil {
			t.Errorf("first Apply: %v", err)
		}
	})
}

func TestLatencyEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := memory.Open(options("1h"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err = c.Apply(ctx, schema.Account{}, schema.Account{Active: true, Attributes: connectortest.Person(1)})
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != time.Minute {
			t.Errorf("Apply: %v after %v, want the context's error after a minute", err, took)
		}
	})
}

func TestCallsAreObserved(t *testing.T) {
	seen := map[string]int{}
	o := options("")
	o.Observe = func(method string, status int, _ time.Duration) { seen[fmt.Sprint(method, " ", status)]++ }
	c, err := memory.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	want := schema.Account{Active: true, Attributes: connectortest.Person(1), Entitlements: []string{"readers"}}
	if _, err := c.Apply(t.Context(), schema.Account{}, want); err != nil {
		t.Fatal(err)
	}
	if _, err := c.(*memory.System).Read(t.Context(), "2"); err == nil {
		t.Fatal("read an account that is not there")
	}
	if diff := cmp.Diff(map[string]int{"find 200": 1, "create 200": 1, "grant 200": 1, "read 200": 1}, seen); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

func options(latency string) connectors.Options {
	return connectors.Options{Config: connectors.Config{Kind: "memory", Options: map[string]string{"latency": latency}}}
}

func TestMistakesInOptions(t *testing.T) {
	for _, latency := range []string{"5", "-1s", "soon"} {
		if _, err := memory.Open(options(latency)); err == nil || !strings.Contains(err.Error(), "option latency") {
			t.Errorf("latency %q: %v, want it refused", latency, err)
		}
	}
	o := options("1ms")
	o.Options["path"] = "x"
	if _, err := memory.Open(o); err == nil || !strings.Contains(err.Error(), `unknown option "path"`) {
		t.Errorf("an option that is unknown: %v, want it refused", err)
	}
}

// Somebody who may have been made, and is renamed, is found by the name they were made
// with.
func TestMaybeMadeAndRenamed(t *testing.T) {
	s := memory.New(memory.Hooks{})
	made := s.Put(schema.Account{Active: true, Attributes: map[string]string{"userName": "ada"}})
	maybe := schema.Account{RemoteID: connectors.Unnamed("ada"), Active: true, Attributes: map[string]string{"userName": "ada"}}
	got, err := s.Apply(t.Context(), maybe, schema.Account{Active: true, Attributes: map[string]string{"userName": "countess"}})
	if err != nil || got.RemoteID != made.RemoteID || len(s.Accounts()) != 1 || s.Accounts()[0].Attributes["userName"] != "countess" {
		t.Errorf("%+v, %v; want account %s renamed", got, err, made.RemoteID)
	}
}
