package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"drawbridge/connectors"
	"drawbridge/schema"

	"github.com/google/uuid"
)

// A Table keeps accounts as the rows of one file, which others read, and may
// write. What is there is what counts: before anything is decided the file is
// read again if it is another than before.
//
// Changes that come while the file is being written wait together for the next
// time, as with the journal.
type Table struct {
	connectors.Options
	*layout

	shelf shelf

	mu     sync.Mutex // over all below; not held while the file is written
	sheet  *sheet     // with the changes that are to be written; nil: it has to be read
	read   stamp      // of the file that the sheet was, before these
	next   *round     // the changes that wait; nil: none
	now    *round     // those being written; nil: none
	rounds sync.WaitGroup
}

var (
	_ connectors.Connector = (*Table)(nil)
	_ connectors.Lister    = (*Table)(nil)
	_ connectors.Reader    = (*Table)(nil)
	_ connectors.Prober    = (*Table)(nil)
	_ connectors.Closer    = (*Table)(nil)
)

// A round is changes that get to the disk together.
type round struct {
	done chan struct{} // closed when they are there, or failed
	err  error         // set before done is closed
}

// errChanged says that somebody else wrote the file, and that our changes were to
// another one.
var errChanged = errors.New("somebody else wrote the file at the same time")

// openTable opens the table that the options name, and makes one without rows
// where there is none.
func openTable(o connectors.Options) (connectors.Connector, error) {
	l, err := readLayout(o.Config)
	if err != nil {
		return nil, err
	}
	t := &Table{Options: o, layout: l, shelf: &osShelf{path: l.path, fsync: l.fsync}}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return nil, fmt.Errorf("option path: %w", err)
	}
	if _, err := t.shelf.stamp(); errors.Is(err, fs.ErrNotExist) {
		raw, err := l.empty(o.Profile.Match).render()
		if err != nil {
			return nil, err
		}
		if _, err := t.shelf.replace(raw); err != nil {
			return nil, fmt.Errorf("option path: %w", err)
		}
	} else if err != nil {
		return nil, fmt.Errorf("option path: %w", err)
	}
	return t, nil
}

// attempts is how often a change is tried anew because somebody else wrote the
// file meanwhile.
const attempts = 4

// Apply changes the account's row, and returns when the file is written.
func (t *Table) Apply(ctx context.Context, have, want schema.Account) (schema.Account, error) {
	want.Attributes = t.carried(want.Attributes)
	for try := 1; ; try++ {
		now, got, r, err := t.begin(ctx, have, want)
		if err != nil || r == nil {
			return got, err
		}
		if err = r.wait(ctx); err == nil {
			return got, nil
		}
		if !errors.Is(err, errChanged) || try == attempts {
			return connectors.Doubt(now, want, err), fmt.Errorf("write the table: %w", err)
		}
	}
}

func (r *round) wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin changes the sheet. It returns the account before and after, and the round
// by which the change gets to the disk, nil if there is none.
func (t *Table) begin(ctx context.Context, have, want schema.Account) (now, got schema.Account, r *round, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.fresh(ctx); err != nil {
		return have, have, nil, err
	}
	there, err := t.find(have, want)
	if err != nil {
		return have, have, nil, err
	}
	if there != nil {
		now = copied(there.account)
	}
	if others, err := connectors.Claim(ctx, have, want, now); others {
		none := schema.Account{Connector: want.Connector, Identity: want.Identity}
		return none, none, nil, err
	}
	adopted := now.Exists() && !have.Exists()
	now.Managed = have.Managed
	steps := connectors.Plan(now, want)
	if err := t.fits(steps); err != nil {
		return now, now, nil, err
	}
	got = now
	if len(steps) > 0 {
		got = t.take(there, now, steps)
		r = t.stage()
	}
	got.Connector, got.Identity, got.Adopted = want.Connector, want.Identity, adopted
	return now, got, r, nil
}

// take makes the sheet as it is after the steps, and returns the account then.
func (t *Table) take(there *row, now schema.Account, steps []connectors.Step) schema.Account {
	got := copied(now)
	for _, step := range steps {
		switch step.Verb {
		case connectors.Revoke:
			got.Entitlements = slices.DeleteFunc(got.Entitlements, func(e string) bool { return slices.Contains(step.Entitlements, e) })
		case connectors.Disable:
			if t.removes {
				t.sheet.remove(there)
				return schema.Account{}
			}
			got.Active = false
		case connectors.Create, connectors.Update:
			got.Attributes = merged(got.Attributes, step.Attributes)
			got.Active = got.Active || step.Verb == connectors.Create
		case connectors.Enable:
			got.Active = true
		case connectors.Grant:
			got.Entitlements = schema.Sorted(slices.Concat(got.Entitlements, step.Entitlements)...)
		}
	}
	if there == nil {
		got.RemoteID = got.Attributes["userName"]
		if t.id != "" {
			got.RemoteID = uuid.Must(uuid.NewV7()).String()
		}
		t.sheet.add(got)
		return got
	}
	t.sheet.change(there, got)
	return copied(there.account)
}

// fits refuses what cannot be written so that it is read as the same.
func (t *Table) fits(steps []connectors.Step) error {
	for _, step := range steps {
		for path, value := range step.Attributes {
			if _, err := t.encoding.encode(value); err != nil {
				return permanent("%s is %q: %w", path, value, err)
			}
		}
		if step.Verb == connectors.Create && step.Attributes["userName"] == "" || step.Verb == connectors.Update && empties(step, "userName") {
			return permanent("an account without a user name has no place in a table")
		}
		if step.Verb != connectors.Grant {
			continue
		}
		for _, name := range step.Entitlements {
			switch _, err := t.encoding.encode(name); {
			case err != nil:
				return permanent("entitlement %q: %w", name, err)
			case t.entitlements == "":
				return permanent("there are no entitlements: option entitlementsColumn is empty")
			case strings.Contains(name, t.separator) || strings.TrimSpace(name) != name:
				return permanent("entitlement %q cannot stand in a list with %q between: choose another separator", name, t.separator)
			}
		}
	}
	return nil
}

