package sql

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"drawbridge/connectors"
)

// The options that are queries.
const (
	optAccounts     = "accounts"
	optMemberships  = "memberships"
	optEntitlements = "entitlements"
	optSessions     = "sessions"
)

// The options that are statements.
const (
	optCreate     = "create"
	optUpdate     = "update"
	optEnable     = "enable"
	optDisable    = "disable"
	optDelete     = "delete"
	optGrant      = "grant"
	optRevoke     = "revoke"
	optEndSession = "endSession"
)

// The columns that are not attributes.
const (
	colID          = "id"
	colActive      = "active"
	colProtected   = "protected"
	colLastUsed    = "lastUsed"
	colAccount     = "account"
	colEntitlement = "entitlement"
)

// settings is what the options of a connector come to.
type settings struct {
	*dialect
	server

	login        string // the account we are
	accounts     *query
	memberships  *query                 // nil: there are no entitlements
	entitlements *query                 // nil: which there are is not known
	sessions     []statement            // one, or none
	writes       map[string][]statement // by option
	attributes   []string               // that accounts shows

	usedBehind time.Duration    // how long ago that may have been which lastUsed shows
	now        func() time.Time // of those times

	atomic      bool // what is done to one account is one transaction
	timeout     time.Duration
	connections int
	pageSize    int
}

// paths are the attributes that the bridge tells targets of: one that is spelled
// otherwise is a slip.
var paths = []string{
	"userName", "externalId", "displayName", "name.givenName", "name.familyName", "emails.value", "title", "userType",
	"department", "employeeNumber",
}

// allowed are the parameters of each option that are not attributes.
var allowed = map[string][]string{
	optCreate: {}, optUpdate: {paramID}, optEnable: {paramID}, optDisable: {paramID}, optDelete: {paramID},
	optGrant: {paramID, paramEntitlement}, optRevoke: {paramID, paramEntitlement},
	optSessions: {paramID}, optEndSession: {paramID, paramSession},
}

// read returns the settings that the configuration comes to, or everything that
// is wrong with it.
func read(c connectors.Config) (*settings, error) {
	r := &reader{Config: c}
	r.check(c.Known(slices.Sorted(slices.Values(slices.Concat(
		slices.Collect(maps.Keys(allowed)), []string{optAccounts, optMemberships, optEntitlements, "timeout", "connections", "pageSize"}, serverOptions,
	)))...))
	s := &settings{
		timeout:     r.duration("timeout", 30*time.Second),
		connections: r.number("connections", 4, 100), pageSize: r.number("pageSize", 500, 10_000),
		writes: map[string][]statement{}, usedBehind: c.Profile.UsedBehind, now: time.Now,
	}
	r.check(s.locate(c))
	if s.dialect == nil {
		return nil, errors.Join(r.errs...) // what the statements mean is not known
	}
	s.queries(r)
	for _, option := range slices.Sorted(maps.Keys(allowed)) {
		if option != optSessions {
			s.writes[option] = s.statements(r, option)
		}
	}
	s.complete(r)
	s.atomic = !slices.ContainsFunc(slices.Concat(slices.Collect(maps.Values(s.writes))...), statement.commits)
	return s, errors.Join(r.errs...)
}

// queries reads the options that are queries.
func (s *settings) queries(r *reader) {
	if r.Options[optAccounts] == "" {
		r.wrong(optAccounts, 0, "is missing: write a query that shows id, active, userName and whatever else is to be kept")
	}
	s.accounts = s.query(r, optAccounts, colID, colActive)
	s.memberships = s.query(r, optMemberships, colAccount, colEntitlement)
	s.entitlements = s.query(r, optEntitlements, colEntitlement)
	if s.accounts != nil {
		for _, c := range s.accounts.columns {
			if slices.Contains([]string{colID, colActive, colProtected, colLastUsed}, c.name) {
				continue
			}
			s.attributes = append(s.attributes, c.name)
			if i := slices.IndexFunc(paths, func(p string) bool { return strings.EqualFold(p, c.name) }); i >= 0 && paths[i] != c.name {
				r.wrong(optAccounts, 0, "shows %s, which is written %s", c.name, paths[i])
			}
		}
		for _, path := range r.Profile.Match {
			if s.accounts.at(path) < 0 {
				r.wrong(optAccounts, 0, "shows no %s, which the profile matches accounts by", path)
			}
		}
	}
	s.sessions = s.statements(r, optSessions)
	for _, q := range s.sessions {
		if len(s.sessions) > 1 || !slices.Contains(reads, q.verb()) {
			r.wrong(optSessions, 0, "wants one query, whose first column is the session")
		}
	}
}

// query reads one query, which must show the columns.
func (s *settings) query(r *reader, option string, columns ...string) *query {
	if r.Options[option] == "" {
		return nil
	}
	q, err := newQuery(s.dialect, option, r.Options[option])
	if err != nil {
		r.misread(option, err)
		return nil
	}
	for _, name := range columns {
		if q.at(name) < 0 {
			r.wrong(option, 0, "shows no column %s", name)
			q = nil
			break
		}
	}
	if q != nil && len(q.names()) > 0 {
		r.wrong(option, 0, "has a parameter :%s, and is asked for everything", q.names()[0])
	}
	return q
}

