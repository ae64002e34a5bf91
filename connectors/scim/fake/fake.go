// Package fake is a SCIM service provider in memory that behaves as a profile
// says a target does.
//
// It is strict: what the profile says the target refuses, it refuses, with the
// status and words of RFC 7644. So a connector that passes against it has kept
// to the profile, and a profile that is wrong shows. Beside the protocol it lets
// a test, or the demo, look inside, act as somebody with the target's own
// console would, count what was written, slow it down and make it fail.
package fake

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"drawbridge/connectors"
)

// Options say what kind of service provider to be.
type Options struct {
	Profile connectors.Profile // its dialect and limits; the zero value means connectors.DefaultProfile
	Groups  []string           // the names of its groups
	Token   string             // the secret that must be presented; empty lets everybody in
	User    string             // with basic authentication, whose
	Deletes bool               // users may be deleted, also where the profile disables them otherwise

	// Latency, where it is not nil, is asked before each answer how long to wait.
	Latency func() time.Duration
	// Now is the time; nil means time.Now.
	Now func() time.Time
}

// A Provider is a service provider in memory. It is safe for concurrent use.
type Provider struct {
	o       Options
	profile connectors.Profile
	mux     *http.ServeMux
	brakes  *brakes
	fault   fault
	liar    liar

	counting sync.Mutex
	counts   map[string]int // requests received, by method
	at       int            // of these, how many are not answered yet

	mu     sync.RWMutex // of all that follows
	last   int          // the number of the newest resource
	users  table
	groups table
	byName map[string]string // ids of users by folded userName
}

// A table holds resources by id, and in the order in which they were made.
type table struct {
	rows  map[string]*entry
	order []string
}

// An entry is a resource as it is kept: without id, meta and what points from
// one resource to another.
type entry struct {
	id      string
	version int
	doc     map[string]any
	links   map[string]struct{} // of a user the groups, of a group the members; ids
	hidden  bool                // of a user: from before, and so never shown
	in      bool                // of a user: signed in
	joined  []time.Time         // of a group, in the last hour, where that is limited
}

// New returns a service provider with the groups, and nobody in them.
func New(o Options) *Provider {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Profile.Title == "" && o.Profile.Update == "" {
		o.Profile = connectors.DefaultProfile()
	}
	p := &Provider{
		o: o, profile: o.Profile, brakes: newBrakes(o.Profile.Rate),
		users: newTable(), groups: newTable(), byName: map[string]string{}, counts: map[string]int{},
	}
	p.routes()
	for _, name := range o.Groups {
		p.groups.add(p.next("g"), map[string]any{"displayName": name})
	}
	return p
}

func newTable() table { return table{rows: map[string]*entry{}} }

// next returns a new id. Ids are numbered, so that they are in the order of
// their making.
func (p *Provider) next(kind string) string {
	p.last++
	return fmt.Sprintf("%s%08d", kind, p.last)
}

func (t *table) add(id string, doc map[string]any) *entry {
	e := &entry{id: id, version: 1, doc: doc, links: map[string]struct{}{}}
	t.rows[id] = e
	t.order = append(t.order, id)
	return e
}

func (t *table) remove(id string) {
	delete(t.rows, id)
	if i, ok := slices.BinarySearch(t.order, id); ok {
		t.order = slices.Delete(t.order, i, i+1)
	}
}

// link makes the user a member of the group, or makes it none.
func (p *Provider) link(group, user *entry, in bool) {
	_, was := group.links[user.id]
	if was == in {
		return
	}
	group.version++
	if in {
		group.links[user.id], user.links[group.id] = struct{}{}, struct{}{}
		return
	}
	delete(group.links, user.id)
	delete(user.links, group.id)
}

// drop removes the user and whatever it held.
func (p *Provider) drop(user *entry) {
	for id := range maps.Clone(user.links) {
		p.link(p.groups.rows[id], user, false)
	}
	p.users.remove(user.id)
	p.unname(user)
}

// unname forgets that a user has its name, which another one may have as well.
func (p *Provider) unname(user *entry) {
	name := folded(user.doc)
	delete(p.byName, name)
	if !p.liar.mayDouble() {
		return
	}
	for _, id := range p.users.order {
		if other := p.users.rows[id]; other != user && folded(other.doc) == name {
			p.byName[name] = id
			return
		}
	}
}

func folded(doc map[string]any) string { return strings.ToLower(text(doc["userName"])) }

// groupNamed returns the group with the name, or nil.
func (p *Provider) groupNamed(name string) *entry {
	for _, id := range p.groups.order {
		if g := p.groups.rows[id]; text(g.doc["displayName"]) == name {
			return g
		}
	}
	return nil
}
