package access

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Who decides about an item of a review follows from relations that are looked up when
// it matters: the manager of whose access it is, and theirs; whoever answers for the role.
// They make a chain. The first link of which somebody is there decides; where an item is
// escalated the next one does too. Nobody is in the chain for what is their own.

// A link is one place of a chain: whom the policy names, or else a manager of whose access
// it is.
type link struct {
	name string
	up   int // how far: 1 is their manager, 2 the manager's manager
}

// A bench looks up who decides about the items of one review, and remembers the people
// it met: one owner may decide about a hundred thousand items.
type bench struct {
	reader store.Reader
	book   *policy.Book
	review schema.Review
	known  map[string][]someone // by a name in a policy: those who are there
	there  map[string]bool      // by id
}

func newBench(r store.Reader, book *policy.Book, v schema.Review) *bench {
	return &bench{reader: r, book: book, review: v, known: map[string][]someone{}, there: map[string]bool{}}
}

// chain names who decides about an item, link by link.
func (b *bench) chain(i schema.ReviewItem) []link {
	owner := b.owner(i.Holding)
	var links []link
	switch b.review.ReviewerOf(i) {
	case schema.ByManager:
		links = append(links, link{up: 1}, link{up: 2})
	case schema.ByEntitlementOwner:
		for _, ref := range i.Gives {
			if e, ok := b.entitlement(ref); ok && e.Owner != "" {
				links = append(links, link{name: e.Owner})
				break
			}
		}
	case schema.ByOwner:
	}
	set := b.book.Owner()
	for _, name := range []string{owner.User, owner.Deputy, set.User, set.Deputy} {
		if is := (link{name: name}); name != "" && !slices.Contains(links, is) {
			links = append(links, is)
		}
	}
	return links
}

// owner is who answers for what is reviewed: of a review of a connector for that, of
// any other for the role, and for the connector where no role gives it.
func (b *bench) owner(holding string) policy.Owner {
	connector := ""
	if b.review.Kind == schema.ReviewConnector {
		connector = b.review.Of
	}
	if role, ok := roleOf(holding); ok && connector == "" {
		if r, ok := b.book.Role(role); ok {
			return r.Metadata.Owner
		}
	}
	if name, _, ok := entitlementOf(holding); ok {
		connector = name
	}
	if c, ok := b.book.Connector(connector); ok {
		return c.Metadata.Owner
	}
	return policy.Owner{}
}

func (b *bench) entitlement(ref string) (schema.Entitlement, bool) {
	connector, id := cutRef(ref)
	return b.book.Entitlement(connector, id)
}

// seats are who may decide about an item now, and for each link of the chain that
// counts whether anybody is behind it.
func (b *bench) seats(i schema.ReviewItem, subject policy.Facts) (able []someone, err error) {
	own, links := someoneOf(b.book, subject), 0
	for _, l := range b.chain(i) {
		people, err := b.people(l, subject)
		if err != nil {
			return nil, err
		}
		news := slices.DeleteFunc(slices.Clone(people), func(p someone) bool { return own.is(p) || slices.ContainsFunc(able, p.is) })
		if len(news) == 0 { // one who is there by an earlier link is nobody who comes next
			continue
		}
		able = append(able, news...)
		if links++; links > i.Level {
			break
		}
	}
	return able, nil
}

// upTo is the level of an item that is escalated to one: as it is, where nobody comes next.
func (b *bench) upTo(level int, i schema.ReviewItem, subject policy.Facts) (int, error) {
	was := i.Level
	if level <= was {
		return was, nil
	}
	before, err := b.seats(i, subject)
	if err != nil {
		return was, err
	}
	i.Level = level
	after, err := b.seats(i, subject)
	if err != nil || len(after) == len(before) {
		return was, err
	}
	return level, nil
}

// people are those behind a link who are there.
func (b *bench) people(l link, subject policy.Facts) ([]someone, error) {
	if found, ok := b.known[l.name]; ok && l.name != "" {
		return found, nil
	}
	found, err := b.behind(l, subject)
	if err != nil {
		return nil, err
	}
	var able []someone
	for _, id := range found {
		who, ok, err := b.person(id.ID)
		if err != nil {
			return nil, err
		}
		if ok {
			able = append(able, who)
		}
	}
	if l.name != "" {
		b.known[l.name] = able
	}
	return able, nil
}

