package simulation

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/memory"
	"drawbridge/connectors/scim/fake"
	"drawbridge/schema"
)

// A system is a target from the inside, as somebody with its own console sees it.
type system interface {
	Accounts(ctx context.Context) ([]schema.Account, error)
	Put(ctx context.Context, a schema.Account) (schema.Account, error)
	Remove(ctx context.Context, id string) error
}

// inside is a system in memory seen so.
type inside struct{ *memory.System }

func (s inside) Accounts(context.Context) ([]schema.Account, error) { return s.System.Accounts(), nil }

func (s inside) Put(_ context.Context, a schema.Account) (schema.Account, error) {
	return s.System.Put(a), nil
}

func (s inside) Remove(_ context.Context, id string) error {
	s.System.Remove(id)
	return nil
}

// A target outlives every bridge. It judges what is done to it.
type target struct {
	name     string
	shared   bool // others write there too: what is done by hand is reported, and stays
	deletes  bool // an account is disabled by deleting it
	rights   []string
	profile  connectors.Profile
	system   system
	provider *fake.Provider // nil of the one in memory
	vendor   *vendor        // it has other targets too; nil: of none
	skew     time.Duration  // of its clock

	seed   uint64
	oracle *oracle
	broke  func(format string, args ...any) // is told of what must not be
	told   func(format string, args ...any) // of all that happens

	life    *life           // the bridge that is connected to it
	mu      sync.Mutex      // held while something is done to it
	rough   int             // of a hundred calls, how many fail
	weird   bool            // it lies too
	out     time.Time       // until then it knows nobody's token
	doubled bool            // two accounts may have one name
	blinded map[string]int  // by name: how many searches for whoever has it found nobody since they were made
	lost    map[string]bool // accounts that two searches did not show: nobody may know of them but who lists what is there
	turns   map[string]uint64
	stale   map[string][]byte // the last answers, by path

	is      map[string]schema.Account // as it is, by id
	nobodys map[string]bool           // accounts that nobody may touch
	kept    map[string][]string       // by account: what it held before the bridge knew it, sorted
	loose   map[string]bool           // accounts of which that was muddled by hand
	owner   map[string]string         // identities, by account
	taken   map[string]string         // likewise, of those that were there before, and of which only the name says it
	holder  map[string]string         // identities, by account, as the bridge has it in the end: it may have taken over one that it was told nothing to do with yet
	waits   map[string]bool           // who is given up there, as the bridge has it in the end, for a name that somebody else has
	said    map[string]string         // what the bridge says in the end of accounts that nobody explains, by their ids
	removed map[string]map[right]time.Time
}

// extra is a right that is in no catalogue.
const extra = "Extra"

func newTarget(name string, seed uint64, o *oracle) *target {
	return &target{
		name: name, seed: seed, oracle: o, profile: connectors.DefaultProfile(),
		turns: map[string]uint64{}, blinded: map[string]int{}, lost: map[string]bool{}, stale: map[string][]byte{}, is: map[string]schema.Account{},
		nobodys: map[string]bool{}, kept: map[string][]string{}, loose: map[string]bool{}, owner: map[string]string{}, taken: map[string]string{}, removed: map[string]map[right]time.Time{},
	}
}

