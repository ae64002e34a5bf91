package access

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A MatchKind says what a target's account is to the bridge.
type MatchKind string

// What accounts are.
const (
	MatchManaged   MatchKind = "managed"   // the bridge knows it already
	MatchExact     MatchKind = "exact"     // one identity is meant, and no other account is theirs
	MatchAmbiguous MatchKind = "ambiguous" // several may be meant, or somebody has several
	MatchUnmatched MatchKind = "unmatched" // nobody is meant
	MatchLeft      MatchKind = "left"      // who is meant has left
	MatchProtected MatchKind = "protected" // it is never touched, by the configuration
)

// MatchKinds are all there are, in the order in which they are told.
var MatchKinds = []MatchKind{MatchExact, MatchAmbiguous, MatchUnmatched, MatchLeft, MatchProtected, MatchManaged}

// A Match is one account that a target has, and whose it is as far as names tell.
type Match struct {
	Account  string    `json:"account"` // the target's id
	UserName string    `json:"userName,omitempty"`
	Active   bool      `json:"active"`
	Kind     MatchKind `json:"kind"`
	Identity string    `json:"identity,omitempty"` // whose it is
	Person   string    `json:"person,omitempty"`   // their userName
	By       string    `json:"by,omitempty"`       // what matches
	Why      string    `json:"why,omitempty"`      // it is ambiguous

	// Unexplained are the entitlements of the catalogue that it holds and that no role
	// gives its identity: nobody decided about them, and adopting it takes none away.
	Unexplained []string `json:"unexplained,omitempty"`

	account schema.Account
}

// A spooled is a match with all of the account.
type spooled struct {
	Match

	Whole schema.Account
}

// An ImportedEntitlement is something that accounts of a target hold.
type ImportedEntitlement struct {
	Target   string `json:"target"`
	ID       string `json:"id,omitempty"` // in the catalogue; empty: it does not name it
	Accounts int    `json:"accounts"`     // that hold it
}

// An Import is all that a target has, beside what the bridge knows: what there is of
// it, and account by account, in the order in which the target lists them.
type Import struct {
	Connector    string                `json:"connector"`
	Accounts     int                   `json:"accounts"`
	Counts       map[MatchKind]int     `json:"counts"`
	Entitlements []ImportedEntitlement `json:"entitlements"`
	Missing      []string              `json:"missing,omitempty"` // of the catalogue, what no account holds
	Absent       []connectors.Absence  `json:"absent,omitempty"`  // of those, what there is not to hold

	// Restrictions are what the target demands that no client can do anything about.
	Restrictions []string `json:"restrictions,omitempty"`

	matches *spool[spooled]
	several *connectors.Seen // identities that several of them match
}

// Matches walks the accounts, as long as the import is not closed.
func (i *Import) Matches() iter.Seq2[Match, error] {
	return func(yield func(Match, error) bool) {
		for one, err := range i.matches.all() {
			m := one.Match
			m.account = one.Whole
			if !yield(i.settled(m), err) || err != nil {
				return
			}
		}
	}
}

// Close forgets the accounts.
func (i *Import) Close() error { return i.matches.close() }

// settled is a match in the light of all the others.
func (i *Import) settled(m Match) Match {
	if (m.Kind == MatchExact || m.Kind == MatchLeft) && i.several.Has(m.Identity) {
		m.Kind, m.Why = MatchAmbiguous, "several accounts match "+m.Person
	}
	return m
}

// importChunk is how many accounts are matched in one snapshot.
const importChunk = 200

// ReadImport reads all accounts of a target and says whose each is. A listing that
// fails, ends early or has an account twice is refused whole: half of what is there
// is not to be decided by. Progress, where it is not nil, is told how many accounts
// were read so far. Nothing is written. The import is to be closed.
func ReadImport(ctx context.Context, s *store.Store, rules *Rules, connector string, all iter.Seq2[schema.Account, error], progress func(int)) (*Import, error) {
	matches, err := newSpool[spooled]()
	if err != nil {
		return nil, err
	}
	i := &importing{s: s, rules: rules, seen: connectors.NewSeen(), owners: connectors.NewSeen(), held: map[string]int{}, progress: progress}
	i.report = &Import{Connector: connector, Counts: map[MatchKind]int{}, matches: matches, several: connectors.NewSeen()}
	if err := i.read(ctx, all); err != nil {
		return nil, errors.Join(err, matches.close())
	}
	return i.report, nil
}

// An importing is an Import under way.
type importing struct {
	s        *store.Store
	rules    *Rules
	seen     *connectors.Seen // ids of accounts
	owners   *connectors.Seen // identities that are matched
	held     map[string]int   // accounts, by what they hold
	progress func(int)
	report   *Import
}

func (i *importing) read(ctx context.Context, all iter.Seq2[schema.Account, error]) error {
	connector := i.report.Connector
	var some []schema.Account
	for account, err := range all {
		if err != nil {
			return fmt.Errorf("connector %s: its accounts can not be listed whole, and nothing is concluded: %w: %w", connector, schema.ErrUnavailable, err)
		}
		if account.RemoteID == "" || !i.seen.Add(account.RemoteID) {
			return fmt.Errorf("connector %s: its listing has account %q twice, or without an id, and nothing is concluded: %w", connector, account.RemoteID, schema.ErrUnavailable)
		}
		account.Connector, account.Entitlements = connector, schema.Sorted(account.Entitlements...)
		if some = append(some, account); len(some) < importChunk {
			continue
		}
		if err := i.match(ctx, some); err != nil {
			return err
		}
		some = some[:0]
	}
	if err := i.match(ctx, some); err != nil {
		return err
	}
	return i.finish()
}

