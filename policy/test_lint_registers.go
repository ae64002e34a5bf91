package policy

import (
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// testRegisters checks what a test says of others: who is excepted, and who took what.
func (c *compiler) testRegisters(t *Test, path []string, waived map[string]int, taken map[string]time.Time) {
	for _, rule := range slices.Sorted(maps.Keys(waived)) {
		at := append(slices.Clone(path), "waived", rule)
		c.testRule(t, at, rule)
		if waived[rule] < 0 {
			c.report(&t.Header, CodeDecode, at, "%d can not be excepted", waived[rule])
		}
	}
	for _, role := range slices.Sorted(maps.Keys(taken)) {
		c.testGlass(t, append(slices.Clone(path), "taken", role), role)
	}
}

// testRule checks that there is a rule from which somebody may be excepted.
func (c *compiler) testRule(t *Test, path []string, rule string) {
	kind, name, _ := strings.Cut(rule, "/")
	switch kind {
	case "constraint":
		c.testConstraint(t, path, name)
	case "role":
		c.testRole(t, path, name)
	case "trigger":
		c.testTrigger(t, path, name)
	default:
		c.report(&t.Header, CodeDecode, path, "%q is no rule from which somebody is excepted", rule).hint("write constraint/NAME, role/NAME or trigger/SET/NAME")
	}
}

// testGlass checks that a role is taken in emergencies.
func (c *compiler) testGlass(t *Test, path []string, name string) {
	if r := c.roleNamed(name); r != nil && r.Spec.Type != schema.BreakGlass {
		c.report(&t.Header, CodeDecode, path, "role %q is not for emergencies, and nobody takes it", name)
		return
	}
	c.testRole(t, path, name)
}

// testException checks that there is an exception of a name, or one that is asked for.
func (c *compiler) testException(t *Test, path []string, name string) {
	if !isAsked(name) && !slices.ContainsFunc(c.set.Registers.Exceptions, func(e *Exception) bool { return e.Metadata.Name == name }) {
		c.report(&t.Header, CodeDecode, path, "there is no exception %q", name)
	}
}
