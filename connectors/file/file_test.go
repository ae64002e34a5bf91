package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/schema"
)

func TestContract(t *testing.T) {
	for name, deactivate := range map[string]connectors.Deactivate{
		"disables": connectors.DeactivateActive, "removes": connectors.DeactivateDelete,
	} {
		t.Run(name, func(t *testing.T) {
			connectortest.Run(t, connectortest.Harness{
				Open:         func(t *testing.T) connectortest.Target { return target(t, deactivate) },
				Entitlements: []string{"Building, weekdays", "Hardware lab", `Records "room"`},
				Deletes:      deactivate == connectors.DeactivateDelete,
			})
		})
	}
}

func target(t *testing.T, deactivate connectors.Deactivate) connectortest.Target {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "journal.jsonl"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	profile := connectors.DefaultProfile()
	profile.Deactivate = deactivate
	d := &faultyDisk{osDisk: osDisk{File: f}}
	c, err := open(connectors.Options{Config: connectors.Config{Profile: profile}}.Defaults(), d, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return connectortest.Target{Connector: c, Hand: &hand{c: c, disk: d}, Faults: d}
}

// A faultyDisk fails once, in a write or a sync. A write that fails before it
// takes effect leaves half of it behind. It is set and looked at while no write is
// under way.
type faultyDisk struct {
	osDisk

	in     int // calls until it fails; 0: never
	took   bool
	writes int
	byHand bool
}

var errFault = errors.New("the disk is on fire")

func (d *faultyDisk) WriteAt(p []byte, at int64) (int, error) {
	if !d.byHand {
		d.writes++
	}
	if !d.fails() {
		return d.osDisk.WriteAt(p, at)
	}
	if !d.took {
		p = p[:len(p)/2]
	}
	n, err := d.osDisk.WriteAt(p, at)
	return n, errors.Join(errFault, err)
}

func (d *faultyDisk) Sync() error {
	if d.fails() {
		return errFault
	}
	return nil // this is no test of power cuts, and a sync takes its time
}

func (d *faultyDisk) fails() bool {
	if d.byHand || d.in == 0 {
		return false
	}
	d.in--
	return d.in == 0
}

func (d *faultyDisk) Fail(nth int, took bool) { d.in, d.took = nth, took }

func (d *faultyDisk) Spent() bool {
	spent := d.in == 0
	d.in = 0
	return spent
}

// A hand writes lines of its own.
type hand struct {
	c    *Connector
	disk *faultyDisk
}

func (h *hand) Accounts(ctx context.Context) ([]schema.Account, error) {
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	if err := h.c.ready(ctx); err != nil {
		return nil, err
	}
	var all []schema.Account
	for _, id := range h.c.accounts.ids() {
		all = append(all, h.c.accounts.get(id))
	}
	return all, nil
}

func (h *hand) Put(ctx context.Context, want schema.Account) (schema.Account, error) {
	h.c.mu.Lock()
	now := h.c.accounts.get(want.RemoteID)
	now.Managed = now.Entitlements
	on := want
	on.Active = true
	lines := h.c.lines(now, on)
	h.c.mu.Unlock()
	id := lines[0].Account
	if !want.Active {
		lines = append(lines, line{Verb: "disable", Account: id})
	}
	err := h.write(ctx, lines)
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	return h.c.accounts.get(id), err
}

func (h *hand) Remove(ctx context.Context, id string) error {
	return h.write(ctx, []line{{Verb: remove, Account: id}})
}

// write writes the lines past what is counted and past what fails.
func (h *hand) write(ctx context.Context, lines []line) error {
	h.disk.byHand = true
	defer func() { h.disk.byHand = false }()
	h.c.mu.Lock()
	err := h.c.ready(ctx)
	var b *batch
	if err == nil {
		b, err = h.c.stage(lines)
	}
	h.c.mu.Unlock()
	if err != nil {
		return err
	}
	<-b.done
	return b.err
}

func (h *hand) Writes() int { return h.disk.writes }

func options(path string) connectors.Options {
	return connectors.Options{
		Config: connectors.Config{Name: "badges", Kind: "file", Options: map[string]string{"path": path, "fsync": "false"}},
		Now:    func() time.Time { return time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC) },
	}
}

func mustOpen(t *testing.T, path string) *Connector {
	t.Helper()
	c, err := Open(options(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.(*Connector).Close() })
	return c.(*Connector)
}

