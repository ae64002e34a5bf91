package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
	"drawbridge/store/enginetest"
)

// TestModel makes random histories of a store and of a model that is plain maps,
// crashes among them, and compares the two after every step. What has no end and does not
// say why is not taken. R-ENG-6, R-LOG-4, R-JIT-1.
func TestModel(t *testing.T) {
	for name, open := range map[string]func(t *rapid.T, dir string) *store.Store{
		"bolt":                       func(t *rapid.T, dir string) *store.Store { return onBolt(t, dir, false) },
		"bolt, again":                func(t *rapid.T, dir string) *store.Store { return onBolt(t, dir, true) },
		"several writers, and again": onMemory(),
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				h := &history{T: r, dir: t.TempDir(), open: open, model: newModel()}
				h.store = open(r, h.dir)
				h.several = strings.HasPrefix(name, "several")
				defer func() { _ = h.store.Close() }()
				for range rapid.IntRange(1, 25).Draw(r, "steps") {
					h.step()
					h.compare()
				}
				h.end()
			})
		})
	}
}

func onBolt(t *rapid.T, dir string, again bool) *store.Store {
	e, err := bolt.Open(filepath.Join(dir, "test.db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if again {
		e = enginetest.Again(e)
	}
	s, err := store.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// onMemory returns a way to open a store on an engine in memory; one folder is one
// engine, so that opening it again is what another process does.
func onMemory() func(t *rapid.T, dir string) *store.Store {
	engines := map[string]store.Engine{}
	return func(t *rapid.T, dir string) *store.Store {
		if engines[dir] == nil {
			engines[dir] = enginetest.Again(enginetest.Memory(4))
		}
		s, err := store.Open(engines[dir])
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

const lane = store.Lane("lane")

// An item is one of the lane, as the model has it.
type item struct {
	due     time.Time
	urgent  bool
	lease   int // number of the lease; 0 is none
	since   time.Time
	press   bool
	until   time.Time
	attempt int
}

// A lease is what a worker has in hand, perhaps for too long.
type lease struct {
	number int
	item   store.Item
}

// A model is what a store is thought to be.
type model struct {
	identities map[string]schema.Identity
	members    map[[2]string]bool
	grants     map[string]schema.Grant
	items      map[string]item
	leases     int
	log        []string // ids of decisions
}

func newModel() model {
	return model{
		identities: map[string]schema.Identity{}, members: map[[2]string]bool{}, grants: map[string]schema.Grant{}, items: map[string]item{},
	}
}

func (m model) clone() model {
	m.identities, m.members, m.grants = maps.Clone(m.identities), maps.Clone(m.members), maps.Clone(m.grants)
	m.items, m.log = maps.Clone(m.items), slices.Clone(m.log)
	return m
}

// A history is a store and its model.
type history struct {
	*rapid.T
	dir     string
	open    func(t *rapid.T, dir string) *store.Store
	several bool
	store   *store.Store
	model   model
	held    []lease // by workers, also those that lost them
	taken   []lease // by the Update that is under way
	serial  int
}

var errDeliberate = errors.New("deliberate")

// An op does one thing to a transaction and to a model, which must agree. It may
// run more than once.
type op func(tx store.Tx, m *model) error

// step crashes, or makes one Update of some operations, which may fail at its end.
func (h *history) step() {
	if rapid.IntRange(0, 9).Draw(h.T, "crash") == 0 {
		h.crash()
		return
	}
	var ops []op
	for range rapid.IntRange(1, 5).Draw(h.T, "operations") {
		ops = append(ops, h.op())
	}
	fails := rapid.IntRange(0, 4).Draw(h.T, "fails") == 0
	var after model
	err := h.store.Update(context.Background(), func(tx store.Tx) error {
		after, h.taken = h.model.clone(), nil
		for _, do := range ops {
			if err := do(tx, &after); err != nil {
				return err
			}
		}
		if fails {
			return errDeliberate
		}
		return nil
	})
	switch {
	case fails && errors.Is(err, errDeliberate):
	case err != nil || fails:
		h.Fatalf("update: %v", err)
	default:
		h.model = after
		h.held = append(h.held, h.taken...)
	}
}

func (h *history) crash() {
	if !h.several { // a new process gives back what the old one had leased
		if err := h.store.Close(); err != nil {
			h.Fatal(err)
		}
		for id, it := range h.model.items {
			if it.lease == 0 {
				continue
			}
			was := it
			it.lease, it.since, it.press, it.until = 0, time.Time{}, false, time.Time{}
			it.join(was.since, was.press)
			h.model.items[id] = it
		}
	}
	h.store = h.open(h.T, h.dir)
}

func (it *item) join(at time.Time, urgent bool) {
	if it.due.IsZero() || at.Before(it.due) {
		it.due = at
	}
	it.urgent = it.urgent || urgent
}

func (h *history) op() op {
	return rapid.SampledFrom([]func() op{
		h.putIdentity, h.putIdentity, h.deleteIdentity, h.member, h.grant, h.wake, h.wake, h.lease, h.lease, h.renew, h.settle, h.settle, h.record,
	}).Draw(h.T, "operation")()
}

func (h *history) putIdentity() op {
	id := schema.Identity{
		ID: rapid.SampledFrom([]string{"1", "2", "3"}).Draw(h.T, "id"), Source: rapid.SampledFrom([]string{"hr", "okta"}).Draw(h.T, "source"),
		UserName: rapid.SampledFrom([]string{"Ada", "ada", "bob"}).Draw(h.T, "userName"),
		Email:    rapid.SampledFrom([]string{"", "a@x", "A@X", "b@x"}).Draw(h.T, "email"),
		Resource: []byte("{}"),
	}
	if rapid.IntRange(0, 3).Draw(h.T, "gone") == 0 {
		id.Deleted = time.Unix(1, 0).UTC()
	}
	return func(tx store.Tx, m *model) error {
		err := store.Identities.Put(tx, id)
		for _, other := range m.identities {
			if other.ID != id.ID && !other.Gone() && !id.Gone() && other.Source == id.Source && strings.EqualFold(other.UserName, id.UserName) {
				if !errors.Is(err, schema.ErrConflict) {
					h.Fatalf("put %v beside %v: %v, want ErrConflict", id, other, err)
				}
				return nil
			}
		}
		m.identities[id.ID] = id
		return err
	}
}

func (h *history) deleteIdentity() op {
	id := rapid.SampledFrom([]string{"1", "2", "3"}).Draw(h.T, "id")
	return func(tx store.Tx, m *model) error {
		delete(m.identities, id)
		return store.Identities.Delete(tx, id)
	}
}

func (h *history) member() op {
	edge := [2]string{rapid.SampledFrom([]string{"g", "h"}).Draw(h.T, "group"), rapid.SampledFrom([]string{"1", "2"}).Draw(h.T, "member")}
	leaves := rapid.Bool().Draw(h.T, "leaves")
	return func(tx store.Tx, m *model) error {
		if leaves {
			delete(m.members, edge)
			return store.Members.Delete(tx, edge[0], edge[1])
		}
		m.members[edge] = true
		return store.Members.Put(tx, schema.Member{Group: edge[0], Member: edge[1]})
	}
}

func (h *history) grant() op {
	g := schema.Grant{ID: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(h.T, "grant"), Identity: "1", Role: "r"}
	if until := rapid.IntRange(-1, 3).Draw(h.T, "until"); until >= 0 {
		g.Until = time.Unix(int64(1_000_000+until), 0).UTC()
	}
	if rapid.Bool().Draw(h.T, "ended") {
		g.Ended = time.Unix(2, 0).UTC()
	}
	if rapid.Bool().Draw(h.T, "permanent") {
		g.Permanent = "it is held for life"
	}
	return func(tx store.Tx, m *model) error {
		if !g.Bounded() {
			if err := store.Grants.Put(tx, g); !errors.Is(err, schema.ErrInvalid) {
				h.Errorf("a grant that has no end and does not say why: %v", err)
			}
			return nil
		}
		m.grants[g.ID] = g
		return store.Grants.Put(tx, g)
	}
}

func (h *history) wake() op {
	id := rapid.SampledFrom([]string{"x", "y", "z", "w"}).Draw(h.T, "item")
	urgent := rapid.IntRange(0, 3).Draw(h.T, "urgent") == 0
	in := rapid.SampledFrom([]time.Duration{-time.Hour, 0, time.Hour}).Draw(h.T, "in")
	return func(tx store.Tx, m *model) error {
		it, at := m.items[id], tx.Now().Add(in)
		if urgent {
			at = tx.Now()
		}
		it.join(at, urgent)
		m.items[id] = it
		if urgent {
			return tx.WakeUrgent(lane, id)
		}
		return tx.Wake(lane, id, at)
	}
}

func (h *history) lease() op {
	n := rapid.IntRange(1, 4).Draw(h.T, "lease")
	ttl := rapid.SampledFrom([]time.Duration{time.Nanosecond, time.Hour}).Draw(h.T, "ttl")
	urgent := rapid.Bool().Draw(h.T, "urgent ones alone")
	return func(tx store.Tx, m *model) error {
		take := tx.Lease
		if urgent {
			take = tx.LeaseUrgent
		}
		items, err := take(lane, n, ttl)
		if err != nil {
			return err
		}
		ready, lost := m.ready(tx.Now())
		if urgent {
			maps.DeleteFunc(ready, func(_ string, it item) bool { return !it.urgent })
		}
		if len(items) != min(n, len(ready)) {
			h.Fatalf("leased %d of %d, want as many as there are of %v", len(items), n, ready)
		}
		for i, got := range items {
			was, ok := ready[got.ID]
			if !ok {
				h.Fatalf("leased %v, which is not due", got)
			}
			if !got.Due.Equal(was.due) || got.Urgent != was.urgent || got.Attempt != was.attempt+1 {
				h.Fatalf("leased %+v, want %+v", got, was)
			}
			delete(ready, got.ID)
			for _, other := range ready {
				if !lost && (other.urgent && !was.urgent || other.urgent == was.urgent && other.due.Before(was.due)) && i == len(items)-1 {
					h.Fatalf("leased %+v before %+v", got, other)
				}
			}
			m.leases++
			m.items[got.ID] = item{lease: m.leases, since: was.due, press: was.urgent, until: got.Leased, attempt: got.Attempt}
			h.taken = append(h.taken, lease{m.leases, got})
		}
		return nil
	}
}

// ready returns what is due, as it waits, and whether a lease was lost among it.
func (m *model) ready(now time.Time) (ready map[string]item, lost bool) {
	ready = map[string]item{}
	for id, it := range m.items {
		switch {
		case it.lease == 0 && !it.due.After(now):
			ready[id] = it
		case it.lease != 0 && !it.until.After(now):
			lost = true
			w := item{due: it.due, urgent: it.urgent, attempt: it.attempt}
			w.join(it.since, it.press)
			ready[id] = w
		}
	}
	return ready, lost
}

// renew has a worker renew a lease that it has, or had.
func (h *history) renew() op {
	if len(h.held) == 0 {
		return h.record()
	}
	l := h.held[rapid.IntRange(0, len(h.held)-1).Draw(h.T, "held")]
	ttl := rapid.SampledFrom([]time.Duration{time.Nanosecond, time.Hour}).Draw(h.T, "ttl")
	return func(tx store.Tx, m *model) error {
		was, ok := m.items[l.item.ID]
		mine := ok && was.lease == l.number
		if err := tx.Renew(l.item, ttl); err != nil || !mine {
			if mine || !errors.Is(err, store.ErrLeaseLost) {
				h.Fatalf("renew %+v: %v, is it the worker's own: %v", l.item, err, mine)
			}
			return nil
		}
		was.until = tx.Now().Add(ttl)
		m.items[l.item.ID] = was
		return nil
	}
}

// settle has a worker settle what it has, or had.
func (h *history) settle() op {
	if len(h.held) == 0 {
		return h.record()
	}
	l := h.held[rapid.IntRange(0, len(h.held)-1).Draw(h.T, "held")]
	how := rapid.SampledFrom([]string{"done", "retry", "postpone"}).Draw(h.T, "how")
	in := rapid.SampledFrom([]time.Duration{0, time.Minute, -1}).Draw(h.T, "next")
	return func(tx store.Tx, m *model) error {
		var next time.Time
		if in >= 0 || how != "done" {
			next = tx.Now().Add(max(0, in))
		}
		was, ok := m.items[l.item.ID]
		mine := ok && was.lease == l.number
		settle := map[string]func(store.Item, time.Time) error{"done": tx.Done, "retry": tx.Retry, "postpone": tx.Postpone}[how]
		if err := settle(l.item, next); err != nil || !mine {
			if mine || !errors.Is(err, store.ErrLeaseLost) {
				h.Fatalf("settle %+v: %v, is it the worker's own: %v", l.item, err, mine)
			}
			return nil
		}
		is := item{due: was.due, urgent: was.urgent}
		switch {
		case how == "postpone":
			is.attempt = was.attempt - 1
		case how == "retry" && (is.due.IsZero() || next.Before(is.due)):
			is.attempt = was.attempt
		}
		if !next.IsZero() {
			is.join(next, how != "done" && was.press)
		}
		m.items[l.item.ID] = is
		if is.due.IsZero() {
			delete(m.items, l.item.ID)
		}
		return nil
	}
}

func (h *history) record() op {
	h.serial++
	d := schema.Decision{
		ID: fmt.Sprintf("%06d", h.serial), Actor: "test", Verb: schema.Found, Subject: rapid.SampledFrom([]string{"1", "2"}).Draw(h.T, "subject"),
		Detail: []byte(`{"a":1}`),
	}
	return func(tx store.Tx, m *model) error {
		m.log = append(m.log, d.ID)
		_, err := tx.Record(d)
		return err
	}
}

// compare looks at everything by every way there is to find it.
func (h *history) compare() {
	err := h.store.View(context.Background(), func(r store.Reader) error {
		h.compareRecords(r)
		h.compareLane(r)
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
}

func (h *history) compareRecords(r store.Reader) {
	m := h.model
	same(h, "identities", slices.Collect(maps.Values(m.identities)), collect(h, store.Identities.All(r)), func(i schema.Identity) string { return i.ID })
	for _, source := range []string{"hr", "okta"} {
		for _, name := range []string{"ada", "bob"} {
			want := filter(m.identities, func(i schema.Identity) bool {
				return !i.Gone() && i.Source == source && strings.EqualFold(i.UserName, name)
			})
			same(h, "by userName", want, collect(h, store.Identities.By(r, store.IdentityUserName, source, name)), func(i schema.Identity) string { return i.ID })
		}
		for _, email := range []string{"a@x", "b@x"} {
			want := filter(m.identities, func(i schema.Identity) bool {
				return !i.Gone() && i.Source == source && strings.EqualFold(i.Email, email)
			})
			same(h, "by email", want, collect(h, store.Identities.By(r, store.IdentityEmail, source, email)), func(i schema.Identity) string { return i.ID })
		}
	}
	want := filter(m.identities, func(i schema.Identity) bool {
		return i.Gone() && (strings.EqualFold(i.UserName, "ada") || strings.EqualFold(i.Email, "ada"))
	})
	same(h, "former", want, collect(h, store.Identities.By(r, store.IdentityFormer, "ada")), func(i schema.Identity) string { return i.ID })
	for _, member := range []string{"1", "2"} {
		var groups []string
		for edge := range m.members {
			if edge[1] == member {
				groups = append(groups, edge[0])
			}
		}
		slices.Sort(groups)
		var got []string
		for _, e := range collect(h, store.Members.By(r, store.MemberOf, member)) {
			got = append(got, e.Group)
		}
		if !slices.Equal(groups, got) {
			h.Fatalf("%s is in %v, want %v", member, got, groups)
		}
	}
	at := time.Unix(1_000_001, 0)
	due := filter(m.grants, func(g schema.Grant) bool { return g.Ended.IsZero() && !g.Until.IsZero() && !g.Until.After(at) })
	same(h, "grants that end", due, collect(h, store.Grants.Until(r, store.GrantUntil, at)), func(g schema.Grant) string { return g.ID })
	if n, err := store.GrantUntil.CountUntil(r, 100, at); err != nil || n != len(due) {
		h.Fatalf("%d grants are due, %v; want %d", n, err, len(due))
	}
	if n, err := store.Grants.Count(r); err != nil || int(n) != len(m.grants) {
		h.Fatalf("%d grants, %v; want %d", n, err, len(m.grants))
	}
}

func (h *history) compareLane(r store.Reader) {
	got := map[string]store.Item{}
	for _, it := range collect(h, store.Items(r, lane)) {
		got[it.ID] = it
	}
	if len(got) != len(h.model.items) {
		h.Fatalf("%d items, want %v", len(got), h.model.items)
	}
	var waiting int
	for id, want := range h.model.items {
		due, urgent := want.due, want.urgent
		if want.lease != 0 {
			due, urgent = want.since, want.press
		} else if !due.After(r.Now()) {
			waiting++
		}
		if it := got[id]; !it.Due.Equal(due) || it.Urgent != urgent || !it.Leased.Equal(want.until) || it.Attempt != want.attempt {
			h.Fatalf("item %s is %+v, want %+v", id, it, want)
		}
	}
	if n, err := store.Backlog(r, lane, 100); err != nil || n != waiting {
		h.Fatalf("%d wait for a worker, %v; want %d", n, err, waiting)
	}
}

// end compares the logs, and has the store check itself.
func (h *history) end() {
	for {
		n, err := h.store.Sequence(context.Background())
		if err != nil {
			h.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	err := h.store.View(context.Background(), func(r store.Reader) error {
		var ids []string
		for _, e := range collect(h, store.Log(r, 0)) {
			ids = append(ids, e.Decision.ID)
			if e.Seq != int64(len(ids)-1) {
				h.Fatalf("entry %d has the number %d", len(ids)-1, e.Seq)
			}
			if _, err := store.Detail(r, e.Decision.ID); err != nil {
				h.Fatal(err)
			}
		}
		if h.several { // their order is the sequencer's
			slices.Sort(ids)
			slices.Sort(h.model.log)
		}
		if !slices.Equal(ids, h.model.log) {
			h.Fatalf("the log has %v, want %v", ids, h.model.log)
		}
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	report, err := h.store.Check(context.Background())
	if err != nil || !report.OK() {
		h.Fatalf("check: %v %v", report.Faults, err)
	}
}

func collect[R any](h *history, all func(func(R, error) bool)) (records []R) {
	for rec, err := range all {
		if err != nil {
			h.Fatal(err)
		}
		records = append(records, rec)
	}
	return records
}

func filter[R any](all map[string]R, keep func(R) bool) (some []R) {
	for _, rec := range all {
		if keep(rec) {
			some = append(some, rec)
		}
	}
	return some
}

func same[R any](h *history, what string, want, got []R, key func(R) string) {
	order := func(a, b R) int { return strings.Compare(key(a), key(b)) }
	slices.SortFunc(want, order)
	slices.SortFunc(got, order)
	if len(want)+len(got) > 0 && !cmp.Equal(want, got) {
		h.Fatalf("%s: (-want +got)\n%s", what, cmp.Diff(want, got))
	}
}
