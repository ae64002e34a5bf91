package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"drawbridge/access"
	"drawbridge/access/erasure"
	"drawbridge/audit"
	"drawbridge/schema"
	"drawbridge/server/api"
)

// What follows is one operation of the API each.

func (c *client) explain(ctx context.Context, who, what string, at time.Time) (e access.Explanation, err error) {
	err = c.get(ctx, "/api/v1/explain", url.Values{"identity": {who}, "entitlement": {what}, "at": {instant(at)}}, &e)
	return e, err
}

func (c *client) plan(ctx context.Context, of map[string]any) (access.SavedPlan, error) {
	var answer api.PlanReply
	err := c.call(ctx, http.MethodPost, "/api/v1/policy/plan", of, &answer)
	return answer.SavedPlan, err
}

func (c *client) revoke(ctx context.Context, v access.Revocation, dryRun bool) (r api.Revoked, err error) {
	body := map[string]string{"identity": v.Identity, "role": v.Role, "reason": v.Reason}
	err = c.call(ctx, http.MethodPost, dry("/api/v1/revocations", dryRun), body, &r)
	return r, err
}

// instant is a time as the API reads it; none is nothing.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// dry asks for a change to be tried only.
func dry(path string, dryRun bool) string {
	if dryRun {
		return path + "?dryRun=true"
	}
	return path
}

func (c *client) sweeps(ctx context.Context) ([]api.SweepView, error) {
	var list api.List[api.SweepView]
	err := c.get(ctx, "/api/v1/sweeps", nil, &list)
	return list.Items, err
}

func (c *client) holds(ctx context.Context) ([]schema.Hold, error) {
	var list api.List[schema.Hold]
	err := c.get(ctx, "/api/v1/holds", nil, &list)
	return list.Items, err
}

func (c *client) release(ctx context.Context, h schema.Hold, reason string, dryRun bool) (r api.ReleaseReply, err error) {
	body := map[string]string{"plan": h.Plan, "reason": reason}
	err = c.call(ctx, http.MethodPost, dry("/api/v1/holds/"+url.PathEscape(h.ID)+"/release", dryRun), body, &r)
	return r, err
}

func (c *client) unpark(ctx context.Context, connector, identity string, dryRun bool) (r api.UnparkReply, err error) {
	body := map[string]string{"connector": connector, "identity": identity}
	err = c.call(ctx, http.MethodPost, dry("/api/v1/accounts/unpark", dryRun), body, &r)
	return r, err
}

func (c *client) held(ctx context.Context, q heldQuery) (lines []api.AssignmentView, more bool, err error) {
	lines, err = pages[api.AssignmentView](ctx, c, "/api/v1/assignments", url.Values{"identity": {q.who}, "entitlement": {q.entitlement}, "at": {instant(q.at)}}, q.limit+1)
	if len(lines) > q.limit {
		return lines[:q.limit], true, err
	}
	return lines, false, err
}

func (c *client) issue(ctx context.Context, t schema.Token, dryRun bool) (string, schema.Token, error) {
	var answer api.Issued
	body := map[string]any{}
	if t.Source != "" {
		body["source"] = t.Source
	} else {
		body["name"], body["role"] = t.Name, t.Role
	}
	if !t.Expires.IsZero() {
		body["expires"] = t.Expires
	}
	err := c.call(ctx, http.MethodPost, dry("/api/v1/tokens", dryRun), body, &answer)
	t.ID = answer.ID
	return answer.Secret, t, err
}

func (c *client) credentials(ctx context.Context) ([]access.Credential, error) {
	var list api.List[access.Credential]
	err := c.get(ctx, "/api/v1/credentials", nil, &list)
	return list.Items, err
}

func (c *client) revokeToken(ctx context.Context, id string, dryRun bool) (t api.TokenView, err error) {
	err = c.call(ctx, http.MethodDelete, dry("/api/v1/tokens/"+url.PathEscape(id), dryRun), nil, &t)
	return t, err
}

func (c *client) connectors(ctx context.Context) ([]api.ConnectorView, error) {
	var list api.List[api.ConnectorView]
	err := c.get(ctx, "/api/v1/connectors", nil, &list)
	return list.Items, err
}

func (c *client) sources(ctx context.Context) ([]api.SourceView, error) {
	var list api.List[api.SourceView]
	err := c.get(ctx, "/api/v1/sources", nil, &list)
	return list.Items, err
}

func (c *client) unmapped(ctx context.Context, source string) ([]api.UnmappedView, error) {
	var list api.List[api.UnmappedView]
	err := c.get(ctx, "/api/v1/sources/"+url.PathEscape(source)+"/unmapped", nil, &list)
	return list.Items, err
}

func (c *client) export(ctx context.Context, out io.Writer) error {
	return c.stream(ctx, "/api/v1/log/export", out)
}

func (c *client) prove(ctx context.Context, seq int64) (p audit.Inclusion, err error) {
	err = c.get(ctx, "/api/v1/log/proofs/"+strconv.FormatInt(seq, 10), nil, &p)
	return p, err
}

func (c *client) forget(ctx context.Context, e erasure.Forgetting, dryRun bool) (v api.Forgotten, err error) {
	body := map[string]string{"identity": e.Identity, "reason": e.Reason}
	err = c.call(ctx, http.MethodPost, dry("/api/v1/erasures", dryRun), body, &v)
	return v, err
}

func (c *client) backup(ctx context.Context, out io.Writer) error {
	return c.stream(ctx, "/api/v1/backup", out)
}

// stream copies an answer that may be long. One that was cut is an error.
func (c *client) stream(ctx context.Context, path string, out io.Writer) error {
	res, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, res.Body)
	return errors.Join(err, res.Body.Close())
}

// pages reads a list page by page, up to a limit.
func pages[T any](ctx context.Context, c *client, path string, query url.Values, limit int) ([]T, error) {
	all := []T{}
	if query == nil {
		query = url.Values{}
	}
	for len(all) < limit {
		query.Set("limit", strconv.Itoa(min(limit-len(all), 500)))
		var page api.List[T]
		if err := c.get(ctx, path, query, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			break
		}
		query.Set("cursor", page.Next)
	}
	return all, nil
}
