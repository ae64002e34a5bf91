package access

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"drawbridge/policy"
)

// Rules are what decisions are made by, besides the facts: the policy in force,
// and the accounts that nobody may take away. They are safe for concurrent use.
type Rules struct {
	book      atomic.Pointer[policy.Book]
	changing  sync.Mutex // held while another policy is put in force
	protected map[string][]string
	former    library
}

// NewRules returns rules with a policy in force. Protected names, by connector,
// the accounts (by userName, case folded) that are never disabled and lose
// nothing, whatever policy says.
func NewRules(book *policy.Book, protected map[string][]string) *Rules {
	r := &Rules{protected: protected}
	r.book.Store(book)
	return r
}

// Book returns the policy in force.
func (r *Rules) Book() *policy.Book { return r.book.Load() }

// Use puts another policy in force. Publish records it and has everyone looked
// at again; Use alone only switches.
func (r *Rules) Use(book *policy.Book) { r.book.Store(book) }

// Change runs what puts another policy in force in the store, and uses what it returns;
// nil is as before. There is one change at a time, so that what is used is what is in
// force.
func (r *Rules) Change(put func() (*policy.Book, error)) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	book, err := put()
	if err == nil && book != nil {
		r.Use(book)
	}
	return err
}

// Protected reports whether the account is one that nobody may take away.
func (r *Rules) Protected(connector, userName string) bool {
	return slices.ContainsFunc(r.protected[connector], func(name string) bool {
		return strings.EqualFold(name, userName)
	})
}
