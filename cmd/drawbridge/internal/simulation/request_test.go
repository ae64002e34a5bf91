package simulation

import (
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// approver is the user name of who owns the role of editor. They are always there, and
// no role is theirs.
const approver = "iam"

// decideWithin is how long a request of the role of editor waits for a decision, and
// editFor how long it is then held.
const (
	decideWithin = 4 * time.Hour
	editFor      = 2 * time.Hour
)

// An asked is a request that nobody decided about yet.
type asked struct {
	id    string
	at    time.Time
	moved bool // who asked was otherwise meanwhile: a rule may have denied it, or not
}

// open reports whether it can still be decided about.
func (a asked) open(now time.Time) bool { return a.id != "" && now.Before(a.at.Add(decideWithin)) }

// eligible reports whether somebody may ask for the role of editor.
func (p *person) eligible() bool { return p.there() && !p.inactive && p.department == "Engineering" }

// ask has somebody ask to be an editor.
func (s *simulation) ask() {
	p := s.somebody()
	if p == nil {
		return
	}
	now := time.Now()
	may := p.eligible() && !now.Before(p.until)
	var q schema.Request
	ok := s.tell(p.name+" asks to be an editor", func(tx store.Tx) (err error) {
		q, err = access.Request(tx, s.life.rules.Book(), access.Asking{
			Role: "editor", Identity: p.id, By: access.Decider{Actor: "identity/" + p.id, Identity: p.id, Auth: "test"}, Reason: "why not",
		})
		return err
	})
	switch {
	case ok && !may, ok && p.asked.open(now) && !p.asked.moved:
		s.broke("%+v asked to be an editor, and may not", *p)
	case !ok && may && p.asked.id == "" && !s.life.isDead():
		s.broke("%+v may ask to be an editor, and is refused", *p)
	case ok:
		s.oracle.know(func() { p.asked = asked{id: q.ID, at: now} })
	}
}

// answer has the owner of the role decide about what is asked for, in time or not.
func (s *simulation) answer() {
	for _, p := range s.oracle.people {
		if p.asked.id == "" {
			continue
		}
		if s.r.IntN(4) == 0 {
			s.refuse(p)
		} else {
			s.approve(p)
		}
		return
	}
}

func (s *simulation) choice(p *person) access.Choice {
	return access.Choice{Request: p.asked.id, By: access.Decider{Actor: "identity/" + s.owner, Identity: s.owner, Auth: "test"}, Reason: "why not"}
}

func (s *simulation) approve(p *person) {
	now := time.Now()
	may := p.asked.open(now) && p.eligible()
	var q schema.Request
	ok := s.tell("the owner agrees that "+p.name+" be an editor", func(tx store.Tx) (err error) {
		q, err = access.Approve(tx, s.life.rules.Book(), s.choice(p))
		return err
	})
	fulfilled := ok && q.State == schema.RequestFulfilled
	if s.life.isDead() && !ok {
		return
	}
	if fulfilled != may && (fulfilled || !p.asked.moved) {
		s.broke("%+v is an editor by request: %v (%s), want %v", *p, fulfilled, q.State, may)
	}
	s.oracle.know(func() {
		if p.asked = (asked{}); fulfilled {
			p.until = now.Add(editFor)
			delete(p.revoked, "editor")
		}
	})
}

func (s *simulation) refuse(p *person) {
	ok := s.tell("the owner refuses that "+p.name+" be an editor", func(tx store.Tx) error {
		_, err := access.Refuse(tx, s.life.rules.Book(), s.choice(p))
		return err
	})
	if ok || !s.life.isDead() {
		s.oracle.know(func() { p.asked = asked{} })
	}
}
