// Package describe says what is known of a target before anybody asks it anything: what
// can be done there and what cannot, what cannot be undone, how fast, and where each of it
// was read. All of it stands in the connector's configuration, in its profile, in the
// comments there that cite a source, and in what its kind is able to do.
package describe

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/connectors"
)

// A Description is what is known of a target.
type Description struct {
	Connector string      `json:"connector,omitempty"` // its name; empty: a profile is described, which no connector has
	Kind      string      `json:"kind"`
	Profile   string      `json:"profile,omitempty"`
	Title     string      `json:"title"`
	Address   string      `json:"address,omitempty"`
	Can       []Statement `json:"can"`
	Cannot    []Statement `json:"cannot"`
	ForGood   []Statement `json:"forGood"` // what cannot be undone
	Limits    []Statement `json:"limits"`
	Access    []Statement `json:"access"`  // how the bridge shows who it is, and for how long
	Demands   []string    `json:"demands"` // what no client can do anything about
	Unknown   []string    `json:"unknown"` // what nobody has found out
	Notes     []string    `json:"notes"`   // what the profile begins with: how to fill it in, and where it was read
}

// A Statement is one thing that is known, or taken for granted.
type Statement struct {
	Says string `json:"says"`
	Key  string `json:"key,omitempty"` // of the profile
	From From   `json:"from"`
	Read string `json:"read,omitempty"` // where, as the profile cites it
}

// From is what a statement rests on.
type From string

// What statements rest on.
const (
	Stated     From = "profile"       // the profile says so
	Assumed    From = "assumed"       // nobody has found out, and this is gone by until somebody does
	Usual      From = "default"       // the profile says nothing else: as RFC 7644 has it, or gentle
	Able       From = "connector"     // of the kind, as it is configured
	Configured From = "configuration" // of this bridge
)

// Of describes the target of a connector. The connector may be nil: then it is its
// profile that is described, and nothing that depends on how it is configured is told.
func Of(c connectors.Config, target connectors.Connector) Description {
	d := &Description{
		Connector: c.Name, Kind: cmp.Or(c.Kind, c.Profile.Kind, "scim"), Profile: c.ProfileName, Title: c.Profile.Title, Address: c.BaseURL,
		Can: []Statement{}, Cannot: []Statement{}, ForGood: []Statement{}, Limits: []Statement{}, Access: []Statement{},
		Demands: given(c.Profile.Restrictions), Unknown: given(c.Profile.Unknown),
	}
	w := writer{Description: d, c: c, p: c.Profile, target: target}
	w.notes, w.lines = comments(c.ProfileText)
	d.Notes = given(w.notes)
	if asker, asks := target.(connectors.Asker); asks {
		w.asked(asker.Terms())
		return *d
	}
	w.accounts()
	w.groups()
	w.seen()
	w.ends()
	w.limits()
	w.access()
	return *d
}

func given(texts []string) []string { return append([]string{}, texts...) }

// A writer writes a description.
type writer struct {
	*Description
	c      connectors.Config
	p      connectors.Profile
	target connectors.Connector
	notes  []string
	lines  map[string]string // the comment of each key that the profile has
}

// say adds what follows from a key of the profile.
func (w *writer) say(to *[]Statement, key, format string, args ...any) {
	s := Statement{Says: fmt.Sprintf(format, args...), Key: key, From: Usual}
	for at := key; at != ""; at = parent(at) {
		read, stated := w.lines[at]
		if stated && s.From == Usual {
			s.From = Stated
		}
		s.Read = cmp.Or(s.Read, read)
	}
	if w.unknown(key) {
		s.From = Assumed
	}
	*to = append(*to, s)
}

// tell adds what follows from something else.
func (w *writer) tell(to *[]Statement, from From, format string, args ...any) {
	*to = append(*to, Statement{Says: fmt.Sprintf(format, args...), From: from})
}

// unknown reports whether the profile says of a key that nobody has found it out.
func (w *writer) unknown(key string) bool {
	return slices.ContainsFunc(w.p.Unknown, func(u string) bool { return key == u || strings.HasPrefix(key, u+".") })
}

// parent is the key that a key is in.
func parent(key string) string {
	return key[:max(0, strings.LastIndex(key, "."))]
}

// scim reports whether the keys that are about requests are the ones the target is
// spoken to by.
func (w *writer) scim() bool { return w.Kind == "scim" }

func (w *writer) asked(terms connectors.Terms) {
	w.tell(&w.Can, Able, "people are asked: %s, within %s, and %s for what ends access", cmp.Or(terms.Assignee, "whoever takes it"), span(terms.Within), span(terms.EndsWithin))
	w.tell(&w.Cannot, Able, "be called: what is done is as somebody says that it was, and open until then")
}

