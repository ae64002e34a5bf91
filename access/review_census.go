package access

import (
	"context"
	"fmt"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A census counts people by department, and who of them holds what, so that a reviewer
// sees whether it is usual. It is taken by walking everybody once, a chunk at a time, and
// then the accounts that hold what no role gives, by their index. Where it is too large
// to be remembered it says nothing of the rest, rather than that nobody has it.
type census struct {
	people map[string]int
	holds  map[[2]string]int // department and holding
	full   bool              // there is more than it remembers
	most   int               // holdings that it remembers
	taken  time.Time
}

const (
	mostDepartments = 50_000  // that a census remembers
	mostHoldings    = 250_000 // likewise: tens of megabytes
	censusLife      = 24 * time.Hour
	censusChunk     = 1000

	// mostForOne is how many identities there may be for a census to be taken for one
	// person's review: they move every minute in a large organisation.
	mostForOne = 20_000
)

func newCensus(now time.Time) *census {
	return &census{people: map[string]int{}, holds: map[[2]string]int{}, most: mostHoldings, taken: now}
}

// peers returns how many others are in a department, and how many of them hold
// something: nobody where that is not known.
func (c *census) peers(department, holding string) (others, alike int) {
	if c == nil || department == "" {
		return 0, 0
	}
	n, known := c.holds[[2]string{department, holding}]
	if !known && c.full {
		return 0, 0
	}
	return max(0, c.people[department]-1), max(0, n-1)
}

// hold counts one more who holds something.
func (c *census) hold(department, holding string) {
	at := [2]string{department, holding}
	if _, known := c.holds[at]; !known && len(c.holds) >= c.most {
		c.full = true
		return
	}
	c.holds[at]++
}

// count counts some identities, and returns the last.
func (c *census) count(r store.Reader, book *policy.Book, after string, most int) (last string, err error) {
	n := 0
	for id, err := range store.Identities.From(r, after) {
		if err != nil {
			return "", err
		}
		if n++; n > most {
			return last, nil
		}
		last = id.ID
		if !counts(id) {
			continue
		}
		if err := c.one(r, book, id); err != nil {
			return "", err
		}
	}
	return "", nil
}

// counts reports whether an identity is a person who is there.
func counts(id schema.Identity) bool { return !id.Gone() && id.Of == "" && id.Active && isPerson(id) }

func (c *census) one(r store.Reader, book *policy.Book, id schema.Identity) error {
	department, err := departmentOf(r, book, id.ID)
	if err != nil || department == "" {
		return err
	}
	if c.people[department] == 0 && len(c.people) >= mostDepartments {
		c.full = true
		return nil
	}
	c.people[department]++
	held := map[string]bool{}
	for a, err := range store.Assignments.All(r, id.ID) {
		if err != nil {
			return fmt.Errorf("identity %s: %w", id.ID, err)
		}
		for _, role := range a.Roles() {
			held[role] = true
		}
	}
	for role := range held {
		c.hold(department, holdingRole+role)
	}
	return nil
}

func departmentOf(r store.Reader, book *policy.Book, id string) (string, error) {
	f, err := whole(r, book, id, false)
	if err != nil {
		return "", err
	}
	attributes, err := Attributes(f.Identity)
	return attributes["department"], err
}

// unexplained counts what some accounts hold that no role gives, and returns where to go
// on; nothing at the end.
func (c *census) unexplained(r store.Reader, book *policy.Book, at store.Place, most int) (next store.Place, err error) {
	n := 0
	for p, err := range store.Accounts.Walk(r, store.AccountUnmanaged, at) {
		if err != nil {
			return "", err
		}
		id, err := store.Identities.Get(r, p.Record.Identity)
		if err != nil && !schema.IsNotFound(err) {
			return "", err
		}
		if err == nil && counts(id) {
			department, err := departmentOf(r, book, id.ID)
			if err != nil {
				return "", err
			}
			for _, f := range unmanagedOf(p.Record) {
				if f.Object != "" && department != "" {
					c.hold(department, holdingOther+f.Connector+"/"+f.Object)
				}
			}
		}
		if n++; n == most {
			return p.Place, nil
		}
	}
	return "", nil
}

// counted returns a census that is young enough. One person's review has none taken where
// that would be dear; it is shown with what is known.
func (w *Reviews) counted(ctx context.Context, book *policy.Book, v schema.Review) (*census, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.census != nil && time.Since(w.census.taken) < censusLife {
		return w.census, nil
	}
	if v.Kind == schema.ReviewChange {
		var all int64
		err := w.Store.View(ctx, func(r store.Reader) (err error) {
			all, err = store.Identities.Count(r)
			return err
		})
		if err != nil || all > mostForOne {
			return w.census, err
		}
	}
	c := newCensus(time.Now())
	if err := c.take(ctx, w.Store, book); err != nil {
		return nil, err
	}
	w.census = c
	return c, nil
}

// take takes the census.
func (c *census) take(ctx context.Context, s *store.Store, book *policy.Book) error {
	for after, done := "", false; !done; {
		err := s.View(ctx, func(r store.Reader) (err error) {
			after, err = c.count(r, book, after, censusChunk)
			return err
		})
		if err != nil {
			return err
		}
		done = after == ""
	}
	for at, done := store.Place(""), false; !done; {
		err := s.View(ctx, func(r store.Reader) (err error) {
			at, err = c.unexplained(r, book, at, censusChunk)
			return err
		})
		if err != nil {
			return err
		}
		done = at == ""
	}
	return nil
}