// newTargets returns five, each with another dialect, with accounts of strangers and
// of some who will be hired.
func newTargets(seed uint64, r *rand.Rand, o *oracle) []*target {
	wiki := newTarget("wiki", seed, o)
	wiki.rights = []string{"Readers", "Editors", "Admins", "Writers"}

	wiki.profile.Sessions.Path = "/sessions/{id}"

	crm := newTarget("crm", seed, o)
	crm.rights, crm.shared = []string{"Sales", "Editors", "VIPs"}, true
	crm.profile.Update, crm.profile.Groups.Update = connectors.UpdatePut, connectors.UpdatePut
	crm.profile.Groups.Of, crm.profile.Find = connectors.GroupsOfFilter, connectors.FindOnConflict
	crm.profile.Paging = connectors.Paging{Style: connectors.PagingCursor, Size: 3}

	code := newTarget("code", seed, o)
	code.rights, code.deletes = []string{"Devs"}, true
	code.profile.Deactivate, code.profile.Paging.Size = connectors.DeactivateDelete, 4

	desk := newTarget("desk", seed, o)
	desk.rights = []string{"Agents", "Leads"}
	desk.profile.Order = connectors.AnyOrder
	desk.profile.BooleanText, desk.profile.Groups.MaxMembers = true, 2
	desk.profile.Groups.MemberRemove = connectors.RemoveByValue
	desk.profile.Rate = connectors.RateLimit{PerSecond: 2, Burst: 3, Shared: true}
	desk.profile.Throttled = []string{throttleText}

	// Those two are of one vendor, who has one limit for them, and one token.
	one := &vendor{limit: desk.profile.Rate}
	for _, t := range []*target{code, desk} {
		t.vendor, t.profile.Rate = one, one.limit
		t.profile.Auth = connectors.AuthScheme{Scheme: connectors.AuthClient, TokenURL: address + "/token"}
	}

	chat := newTarget("chat", seed, o)
	chat.rights = []string{"Members", "Writers"}

	all := []*target{wiki, crm, code, desk, chat}
	for _, t := range all {
		t.skew = time.Duration(r.IntN(600)-300) * time.Minute
		if t == chat {
			continue // it is in memory
		}
		p := fake.New(fake.Options{Profile: t.inside(), Groups: append(slices.Clone(t.rights), extra), Deletes: true})
		t.provider, t.system = p, p
	}
	chat.system = inside{memory.New(chat.hooks())}
	for _, t := range all {
		t.people(r)
	}
	return all
}

// inside is the profile that the fake keeps to: at a vendor's, limits and tokens are
// the vendor's.
func (t *target) inside() connectors.Profile {
	p := t.profile
	if t.vendor != nil {
		p.Rate, p.Auth = connectors.RateLimit{}, connectors.DefaultProfile().Auth
	}
	return p
}

// people are those who are there before the bridge is.
func (t *target) people(r *rand.Rand) {
	for _, name := range []string{"svc-backup", "zoe.external", guarded} {
		if name == guarded && t.name != "wiki" {
			continue
		}
		a := t.put(schema.Account{Active: name != "zoe.external" || t.deletes, Attributes: map[string]string{"userName": name, "displayName": name}, Entitlements: t.some(r)})
		t.nobodys[a.RemoteID] = true
	}
	if name := "p0"; r.IntN(2) == 0 {
		held := t.some(r)
		a := t.put(schema.Account{Active: r.IntN(2) == 0 || t.deletes, Attributes: map[string]string{"userName": name, "displayName": "Old " + name}, Entitlements: held})
		t.kept[a.RemoteID] = schema.Sorted(held...)
	}
}

// some are rights by chance.
func (t *target) some(r *rand.Rand) (names []string) {
	for _, name := range append(slices.Clone(t.rights), extra) {
		if r.IntN(3) == 0 {
			names = append(names, name)
		}
	}
	return names
}

// put is done by hand.
func (t *target) put(a schema.Account) schema.Account {
	got, err := t.system.Put(context.Background(), a)
	if err != nil {
		t.broke("%s: by hand: %v", t.name, err)
	}
	t.refresh()
	return got
}

func (t *target) remove(id string) {
	if err := t.system.Remove(context.Background(), id); err != nil {
		t.broke("%s: by hand: %v", t.name, err)
	}
	t.refresh()
}

// refresh takes what is there for right.
func (t *target) refresh() { t.is = t.now() }

func (t *target) now() map[string]schema.Account {
	list, err := t.system.Accounts(context.Background())
	if err != nil {
		t.broke("%s: what is there: %v", t.name, err)
	}
	all := map[string]schema.Account{}
	for _, a := range list {
		a.Entitlements = schema.Sorted(a.Entitlements...)
		all[a.RemoteID] = a
	}
	return all
}

