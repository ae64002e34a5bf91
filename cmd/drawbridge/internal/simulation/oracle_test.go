package simulation

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// A right is something that an account can hold at a target, by the target's name.
type right struct{ target, name string }

// gives is what each role gives under each policy.
var gives = []map[string][]right{
	{
		"engineer": {{"wiki", "Readers"}, {"code", "Devs"}},
		"seller":   {{"crm", "Sales"}, {"chat", "Members"}},
		"operator": {{"wiki", "Admins"}, {"desk", "Agents"}, {"desk", "Leads"}},
		"writer":   {{"wiki", "Writers"}, {"chat", "Writers"}},
		"editor":   {{"wiki", "Editors"}, {"crm", "Editors"}},
	},
	{
		"engineer": {{"wiki", "Readers"}},
		"seller":   {{"crm", "Sales"}, {"crm", "VIPs"}, {"chat", "Members"}},
		"operator": {{"wiki", "Admins"}, {"desk", "Agents"}, {"desk", "Leads"}},
		"writer":   {{"wiki", "Writers"}, {"chat", "Writers"}},
		"editor":   {{"wiki", "Editors"}, {"crm", "Editors"}},
	},
	{
		"engineer": {{"wiki", "Readers"}, {"code", "Devs"}},
		"seller":   {{"crm", "Sales"}, {"chat", "Members"}},
		"operator": {{"wiki", "Admins"}, {"desk", "Agents"}, {"code", "Devs"}},
		"writer":   {{"chat", "Writers"}},
		"editor":   {{"wiki", "Editors"}, {"crm", "Editors"}},
	},
}

// birthright says which department has which role.
var birthright = map[string]string{"Engineering": "engineer", "Sales": "seller", "Operations": "operator"}

// guarded is the user name of whom the configuration protects at the wiki.
const guarded = "root"

// A person is what the oracle knows of one identity.
type person struct {
	id, name, department string
	inactive             bool
	gone                 time.Time
	writer               bool            // in the group of writers
	until                time.Time       // when the grant of editor ends
	asked                asked           // to be an editor
	revoked              map[string]bool // roles
	formerly             []string        // names
}

func (p *person) there() bool { return p.gone.IsZero() }

// An oracle says what everybody is to have, from what was told and decided. What is done
// at targets is judged by it while more is told: whoever asks it holds its facts, and so
// does whoever changes them. Only the one who tells may read people without.
type oracle struct {
	facts   sync.Mutex
	people  []*person
	variant int // of the policy in force
	looked  time.Time

	mu  sync.Mutex
	met map[string]int // ids, in the order in which they were met

	wanted map[string]map[right]time.Time // by identity: when it was last to have that; of a right without a name: an account there
}

func newOracle(now time.Time) *oracle {
	return &oracle{looked: now, wanted: map[string]map[right]time.Time{}, met: map[string]int{}}
}

// know changes what it knows.
func (o *oracle) know(change func()) {
	o.facts.Lock()
	defer o.facts.Unlock()
	change()
}

// wants is all that somebody is to have at a time.
func (o *oracle) wants(p *person, now time.Time) map[right]bool {
	all := map[right]bool{}
	if p.inactive || !p.there() {
		return all
	}
	roles := []string{birthright[p.department]}
	if p.writer {
		roles = append(roles, "writer")
	}
	if p.department == "Engineering" && now.Before(p.until) {
		roles = append(roles, "editor")
	}
	for _, role := range roles {
		for _, r := range gives[o.variant][role] {
			if p.revoked[role] || p.name == guarded && r.target == "wiki" {
				continue
			}
			all[r] = true
		}
	}
	return all
}

// at is what somebody is to have at a target, sorted.
func (o *oracle) at(p *person, target string, now time.Time) (names []string) {
	for r := range o.wants(p, now) {
		if r.target == target {
			names = append(names, r.name)
		}
	}
	slices.Sort(names)
	return names
}

// pass notes until when everybody was to have what. It is called before anything
// changes, and after, by whoever holds the facts.
func (o *oracle) pass(now time.Time) {
	for _, p := range o.people {
		if p.until.After(o.looked) && !p.until.After(now) {
			o.note(p, p.until.Add(-1))
		}
		o.note(p, now)
	}
	o.looked = now
}

func (o *oracle) note(p *person, now time.Time) {
	all := o.wanted[p.id]
	if all == nil {
		all = map[right]time.Time{}
		o.wanted[p.id] = all
	}
	for r := range o.wants(p, now) {
		all[r], all[right{target: r.target}] = now, now
	}
}

// lastWanted is when an identity was last to have it; zero: never.
func (o *oracle) lastWanted(identity string, r right, now time.Time) time.Time {
	o.pass(now)
	return o.wanted[identity][r]
}

func (o *oracle) byID(id string) *person {
	for _, p := range o.people {
		if p.id == id {
			return p
		}
	}
	return nil
}

// named returns who is there by the name, or was last.
func (o *oracle) named(name string) (last *person) {
	for _, p := range o.people {
		if !strings.EqualFold(p.name, name) {
			continue
		}
		if p.there() {
			return p
		}
		if last == nil || p.gone.After(last.gone) {
			last = p
		}
	}
	return last
}

// called returns who has the name, or had it.
func (o *oracle) called(name string) *person {
	if p := o.named(name); p != nil {
		return p
	}
	for _, p := range o.people {
		if slices.Contains(p.formerly, name) {
			return p
		}
	}
	return nil
}

// follow has somebody who gets a name follow who had it before and is gone: what
// was revoked from them does not come back by being told of again.
func (o *oracle) follow(p *person, name string) {
	if former := o.named(name); former != nil && former != p {
		maps.Copy(p.revoked, onlyTrue(former.revoked))
	}
}

func onlyTrue(m map[string]bool) map[string]bool {
	c := maps.Clone(m)
	maps.DeleteFunc(c, func(_ string, is bool) bool { return !is })
	return c
}

var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)

// nameless returns a text with the ids of people replaced, which are others each time,
// by when they came.
func (o *oracle) nameless(text string) string {
	return ids.ReplaceAllStringFunc(text, func(id string) string {
		o.mu.Lock()
		defer o.mu.Unlock()
		n, known := o.met[id]
		if !known {
			n = len(o.met) + 1
			o.met[id] = n
		}
		return fmt.Sprint("#", n)
	})
}