// statements reads an option's statements, and looks at their parameters.
func (s *settings) statements(r *reader, option string) []statement {
	all, err := statements(s.dialect, option, r.Options[option])
	if err != nil {
		r.misread(option, err)
		return nil
	}
	for _, one := range all {
		for _, t := range one.tokens {
			if t.kind == value || t.kind == ident {
				s.parameter(r, one, t)
			}
		}
		s.about(r, one)
	}
	return all
}

// parameter refuses one that stands for nothing, or where nothing can be bound.
func (s *settings) parameter(r *reader, one statement, t token) {
	known := slices.Concat(allowed[one.option], s.attributes)
	if one.option == optUpdate {
		for _, a := range s.attributes {
			known = append(known, wasPrefix+a)
		}
	}
	switch {
	case s.accounts == nil: // which there are is not known
	case !slices.Contains(known, t.name):
		r.wrong(one.option, t.line, "has an unknown parameter :%s: there are %s", t.name, strings.Join(known, ", "))
	case t.kind == value && !slices.Contains(binds, one.verb()):
		r.wrong(one.option, t.line, "binds :%s, and %s takes no values: where a name is wanted, write :%q", t.name, one.verb(), t.name)
	}
}

// about refuses a statement that does not say which account it is about: it would
// be about all of them.
func (s *settings) about(r *reader, one statement) {
	names := one.names()
	account := slices.Concat([]string{paramID}, r.Profile.Match)
	for _, path := range r.Profile.Match {
		if one.option == optUpdate {
			account = append(account, wasPrefix+path)
		}
	}
	mentions := func(these []string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(these, n) })
	}
	switch {
	case one.option == optEndSession:
		if !mentions([]string{paramSession}) {
			r.wrong(one.option, one.line(), "does not say which session: use :session")
		}
	case !mentions(account):
		r.wrong(one.option, one.line(), "does not say which account: use :%s", strings.Join(account, " or :"))
	case (one.option == optGrant || one.option == optRevoke) && !mentions([]string{paramEntitlement}):
		r.wrong(one.option, one.line(), "does not say which entitlement: use :entitlement")
	}
}

// line returns the line on which the statement begins.
func (s statement) line() int {
	i := slices.IndexFunc(s.tokens, func(t token) bool { return t.kind != blank })
	return s.tokens[max(0, i)].line
}

// complete finds options that are missing for others.
func (s *settings) complete(r *reader) {
	needs := func(because, option string) {
		if strings.TrimSpace(r.Options[option]) == "" {
			r.wrong(option, 0, "is missing: %s", because)
		}
	}
	switch {
	case r.Profile.Deactivate != connectors.DeactivateDelete:
		needs("it says how an account is disabled (or let the profile say deactivate: delete)", optDisable)
		needs("it says how an account is enabled again", optEnable)
	case !r.AllowIrreversible:
		r.wrong(optDelete, 0, "cannot be undone, and the profile disables by it: say allowIrreversible: true as well, or disable")
	default:
		needs("the profile disables accounts by it", optDelete)
	}
	if r.Options[optMemberships] != "" {
		needs("there are memberships to give", optGrant)
		needs("there are memberships to take", optRevoke)
	}
	if (r.Options[optSessions] == "") != (r.Options[optEndSession] == "") {
		r.wrong(optSessions, 0, "and %s need each other", optEndSession)
	}
	if r.Options[optGrant] != "" && r.Options[optMemberships] == "" {
		r.wrong(optMemberships, 0, "is missing: what was granted could not be seen")
	}
}

// written reports whether the option's statements write the attribute.
func (s *settings) written(option, path string) bool {
	return slices.ContainsFunc(s.writes[option], func(one statement) bool { return slices.Contains(one.names(), path) })
}

// A reader reads options and gathers what is wrong with them.
type reader struct {
	connectors.Config
	errs []error
}

func (r *reader) check(err error) {
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

// wrong adds what is wrong with an option, on a line of its text if that is known.
func (r *reader) wrong(option string, line int, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%soption %s %s", r.At(option, line), option, fmt.Sprintf(format, args...)))
}

func (r *reader) misread(option string, err error) {
	line := 0
	if m, ok := errors.AsType[*misread](err); ok {
		line = m.line
	}
	r.wrong(option, line, "cannot be read: %v", err)
}

func (r *reader) duration(name string, otherwise time.Duration) time.Duration {
	if r.Options[name] == "" {
		return otherwise
	}
	d, err := time.ParseDuration(r.Options[name])
	if err != nil || d < time.Millisecond {
		r.wrong(name, 0, "is %q, want a duration such as 30s", r.Options[name])
	}
	return d
}

func (r *reader) number(name string, otherwise, most int) int {
	if r.Options[name] == "" {
		return otherwise
	}
	n, err := strconv.Atoi(r.Options[name])
	if err != nil || n < 1 || n > most {
		r.wrong(name, 0, "is %q, want a number from 1 to %d", r.Options[name], most)
	}
	return n
}