func list(t *testing.T, c *Connector) []schema.Account {
	t.Helper()
	var all []schema.Account
	for a, err := range c.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}

// ada is someone with everything, and bob leaves again.
func write(t *testing.T, c *Connector) {
	t.Helper()
	for _, want := range []schema.Account{
		{Identity: "1", Active: true, Attributes: map[string]string{"userName": "ada", "title": "Köchin <&>"}, Entitlements: []string{"Lab", "Roof"}},
		{Identity: "2", Active: true, Attributes: map[string]string{"userName": "bob"}, Entitlements: []string{"Lab"}},
		{Identity: "2", Attributes: map[string]string{"userName": "bob"}},
	} {
		have := schema.Account{Managed: []string{"Lab", "Roof"}}
		if _, err := c.Apply(t.Context(), have, want); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLinesAsTheyAreWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "badges.jsonl")
	write(t, mustOpen(t, path))
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the journal's format changed, which no journal there is bears (-want +got):\n%s", diff)
	}
}

func TestOpenedAgainItIsTheSame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "badges.jsonl")
	c := mustOpen(t, path)
	write(t, c)
	before := list(t, c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, list(t, mustOpen(t, path))); diff != "" {
		t.Errorf("after opening again (-before +after):\n%s", diff)
	}
}

// TestTorn cuts the journal after every byte: whatever was whole is there, and
// the journal goes on from there.
func TestTorn(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.SplitAfter(string(text), "\n")
	path := filepath.Join(t.TempDir(), "badges.jsonl")
	for cut := range text {
		if err := os.WriteFile(path, text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(string(text[:cut]), "\n")
		if text[cut] == '\n' {
			lines++ // it lacks its end only, which is put there
		}
		connector, err := Open(options(path))
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		c := connector.(*Connector)
		if got := c.journal.seq; got != int64(lines) {
			t.Fatalf("cut at %d: %d lines, want %d", cut, got, lines)
		}
		write(t, c)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || !strings.HasPrefix(string(got), strings.Join(whole[:lines], "")) {
			t.Fatalf("cut at %d: %v: lines that were whole are not as they were", cut, err)
		}
		if err := mustOpen(t, path).Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBroken changes a journal by hand.
func TestBroken(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	for name, c := range map[string]struct{ text, want string }{
		"a letter":          {strings.Replace(string(text), "Roof", "Loft", 1), "line 2 is not as it was written"},
		"the last line":     {strings.Replace(string(text), `"revoke"`, `"enable"`, 1), "line 6 is not as it was written"},
		"a line less":       {strings.Join(append(lines[:1:1], lines[2:]...), ""), "line 2 is not as it was written"},
		"a line twice":      {lines[0] + lines[0], "line 2 is not as it was written"},
		"a line of its own": {lines[0] + "{\"seq\":2}\n", "line 2 has no hash"},
		"an empty line":     {lines[0] + "\n" + lines[1], "line 2 has no hash"},
		"other text":        {"Dear front desk,\n", "line 1 has no hash"},
		"no line at all":    {strings.Repeat("x", longest+1), "line 1 is longer"},
		"no last line feed": {strings.TrimSuffix(strings.Replace(string(text), `"revoke"`, `"enable"`, 1), "\n"), "line 6 is not as it was written"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "badges.jsonl")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(options(path))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open: %v, want %q", err, c.want)
			}
			if left, err := os.ReadFile(path); err != nil || string(left) != c.text {
				t.Errorf("a journal that is refused was changed, or: %v", err)
			}
		})
	}
}

func TestSealedButImpossible(t *testing.T) {
	for name, c := range map[string]struct {
		lines []line
		want  string
	}{
		"created twice":  {[]line{{Seq: 1, Verb: "create", Account: "1"}, {Seq: 2, Verb: "create", Account: "1"}}, "line 2 account 1 is created twice"},
		"unknown":        {[]line{{Seq: 1, Verb: "grant", Account: "1"}}, "line 1 grant of account 1"},
		"no such verb":   {[]line{{Seq: 1, Verb: "create", Account: "1"}, {Seq: 2, Verb: "promote", Account: "1"}}, `line 2 verb "promote"`},
		"number skipped": {[]line{{Seq: 2, Verb: "create", Account: "2"}}, "line 1 has number 2"},
	} {
		t.Run(name, func(t *testing.T) {
			var text []byte
			hash := (&journal{}).hash
			for _, l := range c.lines {
				whole, next, err := seal(l, hash)
				if err != nil {
					t.Fatal(err)
				}
				text, hash = append(text, whole...), next
			}
			path := filepath.Join(t.TempDir(), "badges.jsonl")
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(options(path)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open: %v, want %q", err, c.want)
			}
		})
	}
}

func TestOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "badges.jsonl")
	c := mustOpen(t, path)
	if _, err := Open(options(path)); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("second Open: %v, want an error that says the file is in use", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, path)
}

func TestSomebodyElse(t *testing.T) {
	for name, act := range map[string]func(path string) error{
		"adds a line": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("{}\n")
			return errors.Join(err, f.Close())
		},
		"puts it away": os.Remove,
		"puts another there": func(path string) error {
			return errors.Join(os.Rename(path, path+".1"), os.WriteFile(path, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "badges.jsonl")
			c := mustOpen(t, path)
			write(t, c)
			if err := c.Probe(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := act(path); err != nil {
				t.Fatal(err)
			}
			if err := c.Probe(t.Context()); err == nil {
				t.Error("Probe: nil, want an error")
			}
			// Also where a write is the first to find out, and when it is tried again.
			c.mu.Lock()
			b, err := c.stage([]line{{Verb: "disable", Account: "1"}})
			c.mu.Unlock()
			if err != nil {
				t.Fatal(err)
			}
			if <-b.done; b.err == nil {
				t.Error("a write: nil, want an error")
			}
			want := schema.Account{Active: true, Attributes: map[string]string{"userName": "eve"}}
			for range 2 {
				if _, err := c.Apply(t.Context(), schema.Account{}, want); err == nil {
					t.Error("Apply: nil, want an error")
				}
			}
		})
	}
}

// A slowDisk lets a sync go on only when it is told to.
type slowDisk struct {
	osDisk

	syncs int
	goOn  chan error
}

func (d *slowDisk) Sync() error {
	d.syncs++
	return <-d.goOn
}

