package policy

import "cel.dev/cel-go/common/types"

// constant refuses a rule beside those of who holds a role that is the same whatever the
// facts: it looks like a condition, and is none.
func (c *compiler) constant(h *Header, path []string, r *rule, always Code) {
	if r == nil {
		return
	}
	field := path[len(path)-1]
	switch r.fixed {
	case types.True:
		if always != "" {
			c.report(h, always, path, "%s of %s is true whatever the facts", field, h.Ref()).hint("say when it is, or leave it out")
		}
	case types.False:
		c.report(h, CodeNobody, path, "%s of %s is false whatever the facts", field, h.Ref()).hint("say when it is true")
	}
}
