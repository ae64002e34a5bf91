package access

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Who may decide about a request is looked up when they do, and not when it was
// made: a manager changes, a member joins the group, an approver leaves. A request
// only keeps by which names it can be found by those whom it waits for (awaits).

// PersonOf returns the person whom a name means who may decide something: one for
// whom an authoritative source vouches, who is there, and no machine.
func PersonOf(r store.Reader, book *policy.Book, name string) (schema.Identity, error) {
	id, err := FindCalled(r, book, name)
	if err != nil {
		return id, err
	}
	_, err = present(r, book, id.ID)
	return id, err
}

// present returns what is known of a person who is there; of anybody else
// ErrForbidden.
func present(r store.Reader, book *policy.Book, id string) (policy.Facts, error) {
	f, err := Gather(r, book, id)
	switch {
	case err != nil:
		return f, err
	case !isPerson(f.Identity):
		return f, fmt.Errorf("only people decide: %w", schema.ErrForbidden)
	case !book.Vouched(f) || ended(book, f, r.Now()):
		return f, fmt.Errorf("who is not there decides nothing: %w", schema.ErrForbidden)
	}
	return f, nil
}

// A someone is an identity with the names by which those sources know it that may
// say them. A name that another source gives bars nobody, and lets nobody in: it
// could be the boss's, given to whoever asks the boss.
type someone struct {
	id    string
	names []string // case folded
}

func someoneOf(book *policy.Book, f policy.Facts) someone {
	s := someone{id: f.Identity.Base()}
	for _, rec := range recordsOf(f) {
		for _, name := range book.Names(rec.Identity) {
			if name != "" {
				s.names = append(s.names, store.Fold(name))
			}
		}
	}
	return s
}

// recordsOf returns the records of an identity, be it its only one.
func recordsOf(f policy.Facts) []policy.Record {
	if len(f.Records) > 0 {
		return f.Records
	}
	return []policy.Record{{Identity: f.Identity, Groups: f.Groups}}
}

// is reports whether both are one person, who may be two identities for as long as
// nobody joined their records: a source that may say so calls both by one name.
func (s someone) is(other someone) bool {
	return s.id == other.id || slices.ContainsFunc(s.names, func(name string) bool { return slices.Contains(other.names, name) })
}

// A panel says who may decide about one request at one stage of its flow.
type panel struct {
	reader  store.Reader
	book    *policy.Book
	role    *policy.Role
	flow    *policy.ApprovalFlow
	subject policy.Facts
	own     []someone // whom it is for, and who asked
	agreed  []someone // whose approvals count
}

