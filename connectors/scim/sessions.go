package scim

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"drawbridge/connectors"
	"drawbridge/connectors/course"
)

// SCIM has no word for what somebody is signed in with. Where a target has a call of its
// own that ends it, being disabled is both: an account that reads as disabled may be so
// by the first request alone, and whoever is signed in goes on. So both are made again
// until both were answered.

// signsOut reports whether sessions are ended by a call.
func (c *Connector) signsOut() bool { return c.profile.Sessions.Path != "" }

// disabling adds the step that disables, where what is signed in is still to be ended.
func (m *move) disabling(steps []connectors.Step) []connectors.Step {
	disables := func(s connectors.Step) bool { return s.Verb == connectors.Disable }
	if m.ends && m.Is.Exists() && !slices.ContainsFunc(steps, disables) {
		return slices.Insert(steps, 0, connectors.Step{Verb: connectors.Disable})
	}
	return steps
}

// signOut ends what the account is signed in with.
func (m *move) signOut(ctx context.Context) error {
	err := m.endSessions(ctx, m.Is.RemoteID)
	if statusOf(err) != http.StatusNotFound {
		return err
	}
	if err := m.Look(ctx); err != nil {
		return err
	}
	if !m.Is.Exists() {
		return course.ErrAgain
	}
	return permanent("the account is there, and %w: correct sessions.path of the profile", err)
}

func (c *Connector) endSessions(ctx context.Context, id string) error {
	if !c.signsOut() {
		return nil
	}
	if err := connectors.Named(id); err != nil {
		return err
	}
	s := c.profile.Sessions
	r, err := c.web.Follow(strings.ReplaceAll(s.Path, "{id}", url.PathEscape(id)))
	if err != nil {
		return err
	}
	r.Method = s.Method
	_, err = c.send(ctx, call{method: s.Method, path: s.Path}, r)
	return err
}
