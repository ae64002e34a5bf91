package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"drawbridge/schema"
)

// A Caller is who a credential says is calling, and which request it is.
type Caller struct {
	Name    string // as the credential is called
	Role    schema.APIRole
	Request string // id of the request, which the log has
	Person  string // who the credential stands for, as sources know them: an id, a userName or an email address
	Auth    string // how it was known: token, oidc, certificate
	ID      string // of the identity that logged in, where there is no credential of the API's
}

// Actor is how decisions name the caller.
func (c Caller) Actor() string {
	if strings.HasPrefix(c.Auth, AuthLocal) {
		return c.Name
	}
	if c.ID != "" {
		return "identity/" + c.ID // a name of theirs could be that of a token
	}
	return "token/" + c.Name
}

// AuthLocal is how who works at the machine itself is known: by its own accounts. Their
// name is the actor, local/USER.
const AuthLocal = "local"

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
func forbidden(c Caller, least schema.APIRole) *Problem {
	var would []string
	for _, role := range schema.APIRoles() {
		if role.AtLeast(least) {
			would = append(would, string(role))
		}
	}
	p := NewProblem(http.StatusForbidden, fmt.Sprintf("This needs the role %s; the credential %s has %s.",
		strings.Join(would, " or "), c.Name, c.Role))
	p.Code = "role"
	return p
}
