package policy

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"drawbridge/schema"
)

// A Test is rehearsed: what people do in it, and what time does, comes to what it would
// come to at the bridge, by the same rules. Only who is there is as the test says. (That
// both agree is proved where the bridge is, in package access.)

// Standing is how what people did in a Test stands at a moment of it.
type Standing struct {
	Refused     string              // why what is done at this moment is refused; nothing if it is not
	Request     schema.RequestState // of the last request; nothing where nobody asked
	Because     string              // why the request stands so
	Stage       int                 // that it waits at, from 1
	MayDecide   []string            // who may decide about it, or about the bypass
	Bypass      schema.BypassState
	Owed        []string
	Rotate      []string
	Until       map[string]time.Time // when the grants end, by role
	Excepted    []string             // by which exceptions something is held
	Quarantined map[string]string    // role to reason
	Reaches     []string             // all that is held, and what comes with it
	Exception   schema.ExceptionState
	Targets     []string // what targets have
	LookAgain   []string // exceptions that are to be looked at again
	Dominated   []string // rules from which too many are excepted
	Undrilled   []string // break-glass roles that nobody took for too long
}

// A rehearsal is a Test at one of its moments, and what is known from those before.
type rehearsal struct {
	book       *Book // as it is written
	governed   *Book // with what is in quarantine now
	spec       TestSpec
	path       []string
	in         inputs
	held       Facts // of the identity, as it is
	blank      Facts // and as if it had nothing
	cast       map[string]*object
	since      map[string]time.Time // documents, by kind and name: since when their owner is gone
	observable map[string]bool
	requests   []*rehearsedRequest
	request    *rehearsedRequest // the last, which is decided about
	bypass     *rehearsedBypass
	exceptions []schema.Exception       // that were asked for, whose ids are asked-1 and so on
	excepting  bool                     // what was asked for last is an exception
	looked     map[string]rehearsedLook // exceptions of the policy
	tookAt     map[string]time.Time     // break-glass roles
	targets    map[string]*rehearsedTarget
	halts      map[string]bool // connectors, or schema.Everywhere
}

func (b *Book) rehearse(t *Test) *rehearsal {
	blank := b.blank(t)
	r := &rehearsal{
		book: b, spec: t.Spec, blank: blank, held: blank, since: map[string]time.Time{}, observable: map[string]bool{},
		looked: map[string]rehearsedLook{}, tookAt: map[string]time.Time{}, targets: map[string]*rehearsedTarget{}, halts: map[string]bool{},
	}
	for i, g := range t.Spec.Grants {
		id := strconv.Itoa(i + 1)
		r.held.Grants = append(r.held.Grants, schema.Grant{
			ID: id, Identity: blank.Identity.ID, Role: g.Role, From: g.GrantedAt, Until: g.ExpiresAt,
			LastUsed: g.LastUsed, Ticket: g.Ticket, Reviewed: g.ReviewedAt,
		})
		if g.UsageObservable != nil {
			r.observable[id] = *g.UsageObservable
		}
	}
	for _, role := range t.Spec.Buried {
		r.held.Tombstones = append(r.held.Tombstones, schema.Tombstone{Identity: blank.Identity.ID, Role: role})
	}
	for _, f := range t.Spec.Firing {
		r.held.Firings = append(r.held.Firings, firings(f, r.held.Grants)...)
	}
	return r
}

// moment is what comes of the test now, and leaves behind what goes on from here.
func (r *rehearsal) moment() Moment {
	r.in, r.cast = r.book.stated(r.spec), r.book.people(r.spec.People)
	r.machined(&r.held)
	r.machined(&r.blank)
	alone := r.unanswered()
	r.suspend(alone)
	r.governed = r.book.With(alone)
	r.allowed(alone)
	r.attend()
	r.allowed(alone)
	refused := ""
	if r.spec.When != nil {
		if err := r.act(*r.spec.When); err != nil {
			refused = err.Error()
		}
		r.allowed(alone)
	}
	m := Moment{
		Now: r.spec.Now, Path: r.path, Expect: r.spec.Expect,
		Access: r.access(r.held), Afresh: r.evaluate(r.blank),
	}
	r.write(m.Access)
	m.Standing = r.standing(m.Access)
	m.Refused, m.Quarantined = refused, alone
	r.held.goOn(m)
	return m
}