// judge looks at what the bridge did just now. Answered says that the bridge was
// told that it succeeded.
func (t *target) judge(what string, answered bool) {
	t.oracle.facts.Lock()
	defer t.oracle.facts.Unlock()
	was, is := t.is, t.now()
	t.is = is
	for _, id := range slices.Sorted(maps.Keys(is)) {
		before, existed := was[id]
		t.judgeOne(what, id, before, is[id], existed, answered)
	}
	for _, id := range slices.Sorted(maps.Keys(was)) {
		if _, there := is[id]; there {
			continue
		}
		if t.nobodys[id] || !t.deletes {
			t.broke("%s: %s deleted account %s (%s)", t.name, what, id, was[id].Attributes["userName"])
		}
		if answered {
			t.ended(t.owner[id], was[id].Entitlements)
			t.ended(t.owner[id], []string{""})
		}
		delete(t.owner, id)
		delete(t.kept, id)
	}
}

func (t *target) judgeOne(what, id string, was, is schema.Account, existed, answered bool) {
	gained, lost := without(is.Entitlements, was.Entitlements), without(was.Entitlements, is.Entitlements)
	enabled, disabled := is.Active && (!existed || !was.Active), existed && was.Active && !is.Active
	if existed && !enabled && !disabled && len(gained)+len(lost) == 0 && maps.Equal(was.Attributes, is.Attributes) {
		return
	}
	t.told("  %s: %s: account %s %s active=%v %v", t.name, what, id, is.Attributes["userName"], is.Active, is.Entitlements)
	if t.nobodys[id] {
		t.broke("%s: %s touched account %s (%s), which is nobody's: %+v, now %+v", t.name, what, id, was.Attributes["userName"], was, is)
		return
	}
	t.owned(what, id, is)
	if !existed {
		t.made(what, id, is)
	}
	owner := t.owner[id]
	if p := t.oracle.called(was.Attributes["userName"]); owner == "" && t.taken[id] == "" && p != nil {
		t.taken[id] = p.id
	}
	if owner == "" {
		owner = t.taken[id]
	}
	if enabled {
		t.mayGive(what, id, owner, "")
		t.signIn(id)
	}
	for _, name := range gained {
		if name == extra {
			t.broke("%s: %s gave %s to account %s, of which no role says anything", t.name, what, name, id)
			continue
		}
		t.mayGive(what, id, owner, name)
	}
	for _, name := range lost {
		if name == extra || slices.Contains(t.kept[id], name) && !t.loose[id] && t.everWanted(owner, name).IsZero() && !t.everWantedBy(was.Attributes["userName"], name) {
			t.broke("%s: %s took %s from account %s, which nobody gave it", t.name, what, name, id)
		}
	}
	if answered {
		t.ended(owner, lost)
		if disabled {
			t.ended(owner, []string{""})
		}
	}
}

// signsOut reports whether it ends sessions, by a call of its own.
func (t *target) signsOut() bool { return t.profile.Sessions.Path != "" }

// signIn has whoever may get in do so at once, and stay.
func (t *target) signIn(id string) {
	if t.signsOut() {
		t.provider.SignIn(id)
	}
}

// owned notes whose an account is, by what the bridge writes on it. It may be taken
// only from somebody who is gone.
func (t *target) owned(what, id string, is schema.Account) {
	owner, was := is.Attributes["externalId"], t.owner[id]
	if owner == was || owner == "" {
		return
	}
	if former := t.oracle.byID(was); former != nil && former.there() {
		t.broke("%s: %s takes account %s from %s, who is there, for %s", t.name, what, id, former.name, owner)
	}
	t.owner[id] = owner
}

