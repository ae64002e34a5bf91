package simulation

import (
	"fmt"
	"slices"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

var departments = []string{"Engineering", "Sales", "Operations", "Legal"}

// happen is one thing that happens.
func (s *simulation) happen() {
	pick := s.r.IntN(122)
	for _, what := range []struct {
		weight int
		do     func()
	}{
		{8, s.hire}, {14, s.move}, {6, s.rename}, {8, s.suspend}, {6, s.leave}, {8, s.rehire}, {10, s.joinOrPart}, {3, s.dropGroup}, {5, s.again},
		{10, s.grant}, {5, s.revoke}, {8, s.ask}, {6, s.answer}, {5, s.publish}, {3, s.halt}, {5, s.edit}, {6, s.weather}, {6, s.mortality},
	} {
		if pick -= what.weight; pick < 0 {
			what.do()
			break
		}
	}
	s.passed()
}

// somebody who is there, by chance.
func (s *simulation) somebody() *person {
	there := slices.DeleteFunc(slices.Clone(s.oracle.people), func(p *person) bool { return !p.there() })
	if len(there) == 0 {
		return nil
	}
	return there[s.r.IntN(len(there))]
}

func (s *simulation) department() string { return departments[s.r.IntN(len(departments))] }

func (s *simulation) hire() {
	if len(s.oracle.people) > 14 {
		return
	}
	name := fmt.Sprint("p", s.names)
	if s.names == 2 {
		name = guarded
	}
	s.names++
	s.employ(name)
}

func (s *simulation) employ(name string) {
	p := &person{name: name, department: s.department(), revoked: map[string]bool{}}
	id, ok := s.admit(*p)
	if !ok {
		return
	}
	p.id = id
	s.oracle.know(func() {
		s.oracle.follow(p, name)
		s.oracle.people = append(s.oracle.people, p)
	})
}

// appoint tells of who owns the role that is asked for.
func (s *simulation) appoint() {
	id, ok := s.admit(person{name: approver, department: "Legal"})
	if !ok {
		s.t.Fatal("nobody owns the role")
	}
	s.owner = id
}

// rehire tells of somebody again who was deleted.
func (s *simulation) rehire() {
	for _, p := range s.oracle.people {
		if !p.there() && s.oracle.named(p.name) == p && s.r.IntN(2) == 0 {
			s.employ(p.name)
			return
		}
	}
}

// change tells of somebody otherwise than before.
func (s *simulation) change(p *person, how func(*person)) {
	if p == nil {
		return
	}
	next := *p
	how(&next)
	if _, ok := s.admit(next); !ok {
		return
	}
	s.oracle.know(func() {
		if next.name != p.name {
			p.formerly = append(p.formerly, p.name)
			s.oracle.follow(p, next.name)
		}
		p.name, p.department, p.inactive = next.name, next.department, next.inactive
		p.asked.moved = p.asked.moved || !p.eligible()
	})
}

func (s *simulation) move() {
	s.change(s.somebody(), func(p *person) { p.department = s.department() })
}

func (s *simulation) suspend() {
	s.change(s.somebody(), func(p *person) { p.inactive = !p.inactive })
}

// rename gives somebody a new name, or that of somebody who is gone.
func (s *simulation) rename() {
	p := s.somebody()
	if p == nil || p.name == guarded {
		return
	}
	name := fmt.Sprint("q", s.names)
	s.names++
	if s.r.IntN(4) == 0 {
		for _, other := range s.oracle.people {
			if !other.there() && s.oracle.named(other.name) == other && other.name != guarded {
				name = other.name
			}
		}
	}
	s.change(p, func(p *person) { p.name = name })
}

// again tells once more what was told, or of somebody who is gone.
func (s *simulation) again() {
	if p := s.somebody(); p != nil {
		s.admit(*p)
	}
	for _, p := range s.oracle.people {
		if !p.there() {
			s.tell("hr deletes "+p.name+" again", func(tx store.Tx) error { return access.Remove(tx, s.hr(), p.id) })
			return
		}
	}
}

func (s *simulation) leave() {
	p := s.somebody()
	if p != nil && s.tell("hr deletes "+p.id+" "+p.name, func(tx store.Tx) error { return access.Remove(tx, s.hr(), p.id) }) {
		s.oracle.know(func() { p.gone, p.writer, p.until = time.Now(), false, time.Time{} })
	}
}

func (s *simulation) makeGroup() {
	s.tell("hr makes the group", func(tx store.Tx) error {
		g, err := access.AdmitGroup(tx, s.hr(), schema.Group{DisplayName: "writers"})
		s.group = g.ID
		return err
	})
}

func (s *simulation) joinOrPart() {
	p := s.somebody()
	if p == nil || s.group == "" {
		return
	}
	in := s.r.IntN(3) > 0
	ok := s.tell(fmt.Sprintf("%s is in the group: %v", p.name, in), func(tx store.Tx) (err error) {
		m := schema.Member{Group: s.group, Member: p.id}
		if in {
			_, err = access.Join(tx, s.hr(), m)
		} else {
			_, err = access.Leave(tx, s.hr(), m)
		}
		return err
	})
	if ok {
		s.oracle.know(func() { p.writer = in })
	}
}

// dropGroup deletes the group, or makes it anew.
func (s *simulation) dropGroup() {
	if s.group == "" {
		s.makeGroup()
		return
	}
	if s.tell("hr deletes the group", func(tx store.Tx) error { return access.RemoveGroup(tx, s.hr(), s.group) }) {
		s.group = ""
		s.oracle.know(func() {
			for _, p := range s.oracle.people {
				p.writer = false
			}
		})
	}
}

func (s *simulation) grant() {
	p := s.somebody()
	if p == nil {
		return
	}
	ok := s.tell("editor is granted to "+p.name, func(tx store.Tx) error {
		_, err := access.Grant(tx, s.life.rules.Book(), schema.Grant{
			Identity: p.id, Role: "editor", By: "token/test", Reason: "why not", Approvals: []schema.Approval{{By: "iam@example.com", At: tx.Now()}},
		})
		return err
	})
	if ok != (p.department == "Engineering" && !p.inactive) && !s.life.isDead() {
		s.broke("%+v was granted editor: %v", *p, ok)
	}
	if ok {
		s.oracle.know(func() {
			p.until = time.Now().Add(editFor)
			p.asked.moved = true
			delete(p.revoked, "editor")
		})
	}
}

func (s *simulation) revoke() {
	p := s.somebody()
	if p == nil {
		return
	}
	role := []string{"engineer", "editor", "writer", "seller"}[s.r.IntN(4)]
	ok := s.tell(role+" is revoked from "+p.name, func(tx store.Tx) error {
		return access.Revoke(tx, s.life.rules.Book(), access.Revocation{Identity: p.id, Role: role, By: "token/test", Reason: "why not"})
	})
	if ok {
		s.oracle.know(func() {
			p.revoked[role], p.asked.moved = true, true
			if role == "editor" {
				p.until = time.Time{}
			}
		})
	}
}

func (s *simulation) publish() {
	variant := s.r.IntN(len(variants))
	book := s.books[variant]
	was := s.life.rules.Book()
	s.life.rules.Use(book)
	if s.tell(fmt.Sprint("policy ", variant, " comes into force"), func(tx store.Tx) error {
		_, err := access.Publish(tx, book, "token/test", nil)
		return err
	}) {
		s.oracle.know(func() { s.oracle.variant = variant })
	} else {
		s.life.rules.Use(was)
	}
}

func (s *simulation) connectors() (names []string) {
	for _, t := range s.targets {
		names = append(names, t.name)
	}
	return names
}

func (s *simulation) halt() {
	name := append(s.connectors(), schema.Everywhere)[s.r.IntN(len(s.targets)+1)]
	if s.halted[name] {
		s.resume(name)
		return
	}
	if s.tell("halt "+name, func(tx store.Tx) error {
		_, err := access.Halt(tx, access.Halting{Connector: name, Known: s.connectors(), By: "token/test", Reason: "why not"})
		return err
	}) {
		s.halted[name] = true
	}
}

func (s *simulation) resume(name string) {
	if s.tell("resume "+name, func(tx store.Tx) error {
		_, err := access.Resume(tx, access.Halting{Connector: name, Known: s.connectors(), By: "token/test", Reason: "why not"})
		return err
	}) {
		delete(s.halted, name)
	}
}

// weather changes how bad a day a target has.
func (s *simulation) weather() {
	t := s.targets[s.r.IntN(len(s.targets))]
	if s.r.IntN(4) == 0 {
		s.told("%s is calm", t.name)
		t.calm()
		return
	}
	if t.vendor != nil {
		t.vendor.recall()
	}
	t.mu.Lock()
	t.rough, t.weird = []int{5, 20, 60, 100}[s.r.IntN(4)], !t.shared && s.r.IntN(3) == 0
	if s.r.IntN(4) == 0 {
		t.out = time.Now().Add(time.Duration(s.r.IntN(40)) * time.Minute)
	}
	s.told("%s is rough: %d of a hundred, weird %v, out until %s", t.name, t.rough, t.weird, stamp(t.out))
	t.mu.Unlock()
	t.lie(s.r)
}

// mortality has the bridge die soon, or now.
func (s *simulation) mortality() {
	if s.r.IntN(3) == 0 {
		s.life.die()
		return
	}
	s.life.arm(s.r)
}

// edit changes a target by hand.
func (s *simulation) edit() {
	t := s.targets[s.r.IntN(len(s.targets))]
	t.mu.Lock()
	defer t.mu.Unlock()
	t.judge("what was done before a hand edit", false)
	var ids []string
	for id, a := range t.is {
		if a.Attributes["userName"] != guarded && (!t.shared || t.nobodys[id]) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if len(ids) == 0 || s.r.IntN(6) == 0 {
		a := t.put(schema.Account{Active: true, Attributes: map[string]string{"userName": fmt.Sprint("by-hand-", s.names)}, Entitlements: t.some(s.r)})
		s.names++
		t.nobodys[a.RemoteID] = true
		s.told("%s: account %s is made by hand", t.name, a.RemoteID)
		return
	}
	a := t.is[ids[s.r.IntN(len(ids))]]
	t.loose[a.RemoteID] = true
	switch s.r.IntN(4) {
	case 0:
		s.told("%s: account %s is removed by hand", t.name, a.RemoteID)
		t.remove(a.RemoteID)
		delete(t.nobodys, a.RemoteID)
		delete(t.owner, a.RemoteID)
		return
	case 1:
		a.Active = !a.Active || t.deletes // where nobody is disabled
	case 2:
		a.Entitlements = t.some(s.r)
	case 3:
		a.Attributes["displayName"] = "Changed by hand"
	}
	if t.owner[a.RemoteID] == "" && t.taken[a.RemoteID] == "" { // the bridge never wrote to it: whoever has it then has that from before
		t.kept[a.RemoteID] = schema.Sorted(append(slices.Clone(t.kept[a.RemoteID]), a.Entitlements...)...)
	}
	s.told("%s: account %s by hand: active=%v %v", t.name, a.RemoteID, a.Active, a.Entitlements)
	t.put(a)
}