// evaluate is what rules say of facts now.
func (r *rehearsal) evaluate(f Facts) Access { return r.by(r.governed, f) }

func (r *rehearsal) by(book *Book, f Facts) Access {
	e := book.evaluation(r.in, f, r.spec.Now)
	e.stated, e.thorough, e.observable = true, true, r.observable
	return e.run()
}

// access is that without what constraints keep from the identity.
func (r *rehearsal) access(f Facts) Access {
	t := Tenure{Pass: r.pass}
	for _, line := range f.Held {
		excepted := slices.ContainsFunc(line.Because, func(ref string) bool { return strings.HasPrefix(ref, "exception/") })
		for _, ref := range line.Because {
			if role, ok := strings.CutPrefix(ref, "role/"); ok && !excepted {
				t.Roles = append(t.Roles, role)
			}
		}
	}
	return r.governed.bar(r.bearer, r.evaluate(f), t, r.spec.Now)
}

func (r *rehearsal) bearer() inputs { return inputs{identity: r.in.identity, workload: r.in.workload} }

// passes are what the exceptions of the policy allow the identity: of those that somebody
// allowed who is there, and is neither it nor their author.
func (r *rehearsal) passes(alone map[string]string) (all []Pass) {
	for _, e := range r.book.Exceptions() {
		allowed := slices.ContainsFunc(e.Spec.ApprovedBy, func(name string) bool {
			return !r.means(name) && !strings.EqualFold(name, e.Metadata.Owner.User) && r.present(name) == nil
		})
		if _, orphaned := alone[e.Ref()]; allowed && !orphaned && !r.lapsed(e) && e.Spec.Waives.Personal() && slices.ContainsFunc(e.Spec.Subjects, r.means) {
			all = append(all, e.Pass())
		}
	}
	for _, e := range r.exceptions {
		if e.Live(r.spec.Now) {
			all = append(all, PassOf(e))
		}
	}
	return all
}

// pass finds the exception that lets the identity break a constraint now: of several the
// one that lasts longest.
func (r *rehearsal) pass(breach Breach) (exception string, until time.Time, ok bool) {
	p, ok := r.waiver(breach)
	return p.Exception, p.Until, ok
}

func (r *rehearsal) waiver(breach Breach) (found Pass, ok bool) {
	for _, p := range r.held.Passes {
		if p.Waives.Constraint == breach.Constraint && p.Live(r.spec.Now) && r.book.Covers(p.Scope, breach.Entitlements) && (!ok || p.Until.After(found.Until)) {
			found, ok = p, true
		}
	}
	return found, ok
}

// standing gathers what a test may expect beside access.
func (r *rehearsal) standing(a Access) Standing {
	s := Standing{Until: map[string]time.Time{}, Excepted: []string{}, Owed: []string{}, Rotate: []string{}, MayDecide: []string{}, Reaches: []string{}, Targets: r.written()}
	cite := func(refs []string) {
		for _, ref := range refs {
			if name, ok := strings.CutPrefix(ref, "exception/"); ok {
				s.Excepted = append(s.Excepted, name)
			}
		}
	}
	for _, g := range r.held.Grants {
		if g.Live(r.spec.Now) {
			s.Until[g.Role] = later(s.Until[g.Role], g.Until)
			cite(g.Excepted)
		}
	}
	var refs []string
	for _, line := range a.Assignments {
		refs = append(refs, line.Ref())
		cite(line.Because)
	}
	s.Excepted = schema.Sorted(s.Excepted...)
	s.Reaches = slices.AppendSeq(s.Reaches, maps.Keys(r.book.effective(refs...)))
	slices.Sort(s.Reaches)
	if r.request != nil {
		r.request.stand(r, &s)
	}
	r.standException(&s)
	if r.bypass != nil {
		r.bypass.stand(r, &s)
	}
	s.LookAgain, s.Dominated, s.Undrilled = r.lookAgain(), r.dominated(), r.undrilled()
	return s
}
