package policy

import "slices"

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
	needs := slices.Contains([]string{"ask", "take", "revoke", "keep"}, a.Does)
	switch {
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
