package access

import (
	"slices"
	"strings"
	"sync"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// While a policy is held, a line of which none of the policies before it would say
// that it goes on has ended for a reason of the identity's own: somebody moved. One that
// all of them would give begins for such a reason: somebody joined. Those policies are
// compiled again from what was published, and asked only about lines that begin or end.

// mostFormers is how many policies that came after one another while held are
// remembered: the first, which is what people hold things by, and the newest.
const mostFormers = 4

// after returns the policies that one published after digest comes after, given
// those that digest itself, held, came after.
func after(formers []string, digest string) []string {
	formers = append(slices.Clone(formers), digest)
	if n := len(formers); n > mostFormers {
		formers = slices.Delete(formers, 1, 1+n-mostFormers)
	}
	return formers
}

// A library keeps the books of former policies, by digest. It is safe for
// concurrent use.
type library struct {
	mu    sync.Mutex
	books map[string]*policy.Book
}

// formers returns the books of the policies that a held one came after; none where
// one of them can not be had any more, for then nobody can tell whose reason it is.
func (l *library) formers(r store.Reader, digests []string) ([]*policy.Book, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	books := map[string]*policy.Book{}
	var all []*policy.Book
	for _, digest := range digests {
		book, ok := l.books[digest]
		if !ok {
			var err error
			if book, err = formerBook(r, digest); err != nil {
				return nil, err
			}
		}
		books[digest] = book
		if book != nil {
			all = append(all, book)
		}
	}
	l.books = books // of another hold nobody asks again
	if len(all) < len(digests) {
		return nil, nil
	}
	return all, nil
}

// formerBook compiles a policy that was published, nil where it was published
// without its documents or means something else by now.
func formerBook(r store.Reader, digest string) (*policy.Book, error) {
	version, err := store.Policies.Get(r, digest)
	if schema.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	folder, err := policy.Files(version.Files)
	if err != nil {
		return nil, err
	}
	set, _ := policy.Load(folder)
	book, _ := policy.Compile(set)
	if book.Digest() != digest {
		return nil, nil
	}
	return book, nil
}

// alone reports whether a line ends by the policy alone: by what its rules say, and
// by what those before it did not.
func (c *comparison) alone(line schema.Assignment) bool {
	if !byPolicy(c.facts, c.access, line, c.now) {
		return false
	}
	formerly := c.before()
	return len(formerly) == 0 || slices.ContainsFunc(formerly, func(a policy.Access) bool {
		return index(a.Assignments, line) >= 0 ||
			slices.ContainsFunc(line.Roles(), func(role string) bool { return slices.Contains(a.Keep, role) })
	})
}

// before is what the policies say that the book came after; nothing where they are not
// known.
func (c *comparison) before() []policy.Access {
	if c.formerly == nil {
		for _, book := range c.formers {
			c.formerly = append(c.formerly, book.Evaluate(c.facts, c.now))
		}
	}
	return c.formerly
}

// givesAlone reports whether a line that is not held begins by the policy alone: by a
// rule, for no grant that people agreed to, and one of those before it would not have
// given it. Where those are not known it is somebody who joined.
func (c *comparison) givesAlone(line schema.Assignment) bool {
	if line.Mode != schema.Enforce || len(c.formers) == 0 {
		return false
	}
	if slices.ContainsFunc(line.Because, func(ref string) bool { return strings.HasPrefix(ref, "grant/") }) {
		return false
	}
	return slices.ContainsFunc(c.before(), func(a policy.Access) bool { return index(a.Assignments, line) < 0 })
}
