package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A Caller is who a credential says is calling, and which request it is.
type Caller struct {
	Name    string // as the credential is called
	Role    string // one of Roles
	Request string // id of the request, which the log has
}

// Actor is how decisions name the caller.
func (c Caller) Actor() string { return "token/" + c.Name }

// Roles are what callers may be, from least to most. Each may do what those
// before it may.
var Roles = []string{"viewer", "auditor", "approver", "operator", "admin"}

// Known reports whether it is a role.
func Known(role string) bool { return slices.Contains(Roles, role) }

// may reports whether the caller's role is at least the one that is needed.
func (c Caller) may(least string) bool {
	has := slices.Index(Roles, c.Role)
	return has >= 0 && has >= slices.Index(Roles, least)
}

type callerKey struct{}

// WithCaller returns a context that knows who calls.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// callerOf returns who calls; without one, a caller who may do nothing.
func callerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// forbidden says which role would do.
func forbidden(c Caller, least string) *Problem {
	i := slices.Index(Roles, least)
	p := NewProblem(http.StatusForbidden, fmt.Sprintf("This needs the role %s; the credential %s has %s.",
		strings.Join(Roles[i:], " or "), c.Name, c.Role))
	p.Code = "role"
	return p
}
