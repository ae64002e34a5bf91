// Package policytest runs a policy's own tests: the documents of kind Test, each
// of which states facts about one identity at a time and what must come of them.
// It is what `drawbridge policy test` runs, and what anyone's CI can.
package policytest

import (
	"fmt"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
)

// A Result is what came of one test.
type Result struct {
	Name     string   `json:"name"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Failures []string `json:"failures,omitempty"` // each says what was got and what was wanted
}

// OK reports whether the test passed.
func (r Result) OK() bool { return len(r.Failures) == 0 }

// Run runs every test of the set against the book, in the order of the documents.
func Run(book *policy.Book, set *policy.Set) []Result {
	results := make([]Result, len(set.Tests))
	for i, t := range set.Tests {
		file, line := t.Position()
		results[i] = Result{Name: t.Metadata.Name, File: file, Line: line, Failures: run(book, t)}
	}
	return results
}

// run runs one test.
func run(book *policy.Book, t *policy.Test) []string {
	var failures []string
	for i, m := range book.Try(t) {
		for _, failure := range at(book, m) {
			if i > 0 {
				failure = m.Now.Sub(t.Spec.Now).String() + " later: " + failure
			}
			failures = append(failures, failure)
		}
	}
	return failures
}

// at compares what comes of a test at one of its moments with what is expected.
func at(book *policy.Book, m policy.Moment) []string {
	access, want := m.Access, m.Expect
	c := comparison{access: access, afresh: m.Afresh, book: book}
	c.complete("assigned", want.Assigned, rolesWith(access, policy.Assigned))
	c.complete("entitlements", want.Entitlements, entitlements(access))
	for _, role := range want.NotAssigned {
		c.check("notAssigned", role, outcome(access, role) != policy.Assigned)
	}
	for _, role := range want.Eligible {
		c.asks("eligible", role, true)
	}
	for _, role := range want.NotEligible {
		c.asks("notEligible", role, false)
	}
	for _, role := range want.Indeterminate {
		c.check("indeterminate", role, outcome(access, role) == policy.Indeterminate)
	}
	for _, role := range want.Suspended {
		c.check("suspended", role, outcome(access, role) == policy.Suspended)
	}
	for _, role := range want.Held {
		c.check("held", role, outcome(access, role) == policy.Held)
	}
	for _, f := range want.Fired {
		c.fired("fired", access.Fired, f)
	}
	for _, f := range want.Pending {
		c.fired("pending", access.Pending, f)
	}
	c.complete("risks", texts(want.Risks), risks(access))
	return c.failures
}

// texts returns ids as text; nil where there is no list.
func texts(ids []policy.RiskID) []string {
	if ids == nil {
		return nil
	}
	all := []string{}
	for _, id := range ids {
		all = append(all, string(id))
	}
	return all
}

// risks returns the ids of what a machine is at risk of, each once.
func risks(a policy.Access) []string {
	ids := []string{}
	for _, r := range a.Risks {
		ids = append(ids, string(r.Risk))
	}
	return schema.Sorted(ids...)
}

// A comparison gathers what is not as a test wants it.
type comparison struct {
	book           *policy.Book
	access, afresh policy.Access
	failures       []string
}

func (c *comparison) failf(format string, args ...any) {
	c.failures = append(c.failures, fmt.Sprintf(format, args...))
}

// complete compares a list that is complete where it is given.
func (c *comparison) complete(field string, want, got []string) {
	if want == nil {
		return
	}
	if want = schema.Sorted(want...); !slices.Equal(got, want) {
		c.failf("%s: got [%s], want [%s]", field, strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

// check fails unless the role came out as wanted.
func (c *comparison) check(field, role string, ok bool) {
	if !ok {
		c.failf("%s: got role %s, want %s", field, c.describe(c.access, role), field)
	}
}

// asks fails unless the role could be asked for, or could not.
func (c *comparison) asks(field, role string, want bool) {
	got := outcome(c.afresh, role)
	if (got == policy.Eligible || got == policy.Assigned) != want {
		c.failf("%s: got role %s, want %s", field, c.describe(c.afresh, role), field)
	}
}

// fired fails unless one of those that fired, or are to, is as wanted.
func (c *comparison) fired(field string, all []policy.Fired, want policy.TestFired) {
	ok := slices.ContainsFunc(all, func(f policy.Fired) bool {
		return f.Role == want.Role && f.Trigger == want.Trigger && f.Action == want.Action
	})
	if ok {
		return
	}
	var got []string
	for _, f := range all {
		got = append(got, fmt.Sprintf("{%s %s %s}", f.Role, f.Trigger, f.Action))
	}
	c.failf("%s: got [%s], want {%s %s %s}", field, strings.Join(got, ", "), want.Role, want.Trigger, want.Action)
}

// describe says in words what became of a role.
func (c *comparison) describe(a policy.Access, role string) string {
	for _, v := range a.Verdicts {
		if v.Role == role {
			return fmt.Sprintf("%s %s (%s)", role, v.Outcome, v.Reason)
		}
	}
	for _, r := range c.book.Refused() {
		if r.Role == role {
			return fmt.Sprintf("%s refused (%s)", role, strings.Join(r.Codes, ", "))
		}
	}
	return role + " unknown"
}

func outcome(a policy.Access, role string) policy.Outcome {
	for _, v := range a.Verdicts {
		if v.Role == role {
			return v.Outcome
		}
	}
	return ""
}

func rolesWith(a policy.Access, want policy.Outcome) []string {
	var roles []string
	for _, v := range a.Verdicts {
		if v.Outcome == want {
			roles = append(roles, v.Role)
		}
	}
	return roles
}

func entitlements(a policy.Access) []string {
	var refs []string
	for _, line := range a.Assignments {
		refs = append(refs, line.Ref())
	}
	return refs
}
