// Package file provisions to a file: the target for systems that have no
// interface, where people carry out what is written, or that read files.
//
// The file is a journal in JSON Lines, or a table in CSV (see Table). In the journal, each line is one step for one account,
// with its number, its time and a hash that covers every line before it, so that
// a line changed by hand is noticed. What an account is now follows from its
// lines, and is kept in memory. The journal only grows: it is the evidence, and
// is never compacted.
//
// Apply returns when its lines are on the disk. After a crash the last line may
// be torn; that one is cut off when the file is opened again, and anything else
// that is not as it was written is refused, with the number of the line. One
// process has the file at a time.
package file

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// A Connector keeps accounts in one journal.
type Connector struct {
	connectors.Options

	mu       sync.Mutex // over all below, but for what the flush has; never held during a write
	journal  *journal
	accounts *accounts // with the lines that are on their way to the disk
	next     *batch    // what is to be written next; nil: nothing
	flushing bool      // a flush is under way: it alone writes, and has journal.size
	unsure   bool      // a write failed: what came of it has to be found out first
	flushes  sync.WaitGroup
}

var (
	_ connectors.Connector = (*Connector)(nil)
	_ connectors.Lister    = (*Connector)(nil)
	_ connectors.Reader    = (*Connector)(nil)
	_ connectors.Prober    = (*Connector)(nil)
	_ connectors.Closer    = (*Connector)(nil)
)

