package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sort"
	"time"

	"golang.org/x/mod/sumdb/note"

	"drawbridge/access"
	"drawbridge/audit"
	"drawbridge/evidence/pack"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Request is what somebody asks a pack of.
type Request struct {
	Framework  string    `json:"framework"`
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`             // before this
	Seed       string    `json:"seed,omitempty"` // of the samples; empty: it follows from the log's head at the end of the period
	Pseudonyms bool      `json:"pseudonyms,omitempty"`
}

// A Maker makes packs of one bridge's store. The log is signed before, as far as the
// period goes.
type Maker struct {
	Store  *store.Store
	Signer note.Signer // the log's
}

// A making is one pack that is being made.
type making struct {
	Maker
	request   Request
	framework Framework
	folder    *folder
	book      *policy.Book // that was in force at the end of the period
	versions  []version    // those that were in force in it
	pseudonym func(string) string

	log         string // its name
	first, next int64  // numbers of the first entry of the period, and of the first after it
	walked      int64  // how many of these there are: the others were pruned
	firstTime   time.Time
	lastTime    time.Time
	start, end  []byte // checkpoints; start is nil where nothing was signed before the period
	endSize     int64

	filled  []*filling // by name
	seedBy  string
	reaches map[string][]string // what is privileged of what comes along with an entitlement, where it was asked for
}

// A Pack is one that can be written: its request is in order, and the log is signed as
// far as its period goes.
type Pack struct{ making *making }

// Prepare finds what a pack is about. It writes nothing.
func Prepare(ctx context.Context, maker Maker, request Request) (Pack, error) {
	x := &making{Maker: maker, request: request}
	x.request.From, x.request.To = request.From.UTC(), request.To.UTC()
	var err error
	if x.framework, err = FrameworkOf(request.Framework); err != nil {
		return Pack{}, err
	}
	if !request.From.Before(request.To) {
		return Pack{}, fmt.Errorf("the period ends at %s and begins at %s: %w", stamp(request.To), stamp(request.From), schema.ErrInvalid)
	}
	if request.Pseudonyms {
		if x.pseudonym, err = pseudonyms(maker.Signer); err != nil {
			return Pack{}, err
		}
	}
	return Pack{x}, maker.Store.View(ctx, x.bound)
}

// Write writes the pack into an empty folder, once. What it writes follows from the
// store, the request and the key alone.
func (p Pack) Write(ctx context.Context, dir string) (m pack.Manifest, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	x := p.making
	x.folder = &folder{root: root}
	for _, write := range []func(context.Context) error{x.populations, x.samples, x.controls, x.policies, x.checkpoints, x.readme} {
		if err := write(ctx); err != nil {
			return m, err
		}
	}
	return x.seal()
}

// bound finds what the pack is about: the entries of the period, the checkpoints at
// both its ends, and the policies that were in force.
func (m *making) bound(r store.Reader) (err error) {
	size, err := store.LogSize(r)
	if err != nil {
		return err
	}
	if m.first, err = numberAt(r, size, m.request.From); err != nil {
		return err
	}
	if m.next, err = numberAt(r, size, m.request.To); err != nil {
		return err
	}
	if m.next > m.first {
		if m.firstTime, err = timeOf(r, m.first); err == nil {
			m.lastTime, err = timeOf(r, m.next-1)
		}
		if err != nil {
			return err
		}
	}
	if err := m.heads(r); err != nil {
		return err
	}
	if m.versions, err = versions(r, m.request.From, m.request.To); err != nil {
		return err
	}
	if len(m.versions) == 0 {
		return fmt.Errorf("no policy was in force before %s: there is nothing to show: %w", stamp(m.request.To), schema.ErrNotFound)
	}
	draft, err := access.Version(r, m.versions[len(m.versions)-1].publication.Digest)
	if err != nil {
		return fmt.Errorf("the policy at the end of the period: %w", err)
	}
	m.book = draft.Book
	return m.seed()
}

// seed settles what the samples are drawn by. Where nobody chose a seed it is not the
// exporter's to choose either: it follows from the log's head, which nobody knew when
// the decisions were made.
func (m *making) seed() error {
	if m.request.Seed != "" {
		m.seedBy = "whoever asked for the pack"
		return nil
	}
	c, err := audit.Read(m.end)
	if err != nil {
		return err
	}
	hash := sha256.Sum256(append([]byte("drawbridge.pack: seed\n"), c.Root[:]...))
	m.request.Seed, m.seedBy = hex.EncodeToString(hash[:16]), "the log's head at the end of the period"
	return nil
}

// heads finds the checkpoint at each end: the last that signs nothing of the period,
// and the first that signs all of it.
func (m *making) heads(r store.Reader) error {
	for signed, err := range store.CheckpointsFrom(r, m.next) {
		if err != nil {
			return err
		}
		c, err := audit.Read(signed)
		if err != nil {
			return err
		}
		m.log, m.end, m.endSize = c.Origin, bytes.Clone(signed), c.Size
		break
	}
	if m.end == nil {
		return fmt.Errorf("the log is not signed as far as the period goes: have it signed first: %w", schema.ErrUnavailable)
	}
	for back := int64(pageSize); m.start == nil; back *= 4 { // heads are walked forward only
		for signed, err := range store.CheckpointsFrom(r, m.first-back) {
			if err != nil {
				return err
			}
			c, err := audit.Read(signed)
			if err != nil {
				return err
			}
			if c.Size > m.first {
				break
			}
			m.start = bytes.Clone(signed)
		}
		if back >= m.first {
			break
		}
	}
	return nil
}

// numberAt is the number of the first entry at a time or after it. Entries are in the
// order in which they were written down; to a moment, that is the order of their times.
func numberAt(r store.Reader, size int64, at time.Time) (int64, error) {
	var failed error
	n := sort.Search(int(size), func(i int) bool {
		t, err := timeOf(r, int64(i))
		failed = errors.Join(failed, err)
		return !t.Before(at)
	})
	return int64(n), failed
}

func timeOf(r store.Reader, seq int64) (time.Time, error) {
	for e, err := range store.Log(r, seq) {
		return e.Decision.Time, err
	}
	return time.Time{}, fmt.Errorf("log entry %d: %w", seq, schema.ErrNotFound)
}

// populations writes every table: those of decisions in one walk over the log.
func (m *making) populations(ctx context.Context) error {
	all := tables()
	by := map[schema.Verb][]*filling{}
	for _, name := range m.framework.tables() {
		f, err := m.fill(all[name])
		if err != nil {
			return err
		}
		m.filled = append(m.filled, f)
		for _, verb := range f.verbs {
			by[verb] = append(by[verb], f)
		}
	}
	if err := m.walkLog(ctx, by); err != nil {
		return err
	}
	for _, f := range m.filled {
		if f.list != nil {
			if err := f.list(ctx, m, func(cells ...string) error { return f.add(cells) }); err != nil {
				return fmt.Errorf("register %s: %w", f.name, err)
			}
		}
		if err := f.close(); err != nil {
			return err
		}
	}
	return nil
}

// walkLog gives each entry of the period to the tables that are about its verb, a page
// of entries in one view of the store.
func (m *making) walkLog(ctx context.Context, by map[schema.Verb][]*filling) error {
	for at := m.first; at < m.next; {
		err := m.Store.View(ctx, func(r store.Reader) error {
			x := &page{Reader: r, making: m}
			for e, err := range store.Log(r, at) {
				if err != nil {
					return err
				}
				if e.Seq >= m.next {
					break
				}
				m.walked++
				for _, f := range by[e.Decision.Verb] {
					if err := f.entry(x, e); err != nil {
						return fmt.Errorf("population %s: entry %d: %w", f.name, e.Seq, err)
					}
				}
				if at = e.Seq + 1; at%pageSize == 0 {
					return nil
				}
			}
			at = m.next
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pruned is how many entries of the period are not there any more. Where the period begins
// among those that were pruned, some of them may be older than it: their times went, too.
func (m *making) pruned() int64 { return m.next - m.first - m.walked }

// samples writes what was drawn of each table, and the proofs.
func (m *making) samples(ctx context.Context) error {
	var seqs []int64
	for _, f := range m.filled {
		if err := f.sample(m); err != nil {
			return err
		}
		for _, drawn := range f.draw.Drawn() {
			seqs = append(seqs, drawn.Seqs...)
		}
	}
	slices.Sort(seqs)
	for some := range slices.Chunk(slices.Compact(seqs), pageSize) {
		err := m.Store.View(ctx, func(r store.Reader) error {
			for _, seq := range some {
				if err := m.proof(r, seq); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *making) proof(r store.Reader, seq int64) error {
	e, err := store.EntryAt(r, seq)
	if err != nil {
		return err
	}
	p, err := audit.ProveInclusion(m.end, seq, e.Leaf, store.Hashes(r))
	if err != nil {
		return err
	}
	return m.folder.writeJSON(pack.ProofFile(seq), p)
}

// policies writes the documents of each policy that was in force.
func (m *making) policies(ctx context.Context) error {
	return m.Store.View(ctx, func(r store.Reader) error {
		written := map[string]bool{}
		for _, v := range m.versions {
			digest := v.publication.Digest
			kept, err := store.Policies.Get(r, digest)
			if written[digest] || isNotFound(err) {
				continue
			}
			if err != nil {
				return err
			}
			written[digest] = true
			for _, name := range slices.Sorted(maps.Keys(kept.Files)) {
				if err := m.folder.write("policy/"+digest+"/"+name, []byte(kept.Files[name])); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// checkpoints writes the signed heads at both ends, and the proof that the later one
// continues the earlier.
func (m *making) checkpoints(ctx context.Context) error {
	if err := m.folder.write(pack.EndFile, m.end); err != nil || m.start == nil {
		return err
	}
	if err := m.folder.write(pack.StartFile, m.start); err != nil {
		return err
	}
	return m.Store.View(ctx, func(r store.Reader) error {
		c, err := audit.ProveConsistency(m.start, m.end, store.Hashes(r))
		if err != nil {
			return err
		}
		return m.folder.writeJSON(pack.ConsistencyFile, c)
	})
}

// seal writes the manifest and signs it.
func (m *making) seal() (pack.Manifest, error) {
	manifest := pack.Manifest{
		Format: pack.Format, Framework: m.framework.Name, Title: m.framework.Title, From: m.request.From, To: m.request.To,
		Log: m.log, First: m.first, Next: m.next, Pruned: m.pruned(), Seed: m.request.Seed, SeedFrom: m.seedBy, Pseudonyms: m.request.Pseudonyms, Files: m.folder.listed(),
	}
	for _, v := range m.versions {
		manifest.Policies = append(manifest.Policies, v.publication.Digest)
	}
	for _, f := range m.filled {
		manifest.Populations = append(manifest.Populations, f.population())
	}
	text, err := manifest.Encode()
	if err != nil {
		return manifest, err
	}
	signed, err := pack.Sign(text, m.log, m.Signer)
	if err != nil {
		return manifest, err
	}
	if err := m.folder.write(pack.ManifestFile, text); err != nil {
		return manifest, err
	}
	return manifest, m.folder.write(pack.SignatureFile, signed)
}
