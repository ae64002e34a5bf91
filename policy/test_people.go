package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"

	"drawbridge/schema"
)

// The people of a Test: the identity that it is about, those that it writes out, and
// those whom documents name. Each is known by an email address.

// self is how the identity of the test is called.
func (r *rehearsal) self() string {
	id := r.in.identity
	for _, name := range []string{"userName", "id"} {
		if text, ok := id.slots[id.shape.index[name]].(types.String); ok && text != "" {
			return strings.ToLower(string(text))
		}
	}
	return "the identity"
}

// means reports whether a name is the identity's own: its userName, or its id.
func (r *rehearsal) means(name string) bool {
	id := r.in.identity
	for _, own := range []string{"userName", "id"} {
		if text, ok := id.slots[id.shape.index[own]].(types.String); ok && strings.EqualFold(string(text), name) {
			return true
		}
	}
	return false
}

// called is the one name of whoever is called so.
func (r *rehearsal) called(name string) string {
	if name == "" || r.means(name) {
		return r.self()
	}
	return strings.ToLower(name)
}

// person returns what rules read of somebody.
func (r *rehearsal) person(name string) *object {
	name = r.called(name)
	if name == r.self() {
		return r.in.identity
	}
	if known, ok := r.cast[name]; ok {
		return known
	}
	return r.book.somebody(name, nil)
}

// somebody is a person as a test writes them out: who is there and works here, where
// nothing else is said.
func (b *Book) somebody(name string, says map[string]any) *object {
	s := b.language.shapes
	o := facts(s.identity, says)
	employment, ok := o.slots[s.identity.index["employment"]].(*object)
	if !ok {
		employment = s.employment.new()
		o.set("employment", employment)
	}
	for _, known := range []struct {
		of    *object
		name  string
		value types.String
	}{{o, "id", types.String(name)}, {o, "userName", types.String(name)}, {employment, "status", "active"}} {
		if at := known.of.shape.index[known.name]; known.of.slots[at] == nil {
			known.of.slots[at] = known.value
		}
	}
	if at := s.identity.index["active"]; o.slots[at] == nil {
		o.slots[at] = types.True
	}
	return o
}

// people makes a cast of the people of a test.
func (b *Book) people(all map[string]map[string]any) map[string]*object {
	cast := map[string]*object{}
	for name, says := range all {
		cast[strings.ToLower(name)] = b.somebody(name, says)
	}
	return cast
}

// departed reports whether somebody's employment is over, or they are not active.
func (r *rehearsal) departed(o *object) bool {
	s := r.book.language.shapes
	if o.slots[s.identity.index["active"]] == types.False {
		return true
	}
	employment, ok := o.slots[s.identity.index["employment"]].(*object)
	if !ok {
		return false
	}
	status, _ := employment.slots[s.employment.index["status"]].(types.String)
	end, dated := employment.slots[s.employment.index["endDate"]].(types.Timestamp)
	return schema.EmploymentOver(string(status)) || dated && !end.After(r.spec.Now)
}

// presence says whether somebody is there to answer for something.
func (r *rehearsal) presence(name string) schema.Presence {
	switch {
	case name == "":
		return schema.Unheard
	case r.departed(r.person(name)):
		return schema.Departed
	}
	return schema.Present
}

// present returns nil of a person who is there, and otherwise why they decide nothing.
func (r *rehearsal) present(name string) error {
	o := r.person(name)
	kind, _ := o.slots[o.shape.index["kind"]].(types.String)
	switch {
	case IsMachine(schema.Kind(kind)):
		return errors.New("only people decide")
	case r.departed(o):
		return errors.New("who is not there decides nothing")
	}
	return nil
}

// inGroup reports whether somebody is in a group.
func (r *rehearsal) inGroup(name, group string) bool {
	return slices.ContainsFunc(r.texts(name, "groups"), func(g string) bool { return strings.EqualFold(g, group) })
}

// texts returns an attribute of somebody that is a list of texts.
func (r *rehearsal) texts(name, attribute string) []string {
	o := r.person(name)
	at, declared := o.shape.index[attribute]
	if !declared || o.slots[at] == nil {
		return nil
	}
	all, _ := native(o.slots[at]).([]string)
	return all
}

// members returns who is in a group, of those whom the test writes out.
func (r *rehearsal) members(group string) []string {
	var names []string
	for _, name := range append(slices.Sorted(maps.Keys(r.cast)), r.self()) {
		if r.inGroup(name, group) {
			names = append(names, name)
		}
	}
	return schema.Sorted(names...)
}

// manager returns whom the identity's sources call its manager.
func (r *rehearsal) manager() string {
	o := r.in.identity
	at, declared := o.shape.index["manager"]
	if !declared {
		return ""
	}
	text, _ := o.slots[at].(types.String)
	return string(text)
}

// NameOwner is how long a deputy answers for what an owner left, before it is in
// quarantine.
const NameOwner = 14 * day

// unanswered works out what nobody answers for any more, by role, and of other documents
// by kind and name, with the reason: as the bridge does of those who are there.
func (r *rehearsal) unanswered() map[string]string {
	alone := map[string]string{}
	for _, d := range r.book.Owned() {
		if strings.HasPrefix(d.Ref, "NHI/") {
			continue
		}
		name, isRole := strings.CutPrefix(d.Ref, "Role/")
		if r.presence(d.User) != schema.Departed {
			delete(r.since, d.Ref)
			continue
		}
		if _, known := r.since[d.Ref]; !known {
			r.since[d.Ref] = r.spec.Now
		}
		switch {
		case isRole && r.presence(d.Deputy) != schema.Present:
			alone[name] = fmt.Sprintf("its owner %s left, and no deputy is there", d.User)
		case !r.spec.Now.Before(r.since[d.Ref].Add(NameOwner)):
			alone[name] = fmt.Sprintf("its owner %s left, and for %s nobody named another", d.User, Duration(NameOwner))
		}
	}
	for _, role := range r.book.Roles() {
		if _, known := alone[role.Metadata.Name]; known {
			continue
		}
		if why := r.abandoned(role, alone); why != "" {
			alone[role.Metadata.Name] = why
		}
	}
	return alone
}

// abandoned says why a role whose owner is there is in quarantine all the same.
func (r *rehearsal) abandoned(role *Role, alone map[string]string) string {
	for i, stage := range r.book.Stages(role) {
		if len(stage.Approvers) > 0 && !slices.ContainsFunc(stage.Approvers, func(a Approver) bool { return !r.gone(a) }) {
			return fmt.Sprintf("nobody is left who could approve it at stage %d", i+1)
		}
	}
	for _, ref := range r.book.RestsOn(role) {
		if why, known := alone[ref]; known {
			return fmt.Sprintf("it rests on %s: %s", ref, why)
		}
	}
	return ""
}

// gone reports whether an approver is known to be there no more: a person, or all of a
// group of which the test writes any out.
func (r *rehearsal) gone(a Approver) bool {
	switch {
	case a.User != "":
		return r.presence(a.User) == schema.Departed
	case a.Group != "":
		members := r.members(a.Group)
		return len(members) > 0 && !slices.ContainsFunc(members, func(name string) bool { return r.presence(name) != schema.Departed })
	}
	return false
}
