package fake

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"drawbridge/connectors"
)

// list answers a page of the table.
func (p *Provider) list(r *http.Request, t *table, show func(*entry) map[string]any) (reply, error) {
	matching, err := p.matching(r.URL.Query().Get("filter"), t)
	if err != nil {
		return reply{}, err
	}
	if t == &p.users && r.URL.Query().Get("filter") != "" && p.liar.spend(func(l *Lies) *int { return &l.Blind }) {
		matching = nil
	}
	from, to, next, err := p.window(r, len(matching))
	if err != nil {
		return reply{}, err
	}
	if lie := p.liar.now().Pages; lie != nil {
		from, to = lie(from, to, len(matching))
	}
	resources := make([]any, 0, to-from)
	for _, id := range matching[from:to] {
		resources = append(resources, show(t.rows[id]))
	}
	answer := map[string]any{
		"schemas":      []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"},
		"totalResults": len(matching), "itemsPerPage": len(resources), "Resources": resources,
	}
	if next != "" {
		answer["nextCursor"] = next
	}
	if p.profile.Paging.Style == connectors.PagingIndex {
		answer["startIndex"] = from + 1
	}
	return reply{status: http.StatusOK, body: answer}, nil
}

// window returns which of n entries the request asks for, in the target's style.
func (p *Provider) window(r *http.Request, n int) (from, to int, next string, err error) {
	q := r.URL.Query()
	size := p.profile.Paging.Size
	if p.profile.Paging.Style == connectors.PagingNone {
		size = n
	}
	if text := q.Get("count"); text != "" {
		count, err := strconv.Atoi(text)
		if err != nil || count < 0 {
			return 0, 0, "", invalid("count is %q", text)
		}
		size = min(size, count)
	}
	switch p.profile.Paging.Style {
	case connectors.PagingIndex:
		if start, err := strconv.Atoi(q.Get("startIndex")); err == nil {
			from = max(0, start-1)
		}
	case connectors.PagingNone:
	case connectors.PagingCursor:
		if q.Get("startIndex") != "" && q.Get("startIndex") != "1" {
			return 0, 0, "", invalid("pages are reached by cursor here")
		}
		if from, err = position(q.Get("cursor")); err != nil {
			return 0, 0, "", err
		}
	}
	from = min(from, n)
	to = min(n, from+size)
	if p.profile.Paging.Style == connectors.PagingCursor && to < n {
		next = base64.RawURLEncoding.EncodeToString([]byte("at " + strconv.Itoa(to)))
	}
	return from, to, next, nil
}

func position(cursor string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	plain, err := base64.RawURLEncoding.DecodeString(cursor)
	at, found := strings.CutPrefix(string(plain), "at ")
	n, numErr := strconv.Atoi(at)
	if err != nil || !found || numErr != nil {
		return 0, refuse(http.StatusBadRequest, "invalidCursor", "the cursor was not made here")
	}
	return n, nil
}

// A term is one comparison of a filter.
type term struct{ attribute, value string }

// matching returns the ids of the table's entries that the filter lets through,
// in order.
func (p *Provider) matching(filter string, t *table) ([]string, error) {
	if filter == "" {
		return t.shown(t.order), nil
	}
	terms, err := p.terms(filter)
	if err != nil {
		return nil, err
	}
	if p.profile.Groups.Of == connectors.GroupsOfPair && t == &p.groups && !paired(terms) {
		return nil, refuse(http.StatusBadRequest, "invalidFilter", "members can be filtered by together with id only")
	}
	if p.profile.Groups.Of == connectors.GroupsOfList && t == &p.groups && !paired(terms) {
		return nil, refuse(http.StatusBadRequest, "invalidFilter", "groups cannot be filtered by their members")
	}
	candidates := t.order
	if t == &p.users && terms[0].attribute == "userName" && !p.liar.mayDouble() {
		id, ok := p.byName[strings.ToLower(terms[0].value)]
		if !ok {
			return nil, nil
		}
		candidates = []string{id}
	}
	if u, ok := p.users.rows[terms[0].value]; ok && t == &p.groups && terms[0].attribute == "members.value" {
		candidates = sortedKeys(u.links)
	}
	var matching []string
	for _, id := range t.shown(candidates) {
		if !slices.ContainsFunc(terms, func(term term) bool { return !term.holds(t.rows[id]) }) {
			matching = append(matching, id)
		}
	}
	return matching, nil
}

// shown are those of the ids that are shown to anybody who asks by the protocol.
func (t *table) shown(ids []string) []string {
	if !slices.ContainsFunc(ids, func(id string) bool { return t.rows[id].hidden }) {
		return ids
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return t.rows[id].hidden })
}

// paired reports whether a filter that asks for members asks for one group's.
func paired(terms []term) bool {
	asks := func(attribute string) bool {
		return slices.ContainsFunc(terms, func(t term) bool { return t.attribute == attribute })
	}
	return asks("id") && asks("members") || !asks("members") && !asks("members.value")
}

func (term term) holds(e *entry) bool {
	switch term.attribute {
	case "id":
		return e.id == term.value
	case "members.value", "members":
		_, ok := e.links[term.value]
		return ok
	case "externalId":
		return text(e.doc["externalId"]) == term.value
	}
	return strings.EqualFold(placeOf(term.attribute).value(e.doc), term.value)
}

// terms reads a filter of equalities joined by "and", which is all this target
// knows, and less where its profile says so.
func (p *Provider) terms(filter string) ([]term, error) {
	var terms []term
	for rest := filter; ; {
		attribute, after, _ := strings.Cut(rest, " ")
		operator, after, _ := strings.Cut(after, " ")
		value, after, err := literal(after)
		if err != nil || !strings.EqualFold(operator, "eq") {
			return nil, refuse(http.StatusBadRequest, "invalidFilter", "the filter %q is not supported", filter)
		}
		if may := p.profile.Filter.Attributes; len(may) > 0 && !slices.Contains(may, attribute) {
			return nil, refuse(http.StatusBadRequest, "invalidFilter", "%s cannot be filtered by", attribute)
		}
		terms = append(terms, term{attribute, value})
		if after == "" {
			return terms, nil
		}
		next, found := strings.CutPrefix(after, " and ")
		if !found || !slices.Contains(p.profile.Filter.Operators, "and") {
			return nil, refuse(http.StatusBadRequest, "invalidFilter", "the filter %q is not supported", filter)
		}
		rest = next
	}
}

// literal reads a JSON string from the beginning of the text and returns what
// follows it.
func literal(from string) (value, rest string, err error) {
	d := json.NewDecoder(strings.NewReader(from))
	if err := d.Decode(&value); err != nil {
		return "", "", err
	}
	return value, from[d.InputOffset():], nil
}

// filteredMember returns the id in members[value eq "id"].
func filteredMember(path string) (id string, ok bool) {
	inner, ok := strings.CutPrefix(path, "members[value eq ")
	if !ok {
		return "", false
	}
	id, rest, err := literal(inner)
	return id, err == nil && rest == "]"
}