// made judges an account that is new. Its owner may have another one already only where
// two searches did not show that.
func (t *target) made(what, id string, is schema.Account) {
	name := strings.ToLower(is.Attributes["userName"])
	for other := range t.is {
		if other != id && t.owner[id] != "" && t.owner[other] == t.owner[id] && t.blinded[name] < 2 {
			t.broke("%s: %s made account %s beside %s, which is of %s as well and was not hidden", t.name, what, id, other, t.owner[id])
		}
	}
	t.blinded[name] = 0
}

// hid notes that a search found nobody although somebody has the name.
func (t *target) hid(name string) {
	name = strings.ToLower(name)
	t.blinded[name]++
	for id, a := range t.is {
		if t.blinded[name] > 1 && strings.EqualFold(a.Attributes["userName"], name) {
			t.lost[id] = true
		}
	}
}

func (t *target) everWanted(identity, name string) time.Time {
	return t.oracle.lastWanted(identity, right{t.name, name}, time.Now())
}

// everWantedBy reports whether anybody who has the name, or had it, was ever to have it:
// which of them is meant by an account that nobody wrote to yet nobody can tell.
func (t *target) everWantedBy(userName, name string) bool {
	return slices.ContainsFunc(t.oracle.people, func(p *person) bool {
		return (strings.EqualFold(p.name, userName) || slices.Contains(p.formerly, userName)) && !t.everWanted(p.id, name).IsZero()
	})
}

// moment is how long the bridge may be behind what was told at one time: of several
// changes then, what the first takes away a later one may have given, which is done last.
const moment = time.Second

// mayGive judges whether somebody may be given something now; with no name, an
// account that is active.
func (t *target) mayGive(what, id, owner, name string) {
	wanted, removed := t.everWanted(owner, name), t.removed[owner][right{t.name, name}]
	switch {
	case wanted.IsZero():
		t.broke("%s: %s gave account %s of %s %q, which was never decided", t.name, what, id, owner, name)
	case wanted.Add(moment).Before(removed):
		t.broke("%s: %s gave account %s of %s %q again: it was decided last at %s, and taken away with success at %s",
			t.name, what, id, owner, name, stamp(wanted), stamp(removed))
	}
}

// ended notes that removals were answered with success.
func (t *target) ended(owner string, names []string) {
	if t.removed[owner] == nil {
		t.removed[owner] = map[right]time.Time{}
	}
	for _, name := range names {
		t.removed[owner][right{t.name, name}] = time.Now()
	}
}

func stamp(at time.Time) string { return at.UTC().Format("15:04:05.000") }

func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// agrees compares the target with what the oracle says, once all is quiet.
func (t *target) agrees() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.oracle.facts.Lock()
	defer t.oracle.facts.Unlock()
	now := time.Now()
	t.oracle.pass(now)
	for _, p := range t.oracle.people {
		if !p.there() && t.oracle.named(p.name) != p || p.name == guarded && t.name == "wiki" {
			continue // somebody else has the name now
		}
		want := t.oracle.at(p, t.name, now)
		settle := len(want) == 0 || t.waits[p.id] // people have to, and are told so
		own, named := t.of(p)
		own = slices.DeleteFunc(own, func(a schema.Account) bool { return t.holder[a.RemoteID] != p.id && t.mayBeAnOrphan(a) })
		if t.doubled && len(own) == 0 && len(named) > 1 && settle {
			continue // whose they are
		}
		switch {
		case len(own) > 1:
			t.broke("%s: %s has %d accounts: %+v", t.name, p.name, len(own), own)
		case len(own) == 1 && len(named) > 0 && own[0].Attributes["userName"] != p.name && settle:
			t.isAtMost(p, own[0], want) // somebody else had the name
		case len(own) == 0 && len(named) > 0 && t.isTheirs(named[0], p) && settle:
			continue // likewise
		case len(own)+len(named) == 0 && len(want) > 0:
			t.broke("%s: %s has no account, and is to have %v", t.name, p.name, want)
		case len(own)+len(named) > 0 && len(want) > 0:
			t.isAs(p, append(own, named...)[0], want)
		case len(own)+len(named) > 0:
			t.isEmpty(p, append(own, named...)[0])
		}
	}
}