func (i *importing) match(ctx context.Context, accounts []schema.Account) error {
	var found []Match
	err := i.s.View(ctx, func(r store.Reader) error {
		found = found[:0]
		for _, account := range accounts {
			m, err := matchOf(r, i.rules, account)
			if err != nil {
				return err
			}
			found = append(found, m)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, m := range found {
		for _, target := range m.account.Entitlements {
			i.held[target]++
		}
		if (m.Kind == MatchExact || m.Kind == MatchLeft) && !i.owners.Add(m.Identity) {
			i.report.several.Add(m.Identity)
		}
		if err := i.report.matches.add(spooled{m, m.account}); err != nil {
			return err
		}
	}
	if i.report.Accounts += len(found); i.progress != nil {
		i.progress(i.report.Accounts)
	}
	return nil
}

// finish says what only the whole shows: how many there are of each kind, for somebody
// may have several, and what is held.
func (i *importing) finish() error {
	for m, err := range i.report.Matches() {
		if err != nil {
			return err
		}
		i.report.Counts[m.Kind]++
	}
	book, connector := i.rules.Book(), i.report.Connector
	for target, n := range i.held {
		e := ImportedEntitlement{Target: target, Accounts: n}
		if known, ok := book.EntitlementByTarget(connector, target); ok {
			e.ID = known.ID
		}
		i.report.Entitlements = append(i.report.Entitlements, e)
	}
	slices.SortFunc(i.report.Entitlements, func(a, b ImportedEntitlement) int { return strings.Compare(a.Target, b.Target) })
	if c, ok := book.Connector(connector); ok {
		for _, e := range c.Spec.Entitlements {
			if i.held[e.Target] == 0 {
				i.report.Missing = append(i.report.Missing, e.Target)
			}
		}
	}
	return nil
}

// matchOf says whose an account is. What is asked are names, as their sources may
// give them (FindCalled): the bridge's own id of somebody, which it writes to
// accounts it makes, the user name and the email address. All that find anybody must
// find the same one.
func matchOf(r store.Reader, rules *Rules, acc schema.Account) (Match, error) {
	m := Match{Account: acc.RemoteID, UserName: acc.Attributes["userName"], Active: acc.Active, account: acc}
	for known, err := range store.Accounts.By(r, store.AccountRemote, acc.Connector, acc.RemoteID) {
		if err != nil {
			return m, err
		}
		m.Kind, m.Identity = MatchManaged, known.Identity
		return m, nil
	}
	if rules.Protected(acc.Connector, m.UserName) {
		m.Kind = MatchProtected
		return m, nil
	}
	id, by, why, err := whose(r, rules.Book(), acc)
	switch {
	case err != nil:
		return m, err
	case why != "":
		m.Kind, m.Why = MatchAmbiguous, why
		return m, nil
	case id.ID == "":
		m.Kind = MatchUnmatched
		return m, nil
	}
	m.Kind, m.Identity, m.Person, m.By = MatchExact, id.Base(), id.UserName, by
	facts, err := whole(r, rules.Book(), m.Identity, false)
	if err != nil {
		return m, err
	}
	other, err := account(r, acc.Connector, m.Identity)
	switch {
	case err != nil:
		return m, err
	case other.Exists():
		m.Kind, m.Why = MatchAmbiguous, fmt.Sprintf("%s has account %s there already", m.Person, other.RemoteID)
		return m, nil
	case isLeaver(facts):
		m.Kind = MatchLeft
	}
	m.Unexplained, err = unexplained(r, rules.Book(), m.Identity, acc)
	return m, err
}

// whose returns the one identity that an account's names mean, and by which; or why
// they mean none alone.
func whose(r store.Reader, book *policy.Book, account schema.Account) (found schema.Identity, by, why string, err error) {
	for _, path := range []string{"externalId", "userName", "emails.value"} {
		name := account.Attributes[path]
		if name == "" {
			continue
		}
		id, err := FindCalled(r, book, name)
		switch {
		case schema.IsNotFound(err):
			continue
		case errors.Is(err, schema.ErrConflict):
			return found, "", path + ": " + schema.Told(err), nil
		case err != nil:
			return found, "", "", err
		case found.ID != "" && found.Base() != id.Base():
			return found, "", fmt.Sprintf("%s means %s, and %s means %s", by, found.UserName, path, id.UserName), nil
		case found.ID == "":
			found, by = id, path
		}
	}
	return found, by, "", nil
}

// unexplained returns what of the catalogue an account holds and no line gives its
// identity.
func unexplained(r store.Reader, book *policy.Book, identity string, account schema.Account) ([]string, error) {
	lines, err := linesAt(r, account.Connector, identity)
	if err != nil {
		return nil, err
	}
	explained := map[string]bool{}
	for _, line := range lines {
		if e, ok := book.Entitlement(line.Connector, line.Entitlement); ok {
			explained[e.Target] = true
		}
	}
	return slices.DeleteFunc(governed(book, account.Connector, account.Entitlements), func(target string) bool { return explained[target] }), nil
}

// linesAt returns the lines an identity holds at a connector.
func linesAt(r store.Reader, connector, identity string) (lines []schema.Assignment, err error) {
	for line, err := range store.Assignments.All(r, identity, connector) {
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}
