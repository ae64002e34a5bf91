package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// An idp is the company's identity provider: it speaks SCIM to the bridge as any
// other would, over HTTP, and remembers the ids it was given.
type idp struct {
	base   string // ends in /scim/v2
	token  string
	client *http.Client
	people []person
	users  map[string]string // userName to the bridge's id
	groups map[string]string // displayName to the bridge's id
}

func newIDP(base, token string, people []person) *idp {
	return &idp{
		base: base, token: token, client: &http.Client{Timeout: 30 * time.Second}, people: people,
		users: map[string]string{}, groups: map[string]string{},
	}
}

// The schemas that the identity provider's messages name.
const (
	urnUser       = "urn:ietf:params:scim:schemas:core:2.0:User"
	urnGroup      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	urnEnterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	urnDrawbridge = "urn:drawbridge:scim:schemas:extension:2.0:User"
	urnPatch      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// resource returns a person as SCIM has it.
func (p person) resource() map[string]any {
	r := map[string]any{
		"schemas":     []string{urnUser, urnEnterprise, urnDrawbridge},
		"userName":    p.userName,
		"externalId":  "hr-" + p.userName,
		"displayName": p.given + " " + p.family,
		"name":        map[string]string{"givenName": p.given, "familyName": p.family},
		"title":       p.title,
		"active":      true,
	}
	if p.workload == nil {
		r["userType"] = p.userType
		r["emails"] = []map[string]any{{"value": p.userName, "type": "work", "primary": true}}
		more := map[string]any{"department": p.department}
		if p.manager != "" {
			more["manager"] = map[string]string{"value": p.manager}
		}
		r[urnEnterprise] = more
		return r
	}
	r[urnDrawbridge] = map[string]any{
		"kind": "workload", "owner": p.workload.owner, "repo": p.workload.repo, "environment": p.workload.environment,
		"attestation": p.workload.attestation, "state": "running",
	}
	return r
}

// push sends the whole company: people first, then the groups with everyone in
// them, as a first synchronisation does.
func (i *idp) push(ctx context.Context) error {
	for _, p := range i.people {
		id, err := i.create(ctx, "/Users", p.resource())
		if err != nil {
			return fmt.Errorf("create %s: %w", p.userName, err)
		}
		i.users[p.userName] = id
	}
	for _, name := range groupNames(i.people) {
		id, err := i.create(ctx, "/Groups", i.group(name))
		if err != nil {
			return fmt.Errorf("create group %s: %w", name, err)
		}
		i.groups[name] = id
	}
	return nil
}

// group returns a group as SCIM has it.
func (i *idp) group(name string) map[string]any {
	var members []map[string]string
	for _, p := range i.people {
		if slices.Contains(p.groups, name) {
			members = append(members, map[string]string{"value": i.users[p.userName]})
		}
	}
	return map[string]any{
		"schemas": []string{urnGroup}, "externalId": groupID(name), "displayName": name, "members": members,
	}
}

// groupID is the identity provider's own id of a group.
func groupID(name string) string { return "hr-group-" + name }

// join puts somebody in a group.
func (i *idp) join(ctx context.Context, userName, group string) error {
	p := i.person(userName)
	if !slices.Contains(p.groups, group) {
		p.groups = append(slices.Clone(p.groups), group)
	}
	return i.regroup(ctx, group, map[string]any{
		"op": "Add", "path": "members", "value": []map[string]string{{"value": i.users[userName]}},
	})
}

// part takes somebody out of a group.
func (i *idp) part(ctx context.Context, userName, group string) error {
	p := i.person(userName)
	p.groups = slices.DeleteFunc(slices.Clone(p.groups), func(name string) bool { return name == group })
	return i.regroup(ctx, group, map[string]any{
		"op": "Remove", "path": fmt.Sprintf("members[value eq %q]", i.users[userName]),
	})
}

func (i *idp) regroup(ctx context.Context, group string, op map[string]any) error {
	_, err := i.send(ctx, http.MethodPatch, "/Groups/"+url.PathEscape(i.groups[group]), map[string]any{
		"schemas": []string{urnPatch}, "Operations": []any{op},
	})
	return err
}

func (i *idp) person(userName string) *person {
	return &i.people[slices.IndexFunc(i.people, func(p person) bool { return p.userName == userName })]
}

// move changes a person's department and title, in the dialect Entra speaks.
func (i *idp) move(ctx context.Context, userName, department, title string) error {
	p := i.person(userName)
	p.department, p.title = department, title
	return i.patch(ctx, userName, map[string]any{
		"schemas": []string{urnPatch},
		"Operations": []map[string]any{
			{"op": "Replace", "path": urnEnterprise + ":department", "value": department},
			{"op": "Replace", "path": "title", "value": title},
		},
	})
}

// leave disables a person, with the text boolean that Entra is known for.
func (i *idp) leave(ctx context.Context, userName string) error {
	i.people = slices.DeleteFunc(i.people, func(p person) bool { return p.userName == userName })
	return i.patch(ctx, userName, map[string]any{
		"schemas":    []string{urnPatch},
		"Operations": []map[string]any{{"op": "Replace", "path": "active", "value": "False"}},
	})
}

func (i *idp) patch(ctx context.Context, userName string, body any) error {
	_, err := i.send(ctx, http.MethodPatch, "/Users/"+url.PathEscape(i.users[userName]), body)
	return err
}

func (i *idp) create(ctx context.Context, path string, body any) (id string, err error) {
	answer, err := i.send(ctx, http.MethodPost, path, body)
	if err != nil {
		return "", err
	}
	var created struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(answer, &created); err != nil || created.ID == "" {
		return "", fmt.Errorf("the answer has no id: %.200s", answer)
	}
	return created.ID, nil
}

// send makes one request, and takes anything but success for an error.
func (i *idp) send(ctx context.Context, method, path string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, i.base+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+i.token)
	req.Header.Set("Content-Type", "application/scim+json")
	res, err := i.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: %s: %.300s", method, path, res.Status, answer)
	}
	return answer, err
}