// TestSyncIsShared lets ten changes come while one is being synced: they share the
// next sync, and its failure.
func TestSyncIsShared(t *testing.T) {
	for name, failure := range map[string]error{"it succeeds": nil, "it fails": errFault} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, err := os.OpenFile(filepath.Join(t.TempDir(), "journal.jsonl"), os.O_CREATE|os.O_RDWR, 0o600)
				if err != nil {
					t.Fatal(err)
				}
				d := &slowDisk{osDisk: osDisk{File: f}, goOn: make(chan error, 1)}
				d.goOn <- nil // of opening
				c, err := open(options("").Defaults(), d, true)
				if err != nil {
					t.Fatal(err)
				}
				const people = 11
				errs := make(chan error, people)
				for n := range people {
					go func() {
						_, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: connectortest.Person(n)})
						errs <- err
					}()
					if n == 0 {
						synctest.Wait() // the first is being synced
					}
				}
				synctest.Wait()
				d.goOn <- nil
				synctest.Wait()
				d.goOn <- failure
				failed := 0
				for range people {
					if err := <-errs; err != nil {
						failed++
					}
				}
				if d.syncs != 3 {
					t.Errorf("%d syncs for opening and %d changes, want 3", d.syncs, people)
				}
				if want := people - 1; failure != nil && failed != want || failure == nil && failed > 0 {
					t.Errorf("%d changes failed, want %d if their sync does", failed, want)
				}
				close(d.goOn) // from here on a sync takes no time
				if got := len(list(t, c)); got != people {
					t.Errorf("the journal has %d accounts, want %d: what was written counts, acknowledged or not", got, people)
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestMatching(t *testing.T) {
	o := options(filepath.Join(t.TempDir(), "badges.jsonl"))
	o.Profile = connectors.DefaultProfile()
	o.Profile.Match = []string{"externalId", "emails.value"}
	opened, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	c := opened.(*Connector)
	defer c.Close()
	apply := func(have schema.Account, attributes map[string]string) (schema.Account, error) {
		return c.Apply(t.Context(), have, schema.Account{Active: true, Attributes: attributes})
	}
	for _, person := range []map[string]string{
		{"userName": "ada", "externalId": "A", "emails.value": "ada@example.com"},
		{"userName": "a2", "externalId": "a", "emails.value": "shared@example.com"},
		{"userName": "a3", "externalId": "c"},
	} {
		if _, err := apply(schema.Account{}, person); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := apply(schema.Account{}, map[string]string{"userName": "ada", "emails.value": "ADA@example.com"}); err != nil || got.RemoteID != "1" || !got.Adopted {
		t.Errorf("by email: %v, %v, want account 1, adopted", got, err)
	}
	third := schema.Account{RemoteID: "3"}
	if _, err := apply(third, map[string]string{"userName": "a3", "externalId": "c", "emails.value": "shared@example.com"}); err != nil {
		t.Fatal(err)
	}
	_, err = apply(schema.Account{}, map[string]string{"userName": "new", "externalId": "d", "emails.value": "shared@example.com"})
	if err == nil || connectors.KindOf(err) != connectors.Exists {
		t.Errorf("by an email that two have: %v, want an error that says Exists", err)
	}
	if _, err := apply(third, map[string]string{"userName": "Ada"}); err == nil || connectors.KindOf(err) != connectors.Exists {
		t.Errorf("renamed to what another has: %v, want an error that says Exists", err)
	}
	if _, err := apply(third, map[string]string{"userName": "a3", "title": strings.Repeat("x", longest)}); connectors.KindOf(err) != connectors.Permanent {
		t.Errorf("a title of a megabyte: %v, want a permanent error", err)
	}
}

func TestMistakesInOptions(t *testing.T) {
	_, err := Open(connectors.Options{Config: connectors.Config{Kind: "file", Options: map[string]string{"fsync": "maybe", "pth": "x"}}})
	for _, want := range []string{`unknown option "pth"`, "option path is empty", `option fsync is "maybe"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open: %v, want it to say %q", err, want)
		}
	}
}

// FuzzOpen opens whatever file there is: it is refused and left alone, or what
// is whole of it is kept.
func FuzzOpen(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "journal.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:len(text)/2])
	f.Add([]byte("{}\n\n"))
	f.Add([]byte{0, 0, 0, '\n'})
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "journal.jsonl")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, openErr := Open(options(path))
		if openErr == nil {
			defer c.(*Connector).Close()
		}
		left, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if openErr != nil && string(left) != string(text) {
			t.Errorf("refused (%v) and changed", openErr)
		}
		kept, _ := strings.CutSuffix(string(left), "\n")
		lost, begins := strings.CutPrefix(string(text), kept)
		if !begins || strings.Contains(strings.TrimPrefix(lost, "\n"), "\n") {
			t.Errorf("opened, but of %q only %q is left", text, left)
		}
	})
}

// BenchmarkApply writes one change after the other, synced.
func BenchmarkApply(b *testing.B) {
	o := options(filepath.Join(b.TempDir(), "journal.jsonl"))
	o.Options["fsync"] = "true"
	c, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	defer c.(*Connector).Close()
	for n := 0; b.Loop(); n++ {
		want := schema.Account{Active: true, Attributes: connectortest.Person(n), Entitlements: []string{"Lab"}}
		if _, err := c.Apply(b.Context(), schema.Account{}, want); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApplyAtOnce writes changes that come from eight workers, as from a lane.
func BenchmarkApplyAtOnce(b *testing.B) {
	o := options(filepath.Join(b.TempDir(), "journal.jsonl"))
	o.Options["fsync"] = "true"
	c, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	defer c.(*Connector).Close()
	var n atomic.Int64
	b.SetParallelism(8 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			want := schema.Account{Active: true, Attributes: connectortest.Person(int(n.Add(1))), Entitlements: []string{"Lab"}}
			if _, err := c.Apply(b.Context(), schema.Account{}, want); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkOpen reads a journal of a hundred thousand accounts.
func BenchmarkOpen(b *testing.B) {
	const people = 100_000
	path := filepath.Join(b.TempDir(), "journal.jsonl")
	c, err := Open(options(path))
	if err != nil {
		b.Fatal(err)
	}
	for n := range people {
		want := schema.Account{Active: true, Attributes: connectortest.Person(n), Entitlements: []string{"Lab"}}
		if _, err := c.Apply(b.Context(), schema.Account{}, want); err != nil {
			b.Fatal(err)
		}
	}
	if err := c.(*Connector).Close(); err != nil {
		b.Fatal(err)
	}
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		c, err := Open(options(path))
		if err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/people, "B/account")
		if err := c.(*Connector).Close(); err != nil {
			b.Fatal(err)
		}
	}
}
