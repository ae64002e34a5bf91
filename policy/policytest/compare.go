package policytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
)

// A comparison gathers what is not as a test wants it at one of its moments.
type comparison struct {
	policy.Moment
	book     *policy.Book
	test     *policy.Test
	failures []Failure
}

// fail notes a failure of a field of what is expected.
func (c *comparison) fail(field string, f Failure) {
	path := slices.Concat([]string{"spec"}, c.Path, []string{"expect", field})
	f.Line, f.At = c.test.Line(path...), c.Now
	f.Field = "expect." + field
	if len(c.Path) > 0 {
		f.Field = fmt.Sprintf("then[%s].%s", c.Path[1], f.Field)
	}
	c.failures = append(c.failures, f)
}

// access compares what became of roles.
func (c *comparison) access() {
	want := c.Expect
	c.complete("assigned", want.Assigned, c.roles(policy.Assigned))
	c.role("notAssigned", want.NotAssigned, "anything else", func(o policy.Outcome) bool { return o != policy.Assigned })
	for _, one := range []struct {
		field string
		roles []string
		is    policy.Outcome
	}{
		{"indeterminate", want.Indeterminate, policy.Indeterminate}, {"suspended", want.Suspended, policy.Suspended},
		{"held", want.Held, policy.Held}, {"blocked", want.Blocked, policy.Blocked},
	} {
		c.role(one.field, one.roles, string(one.is), func(o policy.Outcome) bool { return o == one.is })
	}
	c.asks("eligible", want.Eligible, true)
	c.asks("notEligible", want.NotEligible, false)
	for _, role := range want.Quarantined {
		if _, is := c.Quarantined[role]; !is {
			c.fail("quarantined", Failure{Missing: []string{role}, Extra: []string{c.describe(c.Access, role)}})
		}
	}
	for _, f := range want.Fired {
		c.fired("fired", c.Access.Fired, f)
	}
	for _, f := range want.Pending {
		c.fired("pending", c.Access.Pending, f)
	}
}

// lists compares lists that are complete where they are given.
func (c *comparison) lists() {
	want := c.Expect
	var refs, risks, breaks []string
	for _, line := range c.Access.Assignments {
		refs = append(refs, line.Ref())
	}
	for _, r := range c.Access.Risks {
		risks = append(risks, string(r.Risk))
	}
	for _, b := range c.Access.Breaks {
		breaks = append(breaks, b.Constraint)
	}
	c.complete("entitlements", want.Entitlements, refs)
	c.complete("reaches", want.Reaches, c.Reaches)
	c.complete("targets", want.Targets, c.Targets)
	c.complete("risks", texts(want.Risks), risks)
	c.complete("breaks", want.Breaks, breaks)
	c.complete("excepted", want.Excepted, c.Excepted)
	c.complete("owed", want.Owed, c.Owed)
	c.complete("lookAgain", want.LookAgain, c.LookAgain)
	c.complete("dominated", want.Dominated, c.Dominated)
	c.complete("undrilled", want.Undrilled, c.Undrilled)
	c.complete("rotate", want.Rotate, c.Rotate)
	c.complete("mayDecide", folded(want.MayDecide), c.MayDecide)
	for _, ref := range slices.Sorted(maps.Keys(want.Modes)) {
		got := "is not held"
		if i := slices.IndexFunc(c.Access.Assignments, func(a schema.Assignment) bool { return a.Ref() == ref }); i >= 0 {
			got = string(c.Access.Assignments[i].Mode)
		}
		c.same("modes", ref, want.Modes[ref], got)
	}
	for _, role := range slices.Sorted(maps.Keys(want.Until)) {
		got := "no grant"
		if until, granted := c.Until[role]; granted {
			got = moment(until)
		}
		c.same("until", role, moment(want.Until[role]), got)
	}
}