// newPanel gathers who is barred. Whose approval is void may decide again, if they
// are there again.
func newPanel(r store.Reader, book *policy.Book, role *policy.Role, q schema.Request) (*panel, error) {
	flow, ok := book.Flow(role)
	if !ok {
		return nil, fmt.Errorf("role %s: nobody is named who could approve it: %w", role.Metadata.Name, schema.ErrForbidden)
	}
	p := &panel{reader: r, book: book, role: role, flow: flow}
	var err error
	if p.subject, err = Gather(r, book, q.Identity); err != nil {
		return nil, err
	}
	p.own = []someone{someoneOf(book, p.subject)}
	if p.own, err = p.note(p.own, q.Requester); err != nil {
		return nil, err
	}
	for _, a := range q.Standing() {
		if p.agreed, err = p.note(p.agreed, identityOf(a.By)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// note adds an identity to some, if there is one of the id.
func (p *panel) note(some []someone, id string) ([]someone, error) {
	if id == "" {
		return some, nil
	}
	f, err := whole(p.reader, p.book, id, false)
	if schema.IsNotFound(err) {
		return some, nil
	}
	return append(some, someoneOf(p.book, f)), err
}

// free returns nil where somebody could decide if the flow named them, and
// otherwise why they could not.
func (p *panel) free(id schema.Identity) error {
	f, err := present(p.reader, p.book, id.Base())
	if err != nil {
		return err
	}
	who := someoneOf(p.book, f)
	switch {
	case slices.ContainsFunc(p.own, who.is):
		return fmt.Errorf("nobody decides about what they asked for, or what is for themselves: %w", schema.ErrForbidden)
	case slices.ContainsFunc(p.agreed, who.is):
		return fmt.Errorf("whoever agreed to it already does not agree twice: %w", schema.ErrForbidden)
	}
	return p.book.Accepts(p.flow, f, p.subject, p.reader.Now())
}

// may returns nil where somebody may decide at a stage.
func (p *panel) may(id schema.Identity, stage policy.Stage) error {
	if err := p.free(id); err != nil {
		return err
	}
	for _, a := range stage.Approvers {
		named, err := p.names(a, id)
		if err != nil || named {
			return err
		}
	}
	return fmt.Errorf("role %s: the open stage is for others to decide: %w", p.role.Metadata.Name, schema.ErrForbidden)
}

// names reports whether an approver is somebody.
func (p *panel) names(a policy.Approver, id schema.Identity) (bool, error) {
	for candidate, err := range p.candidates(a) {
		if err != nil || candidate.ID == id.Base() {
			return err == nil, err
		}
	}
	if a.Group == "" {
		return false, nil
	}
	return p.in(id, a.Group)
}

// in reports whether somebody is in a group of the name at a source that may say
// so. It looks from the member, who is in fewer groups than a group has members.
func (p *panel) in(id schema.Identity, name string) (bool, error) {
	f, err := Gather(p.reader, p.book, id.Base())
	return err == nil && inGroup(p.book, f, name), err
}

// inGroup goes by those groups that rules read.
func inGroup(book *policy.Book, f policy.Facts, name string) bool {
	is := func(group string) bool { return store.Fold(group) == store.Fold(name) }
	return slices.ContainsFunc(recordsOf(f), func(rec policy.Record) bool {
		return !rec.Gone() && book.InScope(rec.Identity) && book.Authority(rec.Source, "groups") && slices.ContainsFunc(rec.Groups, is)
	})
}

// candidates walks who an approver may be, of a group none. An owner's deputy is
// one where the owner can not decide: they left, are who asked, or agreed before.
func (p *panel) candidates(a policy.Approver) iter.Seq2[schema.Identity, error] {
	return func(yield func(schema.Identity, error) bool) {
		var found []schema.Identity
		var err error
		switch owner := p.role.Metadata.Owner; {
		case a.User != "":
			found, err = p.called(a.User)
		case a.Manager:
			found, err = p.managers()
		case a.RoleOwner:
			if found, err = p.called(owner.User); err == nil && !slices.ContainsFunc(found, func(id schema.Identity) bool { return p.free(id) == nil }) {
				found, err = p.called(owner.Deputy)
			}
		}
		if err != nil {
			yield(schema.Identity{}, err)
			return
		}
		for _, id := range found {
			if !yield(id, nil) {
				return
			}
		}
	}
}

// called returns the identities that a name in a policy means.
func (p *panel) called(name string) (found []schema.Identity, err error) {
	folded := store.Fold(name)
	if folded == "" {
		return nil, nil
	}
	for _, look := range []func(store.Reader, string) ([]schema.Identity, error){byID, byEmail, byUserName} {
		some, err := look(p.reader, folded)
		if err != nil {
			return nil, err
		}
		found = append(found, answering(p.book)(some, folded)...)
	}
	return identities(found), nil
}

// managers returns the manager of whom the request is for.
func (p *panel) managers() ([]schema.Identity, error) {
	name := p.book.ManagerOf(p.subject)
	if name == "" {
		return nil, nil
	}
	found, err := p.called(name)
	if err != nil || len(found) > 0 {
		return found, err
	}
	sources := []string{p.subject.Identity.Source}
	for _, rec := range p.subject.Records {
		sources = append(sources, rec.Source)
	}
	for _, source := range schema.Sorted(sources...) {
		if !p.book.Authority(source, "manager") {
			continue // whom it calls that is not whom the one who says it means
		}
		id, err := store.Identities.One(p.reader, store.IdentityExternalID, source, name)
		if err == nil {
			found = append(found, id)
		} else if !schema.IsNotFound(err) {
			return nil, err
		}
	}
	return identities(found), nil
}

// mostMembers bounds how many of a group are asked whether they could decide.
const mostMembers = 1000

// deciders returns up to n people who may decide at a stage now.
func (p *panel) deciders(stage policy.Stage, n int) (able []schema.Identity, err error) {
	var known []someone
	add := func(id schema.Identity) bool {
		who, err := p.note(nil, id.Base())
		if err != nil || len(who) == 0 || slices.ContainsFunc(known, who[0].is) {
			return true
		}
		if p.free(id) == nil {
			able, known = append(able, id), append(known, who...)
		}
		return len(able) < n
	}
	for _, a := range stage.Approvers {
		for id, err := range p.candidates(a) {
			if err != nil || !add(id) {
				return able, err
			}
		}
		if a.Group == "" {
			continue
		}
		for id, err := range p.members(a.Group) {
			if err != nil || !add(id) {
				return able, err
			}
		}
	}
	return able, nil
}

// members walks the people in the groups of a name, and in those within them, whom a
// decision would find there too: not by a record that counts for nothing.
func (p *panel) members(name string) iter.Seq2[schema.Identity, error] {
	return func(yield func(schema.Identity, error) bool) {
		seen, frontier := map[string]bool{}, []string{}
		for source, err := range store.GroupName.Firsts(p.reader) {
			if err != nil {
				yield(schema.Identity{}, err)
				return
			}
			if !p.book.Authority(source, "groups") {
				continue
			}
			for group, err := range store.Groups.By(p.reader, store.GroupName, source, store.Fold(name)) {
				if err != nil {
					yield(schema.Identity{}, err)
					return
				}
				frontier = append(frontier, group.ID)
			}
		}
		for looked := 0; len(frontier) > 0 && looked < mostMembers; {
			group := frontier[0]
			frontier = frontier[1:]
			if seen[group] {
				continue
			}
			seen[group] = true
			for m, err := range store.Members.All(p.reader, group) {
				if err != nil {
					yield(schema.Identity{}, err)
					return
				}
				if m.Nested {
					frontier = append(frontier, m.Member)
					continue
				}
				if looked++; looked > mostMembers {
					return
				}
				id, err := p.memberBy(m.Member, name)
				if schema.IsNotFound(err) {
					continue
				}
				if !yield(id, err) || err != nil {
					return
				}
			}
		}
	}
}

// memberBy returns the identity of a record, if it is in a group of the name.
func (p *panel) memberBy(record, name string) (schema.Identity, error) {
	id, err := store.Identities.Get(p.reader, record)
	if err != nil {
		return id, err
	}
	f, err := Gather(p.reader, p.book, id.Base())
	if err == nil && !inGroup(p.book, f, name) {
		err = schema.ErrNotFound
	}
	return f.Identity, err
}

// awaits returns the names by which those find the request who may decide at a
// stage.
func (p *panel) awaits(stage policy.Stage) ([]string, error) {
	var refs []string
	for _, a := range stage.Approvers {
		switch {
		case a.User != "":
			refs = append(refs, "person/"+store.Fold(a.User))
		case a.Group != "":
			refs = append(refs, "group/"+store.Fold(a.Group))
		case a.RoleOwner:
			owner := p.role.Metadata.Owner
			refs = append(refs, "person/"+store.Fold(owner.User))
			if owner.Deputy != "" {
				refs = append(refs, "person/"+store.Fold(owner.Deputy))
			}
		case a.Manager:
			managers, err := p.managers()
			if err != nil {
				return nil, err
			}
			for _, m := range managers {
				refs = append(refs, "identity/"+m.ID)
			}
		}
	}
	return schema.Sorted(refs...), nil
}

// within is when the time of a stage that opens now is over.
func (p *panel) within(stage policy.Stage) time.Time { return p.reader.Now().Add(stage.Time()) }