// Open opens the journal that option path names, and makes an empty one where
// there is none.
//
// With option format: csv it opens a table instead.
func Open(o connectors.Options) (connectors.Connector, error) {
	o = o.Defaults()
	if o.Options["format"] == formatTable {
		return openTable(o)
	}
	fsync, err := settings(o.Config)
	if err != nil {
		return nil, err
	}
	path := o.Options["path"]
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("option path: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("option path: %w", err)
	}
	c, err := open(o, &osDisk{File: f}, fsync)
	if err == nil && fsync {
		err = syncFolder(path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return c, nil
}

// The formats.
const (
	formatJournal = "journal"
	formatTable   = "csv"
)

// settings returns whether lines are synced, and every mistake in the options.
func settings(c connectors.Config) (fsync bool, err error) {
	errs := []error{c.Known("format", "path", "fsync")}
	if format := c.Options["format"]; format != "" && format != formatJournal {
		errs = append(errs, fmt.Errorf("option format is %q, want %s or %s", format, formatJournal, formatTable))
	}
	if c.Options["path"] == "" {
		errs = append(errs, errors.New("option path is empty: name the file to write to"))
	}
	fsync = true
	if c.Options["fsync"] != "" {
		fsync, err = c.Flag("fsync")
		errs = append(errs, err)
	}
	return fsync, errors.Join(errs...)
}

// open reads the journal on the disk.
func open(o connectors.Options, d disk, fsync bool) (*Connector, error) {
	c := &Connector{Options: o, accounts: newAccounts(o.Profile.Match)}
	c.journal = &journal{disk: d, fsync: fsync, now: o.Now}
	if err := d.Lock(); err != nil {
		return nil, err
	}
	if err := c.journal.open(c.accounts.add); err != nil {
		return nil, err
	}
	return c, nil
}

// Apply writes down the steps that lie between the account as the journal has it
// and want, and returns when they are on the disk. Either all of them are written
// or, as far as the connector knows, none.
func (c *Connector) Apply(ctx context.Context, have, want schema.Account) (schema.Account, error) {
	now, got, b, err := c.begin(ctx, have, want)
	if err != nil || b == nil {
		return got, err
	}
	select {
	case <-b.done:
		err = b.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return connectors.Doubt(now, want, err), fmt.Errorf("write to the journal: %w", err)
	}
	return got, nil
}

// begin takes the steps in memory. It returns the account before and after, and
// the batch by which the steps get to the disk, nil if there are none.
func (c *Connector) begin(ctx context.Context, have, want schema.Account) (now, got schema.Account, b *batch, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ready(ctx); err != nil {
		return have, have, nil, err
	}
	now, err = c.find(have, want)
	if err != nil {
		return have, have, nil, err
	}
	if others, err := connectors.Claim(ctx, have, want, now); others {
		none := schema.Account{Connector: want.Connector, Identity: want.Identity}
		return none, none, nil, err
	}
	// One of the identity's own was made by a call whose answer was lost.
	adopted := now.Exists() && !have.Exists() && (now.Identity == "" || now.Identity != want.Identity)
	now.Managed = have.Managed
	id := now.RemoteID
	if lines := c.lines(now, want); len(lines) > 0 {
		id = lines[0].Account
		if b, err = c.stage(lines); err != nil {
			return now, now, nil, err
		}
	}
	got = c.accounts.get(id)
	got.Connector, got.Identity, got.Adopted = want.Connector, want.Identity, adopted
	return now, got, b, nil
}

// find returns the account as the journal has it: by the id that is remembered,
// or by what accounts are matched by. One that is nowhere is empty.
func (c *Connector) find(have, want schema.Account) (schema.Account, error) {
	if now := c.accounts.get(have.RemoteID); now.Exists() {
		return now, c.free(want, now.RemoteID)
	}
	attributes := want.Attributes
	if len(attributes) == 0 {
		attributes = have.Attributes
	}
	id, err := c.accounts.matching(attributes)
	if err != nil {
		return schema.Account{}, &connectors.Error{Kind: connectors.Exists, Err: err}
	}
	return c.accounts.get(id), nil
}

// free refuses a user name that is another account's.
func (c *Connector) free(want schema.Account, id string) error {
	for _, other := range c.accounts.having("userName", want.Attributes["userName"]) {
		if other != id {
			return &connectors.Error{Kind: connectors.Exists, Err: fmt.Errorf("account %s has the user name %q already", other, want.Attributes["userName"])}
		}
	}
	return nil
}

// plan returns the steps from now to want. What an account holds is taken before it is
// deleted.
func (c *Connector) plan(now, want schema.Account) []connectors.Step {
	steps := connectors.Plan(now, want)
	if c.Profile.Deactivate == connectors.DeactivateDelete {
		return connectors.DisableLast(steps)
	}
	return steps
}

// lines returns the steps from now to want, as they are written.
func (c *Connector) lines(now, want schema.Account) []line {
	steps := c.plan(now, clean(want))
	id, userName := now.RemoteID, now.Attributes["userName"]
	if id == "" {
		id, userName = c.journal.nextID(), want.Attributes["userName"]
	}
	lines := make([]line, 0, len(steps))
	for _, step := range steps {
		verb := step.Verb.String()
		if step.Verb == connectors.Disable && c.Profile.Deactivate == connectors.DeactivateDelete {
			verb = remove
		}
		if renamed := step.Attributes["userName"]; renamed != "" {
			userName = renamed
		}
		lines = append(lines, line{
			Verb: verb, Account: id, UserName: userName, Identity: want.Identity,
			Attributes: step.Attributes, Entitlements: step.Entitlements,
		})
	}
	return lines
}

// clean returns the account in letters that JSON can carry: what cannot be
// written down would differ from what is read back for ever.
func clean(a schema.Account) schema.Account {
	attributes := make(map[string]string, len(a.Attributes))
	for name, value := range a.Attributes {
		attributes[name] = strings.ToValidUTF8(value, "\uFFFD")
	}
	a.Attributes = attributes
	return a
}

// ready makes good a write that failed before, and makes sure that the file is
// still what this process made of it.
func (c *Connector) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if c.flushing {
		return nil // the next write finds out
	}
	if c.unsure {
		if err := c.journal.recover(c.accounts.add); err != nil {
			return fmt.Errorf("after a write that failed: %w", err)
		}
		c.unsure = false
	}
	return c.journal.untouched()
}

// Read returns the account with the remote id.
func (c *Connector) Read(ctx context.Context, remoteID string) (schema.Account, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ready(ctx); err != nil {
		return schema.Account{}, err
	}
	got := c.accounts.get(remoteID)
	if !got.Exists() {
		return got, &connectors.Error{Kind: connectors.Gone, Err: fmt.Errorf("the journal has no account %s", remoteID)}
	}
	return got, nil
}

// List returns all accounts, in the order in which they were created.
func (c *Connector) List(ctx context.Context) iter.Seq2[schema.Account, error] {
	return func(yield func(schema.Account, error) bool) {
		c.mu.Lock()
		err := c.ready(ctx)
		ids := c.accounts.ids()
		c.mu.Unlock()
		for i := 0; err == nil && i < len(ids); i++ {
			c.mu.Lock()
			got := c.accounts.get(ids[i])
			c.mu.Unlock()
			if got.Exists() && !yield(got, nil) {
				return
			}
			err = ctx.Err()
		}
		if err != nil {
			yield(schema.Account{}, fmt.Errorf("list: %w", err))
		}
	}
}

// Probe reports whether the file is there, and as it was left.
func (c *Connector) Probe(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready(ctx)
}

// Close gives the file up, so that another process may have it. What was begun is
// written first.
func (c *Connector) Close() error {
	c.flushes.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.journal.disk.Close()
}

// sortedIDs returns the keys in the order of the lines that made them.
func sortedIDs(m map[string]schema.Account) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
}