// mayBeAnOrphan reports whether an account that was made for somebody may be nobody's to the
// bridge: two searches did not show it, or the one beside which it was made, it is reported
// with the id that it has, and either they have another one, or it lets nobody in and holds
// nothing, or others write there, so that it stays.
func (t *target) mayBeAnOrphan(a schema.Account) bool {
	owner, lost, another := t.owner[a.RemoteID], t.lost[a.RemoteID], false
	if !strings.Contains(t.said[a.RemoteID], "identity "+owner+",") {
		return false
	}
	for id := range t.is {
		if id != a.RemoteID {
			lost = lost || t.lost[id] && t.owner[id] == owner
			another = another || t.holder[id] == owner
		}
	}
	return lost && (another || t.shared || !a.Active && len(t.beyond(a, nil)) == 0)
}

// of returns the accounts that are somebody's, and those of others by their name.
func (t *target) of(p *person) (own, named []schema.Account) {
	for _, id := range slices.Sorted(maps.Keys(t.is)) {
		switch a := t.is[id]; {
		case t.owner[id] == p.id:
			own = append(own, a)
		case strings.EqualFold(a.Attributes["userName"], p.name):
			named = append(named, a)
		}
	}
	return own, named
}

// isTheirs reports whether an account is that of another one than p, who is there.
func (t *target) isTheirs(a schema.Account, p *person) bool {
	other := t.oracle.byID(cmp.Or(t.holder[a.RemoteID], t.owner[a.RemoteID]))
	return other != nil && other != p && other.there()
}

// isAtMost checks that an account has no more than what is wanted.
func (t *target) isAtMost(p *person, a schema.Account, want []string) {
	if more := t.beyond(a, want); len(more) > 0 || a.Active && len(want) == 0 {
		t.broke("%s: the account of %s is active=%v and holds %v beyond %v", t.name, p.name, a.Active, more, want)
	}
}

// isEmpty checks the account of somebody who is to have none.
func (t *target) isEmpty(p *person, a schema.Account) {
	if t.owner[a.RemoteID] == "" || t.holder[a.RemoteID] == "" && t.mayBeAnOrphan(a) {
		return // nobody's: it was there, and the bridge never had a reason to touch it; or an orphan, which is reported
	}
	if a.Active {
		t.broke("%s: the account of %s is active, with %v, and is to be disabled", t.name, p.name, a.Entitlements)
	}
	if t.signsOut() && t.provider.SignedIn(a.RemoteID) {
		t.broke("%s: the account of %s is disabled, and whoever was signed in is so still", t.name, p.name)
	}
	if left := t.beyond(a, nil); len(left) > 0 {
		t.broke("%s: the account of %s holds %v, and is to hold nothing", t.name, p.name, left)
	}
}

func (t *target) isAs(p *person, a schema.Account, want []string) {
	if !a.Active {
		t.broke("%s: the account of %s is disabled, and is to have %v", t.name, p.name, want)
	}
	if t.owner[a.RemoteID] != p.id || a.Attributes["userName"] != p.name {
		t.broke("%s: the account of %s (%s) says that it is of %s", t.name, p.name, p.id, fmt.Sprint(a.Attributes))
	}
	if missing := without(want, a.Entitlements); len(missing) > 0 {
		t.broke("%s: the account of %s holds %v, and is to hold %v", t.name, p.name, a.Entitlements, want)
	}
	if more := t.beyond(a, want); len(more) > 0 {
		t.broke("%s: the account of %s holds %v beyond %v", t.name, p.name, more, want)
	}
}

// beyond is what an account holds of the catalogue beyond what is wanted, and beyond
// what it held before the bridge knew it.
func (t *target) beyond(a schema.Account, want []string) (more []string) {
	for _, name := range without(a.Entitlements, want) {
		if name != extra && !slices.Contains(t.kept[a.RemoteID], name) {
			more = append(more, name)
		}
	}
	return more
}
