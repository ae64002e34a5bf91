package connectortest_test

import (
	"context"
	"errors"
	"flag"
	"iter"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/connectors/memory"
	"drawbridge/schema"
)

// TestDefectsAreCaught runs the suite over connectors that each break one promise,
// in a process of their own, and wants the case to fail that holds it.
func TestDefectsAreCaught(t *testing.T) {
	for name, d := range defects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDefect$", "-rapid.nofailfile", "-test.v")
			run.Env = append(os.Environ(), "DEFECT="+name)
			out, err := run.CombinedOutput()
			if d.caught == "" {
				if err != nil {
					t.Errorf("the suite fails a connector that has no defect:\n%s", out)
				}
				return
			}
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestDefect/"+d.caught) {
				t.Errorf("the suite does not catch it in case %s: %v", d.caught, err)
			}
		})
	}
}

// TestDefect is what TestDefectsAreCaught starts.
func TestDefect(t *testing.T) {
	d, ok := defects[os.Getenv("DEFECT")]
	if !ok {
		t.Skip("started by TestDefectsAreCaught, with a defect")
	}
	if err := flag.Set("rapid.checks", "40"); err != nil {
		t.Fatal(err)
	}
	connectortest.Run(t, connectortest.Harness{
		Entitlements: []string{"editors", "readers", "writers"},
		Open: func(*testing.T) connectortest.Target {
			f := &faults{}
			s := memory.New(memory.Hooks{Fail: f.fail})
			return connectortest.Target{Connector: defective{s, d}, Hand: hand{s}, Faults: f}
		},
	})
}

// A defect is a promise broken, and the case that must notice.
type defect struct {
	apply  func(ctx context.Context, s *memory.System, have, want schema.Account) (schema.Account, error)
	list   func(iter.Seq2[schema.Account, error]) iter.Seq2[schema.Account, error]
	read   func(schema.Account, error) (schema.Account, error)
	caught string // empty: there is none
}

var defects = map[string]defect{
	"none": {},
	"forgets to revoke": {caught: connectortest.Converges, apply: func(ctx context.Context, s *memory.System, have, want schema.Account) (schema.Account, error) {
		have.Managed = nil
		return s.Apply(ctx, have, want)
	}},
	"never disables": {caught: connectortest.Converges, apply: func(ctx context.Context, s *memory.System, have, want schema.Account) (schema.Account, error) {
		want.Active = want.Active || have.Active
		return s.Apply(ctx, have, want)
	}},
	"says what was wanted": {caught: connectortest.Adopts, apply: func(ctx context.Context, s *memory.System, have, want schema.Account) (schema.Account, error) {
		got, err := s.Apply(ctx, have, want)
		got.Entitlements = want.Entitlements
		return got, err
	}},
	"takes what is not managed": {caught: connectortest.Unmanaged, apply: func(ctx context.Context, s *memory.System, have, want schema.Account) (schema.Account, error) {
		have.Managed = []string{"editors", "readers", "writers"}
		return s.Apply(ctx, have, want)
	}},
	"writes what is there": {caught: connectortest.Idle, apply: func(ctx context.Context, s *memory.System, have, want schema.Account) (schema.Account, error) {
		again := want
		again.Attributes = map[string]string{"userName": want.Attributes["userName"], "title": "touched"}
		if want.Active {
			if _, err := s.Apply(ctx, have, again); err != nil {
				return have, err
			}
		}
		return s.Apply(ctx, have, want)
	}},
	"believes that nothing changed": {caught: connectortest.Doubts, apply: func(ctx context.Context, s *memory.System, have, want schema.Account) (schema.Account, error) {
		if len(have.Attributes) == 0 && have.Exists() && want.Active {
			return want, nil
		}
		return s.Apply(ctx, have, want)
	}},
	"loses an account without an id": {caught: connectortest.Unnamed, apply: func(ctx context.Context, s *memory.System, have, want schema.Account) (schema.Account, error) {
		if connectors.IsUnnamed(have.RemoteID) && !want.Active {
			return schema.Account{}, nil
		}
		return s.Apply(ctx, have, want)
	}},
	"takes nobody for everybody": {caught: connectortest.Nameless, apply: func(ctx context.Context, s *memory.System, have, want schema.Account) (schema.Account, error) {
		if !have.Exists() && len(have.Entitlements) > 0 {
			for _, a := range s.Accounts() {
				a.Entitlements = nil
				s.Put(a)
			}
		}
		return s.Apply(ctx, have, want)
	}},
	"grants before it revokes": {caught: connectortest.Ordered, apply: func(ctx context.Context, s *memory.System, have, want schema.Account) (schema.Account, error) {
		both := want
		both.Entitlements = schema.Sorted(append(slices.Clone(want.Entitlements), have.Entitlements...)...)
		if want.Active && have.Active {
			got, err := s.Apply(ctx, have, both)
			if err != nil {
				return got, err
			}
			got.Managed = have.Managed
			have = got
		}
		return s.Apply(ctx, have, want)
	}},
	"swallows failures": {caught: connectortest.Fails, apply: func(ctx context.Context, s *memory.System, have, want schema.Account) (schema.Account, error) {
		got, err := s.Apply(ctx, have, want)
		if err != nil && ctx.Err() == nil {
			return want, nil
		}
		return got, err
	}},
	"gives up for good": {caught: connectortest.Fails, apply: func(ctx context.Context, s *memory.System, have, want schema.Account) (schema.Account, error) {
		got, err := s.Apply(ctx, have, want)
		if err != nil {
			err = &connectors.Error{Kind: connectors.Permanent, Err: err}
		}
		return got, err
	}},
	"goes on when it is cancelled": {caught: connectortest.Cancels, apply: func(ctx context.Context, s *memory.System, have, want schema.Account) (schema.Account, error) {
		return s.Apply(context.WithoutCancel(ctx), have, want)
	}},
	"lists in silence": {caught: connectortest.Lists, list: func(all iter.Seq2[schema.Account, error]) iter.Seq2[schema.Account, error] {
		return func(yield func(schema.Account, error) bool) {
			for a, err := range all {
				if err != nil && !errors.Is(err, context.Canceled) || !yield(a, err) {
					return
				}
			}
		}
	}},
	"lists twice": {caught: connectortest.Lists, list: func(all iter.Seq2[schema.Account, error]) iter.Seq2[schema.Account, error] {
		return func(yield func(schema.Account, error) bool) {
			for a, err := range all {
				for range 2 {
					if !yield(a, err) {
						return
					}
				}
			}
		}
	}},
	"reads nobody": {caught: connectortest.Reads, read: func(a schema.Account, err error) (schema.Account, error) {
		if connectors.KindOf(err) == connectors.Gone {
			err = nil
		}
		return a, err
	}},
}

// A defective connector is one in memory, with a defect.
type defective struct {
	*memory.System
	defect
}

func (d defective) Apply(ctx context.Context, have, want schema.Account) (schema.Account, error) {
	if d.apply == nil {
		return d.System.Apply(ctx, have, want)
	}
	return d.apply(ctx, d.System, have, want)
}

func (d defective) List(ctx context.Context) iter.Seq2[schema.Account, error] {
	if d.list == nil {
		return d.System.List(ctx)
	}
	return d.list(d.System.List(ctx))
}

func (d defective) Read(ctx context.Context, id string) (schema.Account, error) {
	a, err := d.System.Read(ctx, id)
	if d.read == nil {
		return a, err
	}
	return d.read(a, err)
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