// behind are those behind a link, there or not.
func (b *bench) behind(l link, subject policy.Facts) ([]schema.Identity, error) {
	if l.name != "" {
		return (&panel{reader: b.reader, book: b.book}).called(l.name)
	}
	found, err := b.managers(subject)
	for range l.up - 1 {
		below := found
		found = nil
		for _, id := range below {
			f, err := whole(b.reader, b.book, id.ID, false)
			if err != nil {
				return nil, err
			}
			above, err := b.managers(f)
			if err != nil {
				return nil, err
			}
			found = append(found, above...)
		}
	}
	return identities(found), err
}

// managers are whom sources name as somebody's manager: also one who left, be it that they
// were deleted, and by whose name nobody is known now.
func (b *bench) managers(subject policy.Facts) ([]schema.Identity, error) {
	p := panel{reader: b.reader, book: b.book, subject: subject}
	found, err := p.managers()
	if err != nil || len(found) > 0 {
		return found, err
	}
	name := store.Fold(b.book.ManagerOf(subject))
	if name == "" {
		return nil, nil
	}
	former, err := byFormerName(b.reader, name)
	return identities(answering(b.book)(former, name)), err
}

// person returns somebody who is there, and may decide.
func (b *bench) person(id string) (who someone, ok bool, err error) {
	if known, ok := b.known["\x00"+id]; ok {
		return known[0], b.there[id], nil
	}
	f, err := present(b.reader, b.book, id)
	if err != nil && !errors.Is(err, schema.ErrForbidden) && !schema.IsNotFound(err) {
		return who, false, err
	}
	ok = err == nil
	who = someoneOf(b.book, f)
	b.known["\x00"+id], b.there[id] = []someone{who}, ok
	return who, ok, nil
}

// awaits are the names by which those find an item who may decide.
func (b *bench) awaits(i schema.ReviewItem, subject policy.Facts) ([]string, error) {
	able, err := b.seats(i, subject)
	if err != nil {
		return nil, err
	}
	var refs []string
	for _, who := range able {
		refs = append(refs, identityActor(who.id))
	}
	if i.Delegate != "" {
		refs = append(refs, identityActor(i.Delegate))
	}
	return schema.Sorted(refs...), nil
}

// may returns nil where a person may decide about an item.
func (b *bench) may(i schema.ReviewItem, subject policy.Facts, person string) error {
	if person == "" {
		return fmt.Errorf("a review is for people to decide: %w", schema.ErrForbidden)
	}
	who, ok, err := b.person(person)
	switch {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("only people who are there decide: %w", schema.ErrForbidden)
	case who.is(someoneOf(b.book, subject)):
		return fmt.Errorf("nobody reviews what is their own: %w", schema.ErrForbidden)
	case i.Delegate != "" && who.id == i.Delegate:
		return nil
	}
	able, err := b.seats(i, subject)
	if err == nil && !slices.ContainsFunc(able, who.is) {
		err = fmt.Errorf("%s of %s is for others to review: %w", i.Holding, subject.Identity.UserName, schema.ErrForbidden)
	}
	return err
}

// ItemsFor walks the items that wait for a person's decision and come after the key, as
// they were found to when their review was last looked through.
func ItemsFor(r store.Reader, person string, after ...string) iter.Seq2[schema.ReviewItem, error] {
	return store.ReviewItems.ByFrom(r, store.ItemAwaits, []string{identityActor(person)}, after...)
}

// OnlyHolding returns what somebody holds that waits in a review, where it is one thing.
func OnlyHolding(r store.Reader, review, identity string) (string, error) {
	var waiting []string
	for i, err := range store.ReviewItems.All(r, review, identity) {
		if err != nil {
			return "", err
		}
		if i.Awaited() {
			waiting = append(waiting, i.Holding)
		}
	}
	switch len(waiting) {
	case 0:
		return "", fmt.Errorf("review %s: nothing that identity %s holds waits in it: %w", review, identity, schema.ErrNotFound)
	case 1:
		return waiting[0], nil
	}
	return "", fmt.Errorf("review %s: several things wait: %s; say which: %w", review, joinLimited(waiting, firstDeeds), schema.ErrConflict)
}