// accounts says how accounts are found, made and changed.
func (w *writer) accounts() {
	a := w.p.Attributes
	if w.p.Hidden {
		w.say(&w.Cannot, "hidden", "show accounts that the bridge did not make: none of them is adopted")
	} else {
		w.say(&w.Can, "match", "accounts that are there already are found, by %s", strings.Join(w.p.Match, ", then by "))
	}
	if w.scim() {
		w.say(&w.Can, "update", "accounts are changed, by %s", strings.ToUpper(string(w.p.Update)))
	}
	if len(a.Required) > 0 {
		w.say(&w.Cannot, "attributes.required", "have an account without %s", strings.Join(a.Required, ", "))
	}
	for _, list := range []struct {
		key, says string
		names     []string
	}{
		{"attributes.singleValued", "keep more than one value of %s", a.SingleValued},
		{"attributes.omit", "be told of %s", a.Omit},
		{"attributes.uncleared", "clear %s once it is set", a.Uncleared},
		{"attributes.caseKept", "change nothing but the case of %s", a.CaseKept},
	} {
		if len(list.names) > 0 {
			w.say(&w.Cannot, list.key, list.says, strings.Join(list.names, ", "))
		}
	}
	switch {
	case slices.Contains(a.Fixed, "*"):
		w.say(&w.Cannot, "attributes.fixed", "change any attribute of an account that is there")
	case len(a.Fixed) > 0:
		w.say(&w.Cannot, "attributes.fixed", "change %s of an account that is there", strings.Join(a.Fixed, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(a.MaxLength)) {
		w.say(&w.Limits, "attributes.maxLength", "%s has at most %d characters", name, a.MaxLength[name])
	}
	for _, name := range slices.Sorted(maps.Keys(a.Forbidden)) {
		w.say(&w.Cannot, "attributes.forbidden", "have %s in %s", a.Forbidden[name], name)
	}
}

// groups says what there is to hold.
func (w *writer) groups() {
	g := w.p.Groups
	if w.p.Account != "" {
		w.say(&w.Can, "account", "who has an active account holds %q", w.p.Account)
	}
	if !w.scim() {
		return
	}
	if g.Of == connectors.GroupsOfNone {
		w.say(&w.Cannot, "groups.of", "have groups")
		return
	}
	w.say(&w.Can, "groups.called", "an entitlement is a %s, by its displayName", g.Noun())
	w.say(&w.Can, "groups.update", "members are added and removed, by %s", strings.ToUpper(string(g.Update)))
	switch g.Of {
	case connectors.GroupsOfPair:
		w.say(&w.Cannot, "groups.of", "say what somebody is in, but for the %ss of the catalogue, one by one", g.Noun())
	case connectors.GroupsOfList:
		w.say(&w.Can, "groups.of", "what somebody holds is read from all %ss with all their members", g.Noun())
	case connectors.GroupsOfFilter:
		w.say(&w.Can, "groups.of", "what somebody holds is asked for by a filter of %ss", g.Noun())
	default:
		w.say(&w.Can, "groups.of", "what somebody holds stands in their account")
	}
	if w.p.Order == connectors.AnyOrder {
		w.say(&w.Cannot, "order", "refuse a member who is not there: whoever is made one is looked at before")
	}
}

// seen says what of the target the bridge can see.
func (w *writer) seen() {
	if w.target == nil {
		return
	}
	can := func(is bool, yes, no string) {
		if is {
			w.tell(&w.Can, Able, "%s", yes)
		} else {
			w.tell(&w.Cannot, Able, "%s", no)
		}
	}
	_, reads := w.target.(connectors.Reader)
	_, lists := w.target.(connectors.Lister)
	_, names := w.target.(connectors.EntitlementLister)
	can(reads, "an account is read back: what was taken away is verified", "be read back: no revocation is ever verified")
	can(lists, "all accounts are listed: they can be imported, and drift is found", "list its accounts: nothing is imported, and drift is not found")
	can(names, "what there is to hold is listed", "list what there is to hold: a mistyped target is found when it is given")
	can(connectors.TellsUse(w.target), "it says when accounts were used last", "say when accounts were used last")
	if r, ok := w.target.(connectors.Rotator); ok && r.Rotates() {
		w.tell(&w.Can, Able, "the secrets of machines are changed")
	}
}

// ends says how access ends.
func (w *writer) ends() {
	d, describes := w.target.(connectors.Describer)
	switch {
	case describes:
		can, cannot := d.Describe()
		for _, says := range can {
			w.tell(&w.Can, Able, "%s", says)
		}
		for _, says := range cannot {
			w.tell(&w.Cannot, Able, "%s", says)
		}
	case w.p.Deactivate == connectors.DeactivateDelete:
		w.say(&w.Can, "deactivate", "accounts are disabled, by being deleted")
	default:
		w.say(&w.Can, "deactivate", "accounts are disabled, and their place is kept")
	}
	switch {
	case w.scim() && w.p.Sessions.Path != "":
		w.say(&w.Can, "sessions.path", "what somebody is signed in with is ended when they are disabled, by %s %s", w.p.Sessions.Method, w.p.Sessions.Path)
	case w.scim():
		w.say(&w.Cannot, "sessions.path", "be told to end what somebody is signed in with: SCIM has no word for it")
	}
	final := w.p.Irreversible
	if w.target != nil {
		final = connectors.EndsForGood(w.target, w.p)
	}
	if !final {
		return
	}
	w.say(&w.ForGood, "irreversible", "a disabled account cannot be had back")
	switch {
	case w.Connector == "":
	case w.c.AllowIrreversible:
		w.tell(&w.ForGood, Configured, "allowIrreversible is on: who leaves is disabled there all the same")
	default:
		w.tell(&w.ForGood, Configured, "allowIrreversible is off: nobody is disabled, and who leaves is parked, visibly, until a person does it there")
	}
}

// limits says how much at once, and how fast.
func (w *writer) limits() {
	g, r := w.p.Groups, w.p.Rate
	if w.scim() && g.Of != connectors.GroupsOfNone && g.Update == connectors.UpdatePatch {
		w.number("groups.maxMembers", g.MaxMembers, "%s members in one request")
		w.number("groups.maxBytes", g.MaxBytes, "%s bytes in one request about members")
	}
	if g.PerHour > 0 {
		w.number("groups.perHour", g.PerHour, "%s may join one "+g.Noun()+" in an hour")
	}
	if w.scim() {
		w.say(&w.Limits, "paging.size", "%d in a page, by %s", w.p.Paging.Size, w.p.Paging.Style)
		w.say(&w.Limits, "filter.operators", "filters have no more than %s", strings.Join(w.p.Filter.Operators, ", "))
		if len(w.p.Filter.Attributes) > 0 {
			w.say(&w.Limits, "filter.attributes", "and only %s", strings.Join(w.p.Filter.Attributes, ", "))
		}
	}
	w.number("concurrency", w.p.Concurrency, "%s calls at once")
	whose := ""
	if r.Shared {
		whose = ", together with everybody else who calls it"
	}
	if r.PerSecond == 0 && r.PerHour == 0 && len(r.Methods)+len(r.Calls) == 0 {
		w.say(&w.Limits, "rate", "no rate is kept to")
	}
	w.rate("rate", "calls", r.PerSecond, r.PerHour, whose)
	for _, method := range slices.Sorted(maps.Keys(r.Methods)) {
		m := r.Methods[method]
		w.rate("rate.methods", method, m.PerSecond, m.PerHour, whose)
	}
	for _, call := range r.Calls {
		of := strings.TrimSpace(call.Method + " " + call.Path)
		if call.Over > 0 {
			of += fmt.Sprintf(" of more than %d bytes", call.Over)
		}
		w.rate("rate.calls", of, call.PerSecond, call.PerHour, whose)
	}
	if w.c.Shares != "" {
		w.tell(&w.Limits, Configured, "its rate is one with that of the other connectors that share %q", w.c.Shares)
	}
}

func (w *writer) number(key string, n int, format string) {
	text := "any number of"
	if n > 0 {
		text = fmt.Sprint(n)
	}
	w.say(&w.Limits, key, format, text)
}

func (w *writer) rate(key, of string, perSecond float64, perHour int, whose string) {
	if perSecond > 0 {
		w.say(&w.Limits, key, "%g %s a second%s", perSecond, of, whose)
	}
	if perHour > 0 {
		w.say(&w.Limits, key, "%d %s an hour%s", perHour, of, whose)
	}
}

// access says how the bridge shows who it is.
func (w *writer) access() {
	if slices.Contains([]string{"file", "memory"}, w.Kind) {
		return
	}
	if !slices.Contains([]string{"ldap", "sql"}, w.Kind) {
		w.say(&w.Access, "auth.scheme", "the credential is sent as %s", w.p.Auth.Scheme)
	}
	if w.p.Token.Life > 0 {
		w.say(&w.Access, "token.life", "it lives %s", span(w.p.Token.Life))
	}
	if w.p.Token.Owner != "" {
		w.say(&w.Access, "token.owner", "it ends when %s leaves", w.p.Token.Owner)
	}
}

// span is how people say a duration.
func span(d time.Duration) string {
	if day := 24 * time.Hour; d >= 2*day && d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	if d%time.Hour == 0 {
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return d.String()
}