// standing compares how what people did stands. What is refused must be expected.
func (c *comparison) standing() {
	want := c.Expect
	switch {
	case want.Refused == c.Refused:
	case want.Refused == "":
		c.fail("refused", Failure{Message: "it is refused", Extra: []string{c.Refused}})
	case c.Refused == "":
		c.fail("refused", Failure{Message: "it is not refused", Missing: []string{want.Refused}})
	case !strings.Contains(c.Refused, want.Refused):
		c.fail("refused", Failure{Message: "it is refused for another reason", Missing: []string{want.Refused}, Extra: []string{c.Refused}})
	}
	because := ""
	if c.Because != "" {
		because = " (" + c.Because + ")"
	}
	if want.Request != "" && want.Request != string(c.Request) {
		c.same("request", "", want.Request, orNone(string(c.Request))+because)
	}
	if want.Stage != 0 && want.Stage != c.Stage {
		c.same("stage", "", fmt.Sprint(want.Stage), fmt.Sprint(c.Stage)+because)
	}
	if want.Exception != "" && want.Exception != string(c.Exception) {
		c.same("exception", "", want.Exception, orNone(string(c.Exception))+because)
	}
	if want.Bypass != "" && want.Bypass != string(c.Bypass) {
		c.same("bypass", "", want.Bypass, orNone(string(c.Bypass)))
	}
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
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

// folded returns addresses in lower case; nil where there is no list.
func folded(addresses []string) []string {
	if addresses == nil {
		return nil
	}
	all := []string{}
	for _, a := range addresses {
		all = append(all, strings.ToLower(a))
	}
	return all
}

// same compares one value, of something.
func (c *comparison) same(field, of, want, got string) {
	if got == want {
		return
	}
	if of != "" {
		want, got = of+": "+want, of+": "+got
	}
	c.fail(field, Failure{Missing: []string{want}, Extra: []string{got}})
}

// complete compares a list that is complete where it is given. Of a role it says why it is
// there, or is not.
func (c *comparison) complete(field string, want, got []string) {
	if want == nil {
		return
	}
	want, got = schema.Sorted(want...), schema.Sorted(got...)
	var f Failure
	for _, one := range want {
		if !slices.Contains(got, one) {
			f.Missing = append(f.Missing, c.why(field, one))
		}
	}
	for _, one := range got {
		if !slices.Contains(want, one) {
			f.Extra = append(f.Extra, c.why(field, one))
		}
	}
	if len(f.Missing)+len(f.Extra) > 0 {
		c.fail(field, f)
	}
}

func (c *comparison) why(field, name string) string {
	if field == "assigned" {
		return c.describe(c.Access, name)
	}
	return name
}

// role compares what became of roles that are named.
func (c *comparison) role(field string, roles []string, what string, is func(policy.Outcome) bool) {
	var f Failure
	for _, role := range roles {
		if !is(outcome(c.Access, role)) {
			f.Missing, f.Extra = append(f.Missing, role+" "+what), append(f.Extra, c.describe(c.Access, role))
		}
	}
	if len(f.Missing) > 0 {
		c.fail(field, f)
	}
}

// asks compares whether roles could be asked for.
func (c *comparison) asks(field string, roles []string, want bool) {
	var f Failure
	for _, role := range roles {
		if got := outcome(c.Afresh, role); (got == policy.Eligible || got == policy.Assigned) != want {
			f.Missing, f.Extra = append(f.Missing, role+" "+field), append(f.Extra, c.describe(c.Afresh, role))
		}
	}
	if len(f.Missing) > 0 {
		c.fail(field, f)
	}
}

// fired compares one of those that fired, or are to.
func (c *comparison) fired(field string, all []policy.Fired, want policy.TestFired) {
	text := func(role, trigger, action string) string { return role + ": " + trigger + " " + action }
	f := Failure{Missing: []string{text(want.Role, want.Trigger, want.Action)}}
	for _, one := range all {
		if one.Role == want.Role {
			f.Extra = append(f.Extra, text(one.Role, one.Trigger, one.Action))
		}
	}
	if slices.Contains(f.Extra, f.Missing[0]) {
		return
	}
	if len(f.Extra) == 0 {
		f.Message = fmt.Sprintf("nothing of role %s is %s", want.Role, field)
	}
	c.fail(field, f)
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

// roles returns those with an outcome.
func (c *comparison) roles(is policy.Outcome) (roles []string) {
	for _, v := range c.Access.Verdicts {
		if v.Outcome == is {
			roles = append(roles, v.Role)
		}
	}
	return roles
}
