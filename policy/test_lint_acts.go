package policy

import (
	"reflect"
	"slices"
	"strings"
)

// actFields are what each act reads, beside who does it.
var actFields = map[string][]string{
	"ask":      {"role", "from", "for", "ticket"},
	"approve":  {},
	"deny":     {},
	"withdraw": {},
	"except":   {"constraint", "role", "trigger", "for", "lasts", "scope", "ticket", "review"},
	"keep":     {"role", "trigger", "exception"},
	"end":      {"exception"},
	"revoke":   {"role"},
	"take":     {"role", "for", "ticket", "evidence", "unverified"},
	"furnish":  {"evidence"},
	"review":   {},
	"reject":   {},
	"rotate":   {"credential"},
	"halt":     {"connector"},
	"resume":   {"connector"},
}

// idle returns the fields of an act that are written and that it does not read.
func (a *TestAct) idle() (names []string) {
	reads, known := actFields[a.Does]
	v := reflect.ValueOf(*a)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if known && !v.Field(i).IsZero() && name != "who" && name != "does" && !slices.Contains(reads, name) {
			names = append(names, name)
		}
	}
	return names
}

// testActs checks what somebody does in a test.
func (c *compiler) testActs(t *Test, path []string, a *TestAct, holders map[string]int) {
	for role, n := range holders {
		at := append(slices.Clone(path), "holders", role)
		c.testRole(t, at, role)
		if n < 0 {
			c.report(&t.Header, CodeDecode, at, "%d can not hold a role", n)
		}
	}
	if a == nil {
		return
	}
	path = append(slices.Clone(path), "when")
	if idle := a.idle(); len(idle) > 0 {
		for _, name := range idle {
			c.report(&t.Header, CodeField, append(slices.Clone(path), name), "who does %s says nothing by %s", a.Does, name).hint("leave it out")
		}
		return
	}
	needs := slices.Contains([]string{"ask", "take", "revoke", "keep"}, a.Does)
	switch {
	case a.Does == "keep" && a.Exception != "":
		if a.Role != "" || a.Trigger != "" {
			c.report(&t.Header, CodeDecode, path, "an exception is kept, or a role").hint("write an act for each")
		}
	case needs && a.Role == "":
		c.report(&t.Header, CodeDecode, path, "it does not say which role they %s", a.Does).hint("write role")
	case a.Role != "":
		c.testRole(t, append(path, "role"), a.Role)
	case a.Does == "rotate" && a.Credential == "":
		c.report(&t.Header, CodeDecode, path, "it does not say which credential they rotate").hint("write credential")
	case a.Does == "furnish" && len(a.Evidence) == 0:
		c.report(&t.Header, CodeDecode, path, "it does not say which evidence they furnish").hint("write evidence")
	}
	if a.Does == "except" {
		c.testExcepts(t, path, a)
	}
	if a.Constraint != "" {
		c.testConstraint(t, append(slices.Clone(path), "constraint"), a.Constraint)
	}
	if a.Exception != "" {
		c.testException(t, append(slices.Clone(path), "exception"), a.Exception)
	}
	if a.Trigger != "" {
		c.testTrigger(t, append(path, "trigger"), a.Trigger)
	}
	if _, connected := c.book.connectors[a.Connector]; a.Connector != "" && !connected {
		c.report(&t.Header, CodeDecode, append(path, "connector"), "there is no connector %q", a.Connector)
	}
	c.known(&t.Header, append(path, "scope"), a.Scope)
}

// testExcepts checks what an exception is asked for from, and for how long.
func (c *compiler) testExcepts(t *Test, path []string, a *TestAct) {
	switch {
	case a.Constraint == "" && a.Role == "" && a.Trigger == "":
		c.report(&t.Header, CodeDecode, path, "it does not say what they ask to be excepted from").hint("write constraint, role or trigger")
	case a.For <= 0:
		c.report(&t.Header, CodeDecode, path, "it does not say for how long they are to be excepted").hint("write for")
	}
}
