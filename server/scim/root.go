package scim

import (
	"net/url"
	"strings"

	"drawbridge/schema"
	wire "drawbridge/schema/scim"
)

// What is asked of the root (RFC 7644, section 3.4.2.1) is asked of users, and
// then of groups: the list is that of users with that of groups behind it.

func listAll(q *request) error { return q.asked(q.listAll) }

func searchAll(q *request) error { return q.search(q.listAll) }

// An entry of the root's list is a user or a group.
type entry struct {
	user  schema.Identity
	group schema.Group
	isOne bool // a group
}

func (q *request) listAll(v url.Values) error {
	users, groups, err := q.queries(v)
	if err != nil {
		return err
	}
	found, err := q.findAll(users, groups)
	if err != nil {
		return err
	}
	return respond(q, users, found, func(s *stream, page []entry) (int, error) {
		if page[0].isOne {
			return 1, s.group(page[0].group, groups.projection)
		}
		var some []schema.Identity
		for _, e := range page {
			if e.isOne {
				break
			}
			some = append(some, e.user)
		}
		return s.users(some, users.projection)
	})
}

// queries returns what is asked of users, and of groups. What only one of them
// has, the other is neither found nor sorted by.
func (q *request) queries(v url.Values) (users, groups query, err error) {
	filters, err := wire.ParseAcross(v.Get("filter"), q.users, q.groups)
	if err != nil {
		return users, groups, err
	}
	byUsers, err := q.users.ParseSort(v)
	byGroups, alsoErr := q.groups.ParseSort(v)
	if err != nil && alsoErr != nil {
		return users, groups, err
	}
	if users, err = filtered(q.users, v, filters[0], byUsers); err != nil {
		return users, groups, err
	}
	groups, err = filtered(q.groups, v, filters[1], byGroups)
	return users, groups, err
}

// inGroups begins the cursors of those pages that begin among the groups.
const inGroups = "g."

// findAll returns one page of users and groups together.
func (q *request) findAll(users, groups query) (found listing[entry], err error) {
	cursor, begun := strings.CutPrefix(users.cursor, inGroups)
	if groups.cursor = ""; begun {
		groups.cursor = cursor
	} else {
		some, err := list(q, q.userKind(), users)
		if err != nil {
			return found, err
		}
		for _, id := range some.page {
			found.page = append(found.page, entry{user: id})
		}
		found.total, found.size, found.next = some.total, some.size, some.next
		if users.byCursor {
			found.total = unknown
		}
		if some.next != "" {
			return found, nil
		}
		groups.page.Count -= len(some.page)
		if found.size >= maxPage {
			groups.page.Count = 0
		}
		if !groups.byCursor {
			groups.page.StartIndex = max(1, groups.page.StartIndex-some.total)
		}
	}
	if groups.byCursor && groups.page.Count == 0 && users.page.Count > 0 {
		found.next = inGroups // they begin on the next page
		return found, nil
	}
	some, err := list(q, q.groupKind(), groups)
	if err != nil {
		return found, err
	}
	for _, g := range some.page {
		found.page = append(found.page, entry{group: g, isOne: true})
	}
	if found.total += some.total; groups.byCursor {
		found.total = unknown
	}
	if some.next != "" {
		found.next = inGroups + some.next
	}
	return found, nil
}