func empties(step connectors.Step, path string) bool {
	value, named := step.Attributes[path]
	return named && value == ""
}

func permanent(format string, args ...any) error {
	return &connectors.Error{Kind: connectors.Permanent, Err: fmt.Errorf(format, args...)}
}

// carried returns those of the attributes that have a column, in letters and line
// ends that come back as they are.
func (l *layout) carried(attributes map[string]string) map[string]string {
	carried := map[string]string{}
	for path, value := range attributes {
		if l.columns[path] != "" {
			value = strings.ToValidUTF8(value, "\uFFFD")
			carried[path] = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "").Replace(value)
		}
	}
	return carried
}

// find returns the account's row: by the id that is remembered, or by what accounts
// are matched by; nil if there is none.
func (t *Table) find(have, want schema.Account) (*row, error) {
	var found []*row
	if have.Exists() {
		found = t.sheet.byID[have.RemoteID]
	}
	attributes := want.Attributes
	if len(attributes) == 0 {
		attributes = have.Attributes
	}
	var ambiguous []*row
	for _, path := range t.Profile.Match {
		if len(found) > 0 || attributes[path] == "" {
			continue
		}
		if some := t.sheet.index[path][folded(path, attributes[path])]; len(some) == 1 {
			found = some
		} else if len(some) > 1 && ambiguous == nil {
			ambiguous = some
		}
	}
	if len(found) == 0 {
		found = ambiguous
	}
	if len(found) > 1 {
		return nil, taken("lines %d and %d are both %q: which is meant is not clear", found[0].line, found[1].line, found[0].account.Attributes["userName"])
	}
	var there *row
	if len(found) == 1 {
		there = found[0]
	}
	for _, other := range t.sheet.index["userName"][folded("userName", want.Attributes["userName"])] {
		if other != there && want.Active {
			return nil, taken("line %d has the user name %q already", other.line, want.Attributes["userName"])
		}
	}
	return there, nil
}

func taken(format string, args ...any) error {
	return &connectors.Error{Kind: connectors.Exists, Err: fmt.Errorf(format, args...)}
}

func copied(a schema.Account) schema.Account {
	a.Attributes, a.Entitlements = maps.Clone(a.Attributes), slices.Clone(a.Entitlements)
	return a
}

// fresh reads the file, if it is another than was read before. Changes that are
// on their way were to the old one: their round finds out.
func (t *Table) fresh(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	if t.sheet != nil {
		if t.next != nil || t.now != nil {
			return nil
		}
		if at, err := t.shelf.stamp(); err != nil {
			return fmt.Errorf("the table is not there: %w", err)
		} else if at.same(t.read) {
			return nil
		}
	}
	raw, at, err := t.shelf.read()
	if err != nil {
		return fmt.Errorf("read the table: %w", err)
	}
	s, err := t.parse(raw, t.Profile.Match)
	if err != nil {
		return fmt.Errorf("%s cannot be used: %w", t.path, err)
	}
	t.sheet, t.read = s, at
	return nil
}

// Read returns the account with the remote id, as the file has it.
func (t *Table) Read(ctx context.Context, remoteID string) (schema.Account, error) {
	s, err := t.written(ctx)
	if err != nil {
		return schema.Account{}, err
	}
	defer t.mu.Unlock()
	switch found := s.byID[remoteID]; len(found) {
	case 0:
		return schema.Account{}, &connectors.Error{Kind: connectors.Gone, Err: fmt.Errorf("the table has no account %s", remoteID)}
	case 1:
		return copied(found[0].account), nil
	default:
		return schema.Account{}, taken("lines %d and %d are both %q", found[0].line, found[1].line, remoteID)
	}
}

// written returns the sheet as the file has it, without changes on their way, and
// holds it until the caller unlocks.
func (t *Table) written(ctx context.Context) (*sheet, error) {
	for {
		t.mu.Lock()
		r := t.now
		if r == nil {
			if err := t.fresh(ctx); err != nil {
				t.mu.Unlock()
				return nil, err
			}
			return t.sheet, nil
		}
		t.mu.Unlock()
		if err := r.wait(ctx); err != nil && ctx.Err() != nil {
			return nil, err
		}
	}
}

// List returns all accounts, in the order of their rows.
func (t *Table) List(ctx context.Context) iter.Seq2[schema.Account, error] {
	return func(yield func(schema.Account, error) bool) {
		s, err := t.written(ctx)
		var all []schema.Account
		if err == nil {
			if err = s.whole(); err == nil {
				for _, r := range s.rows {
					all = append(all, copied(r.account))
				}
			}
			t.mu.Unlock()
		}
		for i := 0; err == nil && i < len(all); i++ {
			if !yield(all[i], nil) {
				return
			}
			err = ctx.Err()
		}
		if err != nil {
			yield(schema.Account{}, fmt.Errorf("list: %w", err))
		}
	}
}

// Probe reports whether the file is there, and whole.
func (t *Table) Probe(ctx context.Context) error {
	s, err := t.written(ctx)
	if err != nil {
		return err
	}
	defer t.mu.Unlock()
	return s.whole()
}

// Close waits for what was begun.
func (t *Table) Close() error {
	t.rounds.Wait()
	return nil
}
