package rest_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
)

// people is what the dialects have in common.
const people = `
title: Staff
rest:
  errors:
    - { when: 'status == 422 && body.error.message.contains("already been taken")', is: exists }
  account:
    id: item.id
    active: item.state == "on"
    attributes:
      userName: item.login
      externalId: item.ref
      displayName: item.shown
      title: item.job
      department: item.unit
      name.givenName: item.first
      name.familyName: item.last
      emails.value: item.mail
  accounts:
    list:
      get: /people
      query: { cursor: page.token }
      items: body.entries
      page: { style: token, next: 'body.?next.orValue("")' }
    find:
      - { by: userName, get: /people, query: { login: attributes.userName }, items: body.entries }
    read: { get: '/people/{id}' }
    create:
      post: /people
      body: &person |
        {
          "login": attributes.userName,
          "ref": attributes.externalId,
          "shown": attributes.displayName,
          "job": orNull(attributes.title),
          "unit": orNull(attributes.department),
          "first": attributes["name.givenName"],
          "last": attributes["name.familyName"],
          "mail": attributes["emails.value"],
        }
    update: { patch: '/people/{id}', body: *person }
    disable: { post: '/people/{id}/suspend' }
    enable: { post: '/people/{id}/resume' }
  entitlements:
    - catalogue:
        get: /teams
        items: body.entries
        page: { style: link }
        id: item.id
        name: item.title
      of: { get: '/people/{id}/teams', items: body.entries, page: { style: link }, id: item.team.id }
      grant: { put: '/teams/{entitlement.id}/members/{id}' }
      revoke: { delete: '/teams/{entitlement.id}/members/{id}' }
`

// dialects are declarations that each make the connector take another way.
func dialects(t *testing.T) map[string]connectors.Profile {
	change := func(changes ...string) connectors.Profile {
		text := people
		for i := 0; i < len(changes); i += 2 {
			if !strings.Contains(text, changes[i]) {
				t.Fatalf("there is no %q to replace", changes[i])
			}
			text = strings.ReplaceAll(text, changes[i], changes[i+1])
		}
		return profile(t, text)
	}
	const (
		of    = "of: { get: '/people/{id}/teams', items: body.entries, page: { style: link }, id: item.team.id }"
		find  = "- { by: userName, get: /people, query: { login: attributes.userName }, items: body.entries }"
		token = `query: { cursor: page.token }
      items: body.entries
      page: { style: token, next: 'body.?next.orValue("")' }`
	)
	return map[string]connectors.Profile{
		"tokens and links": change(),
		"offsets, and members in batches": change(
			token, "query: { offset: page.offset }\n      items: body.entries\n      page: { style: offset, total: body.total }",
			of, "members: { get: '/teams/{entitlement.id}/members', items: body.entries, page: { style: link }, account: item.person }\n      batch: 2",
			"grant: { put: '/teams/{entitlement.id}/members/{id}' }", "grant: { post: '/teams/{entitlement.id}/add', body: '{\"ids\": ids}' }",
			"revoke: { delete: '/teams/{entitlement.id}/members/{id}' }", "revoke: { post: '/teams/{entitlement.id}/remove', body: '{\"ids\": ids}' }",
		),
		"numbers, and asking one by one": change(
			token, "query: { page: page.number }\n      items: body.entries\n      page: { style: number, first: 1 }",
			of, "holds: { get: '/teams/{entitlement.id}/members/{id}' }",
		),
		"everything at once, nothing found or read": change(
			token, "query: { everything: '\"yes\"' }\n      items: body.entries\n      page: { style: none, total: body.total }",
			"find:\n      "+find, "find: []", "    read: { get: '/people/{id}' }\n", "",
		),
		"deletes": change(
			"title: Staff", "title: Staff\ndeactivate: delete\nirreversible: true",
			"disable: { post: '/people/{id}/suspend' }", "disable: { delete: '/people/{id}' }",
			"    enable: { post: '/people/{id}/resume' }\n", "",
		),
	}
}

var teams = []string{"editors", `people & "others"`, "readers", "writers"}

func TestContract(t *testing.T) {
	for name, p := range dialects(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connectortest.Run(t, connectortest.Harness{
				Entitlements: teams,
				Deletes:      p.Deactivate == connectors.DeactivateDelete,
				Open: func(t *testing.T) connectortest.Target {
					target := newStaff(teams...)
					return connectortest.Target{Connector: open(t, p, target), Hand: target, Faults: target}
				},
			})
		})
	}
}

// TestMain asks for fewer runs of each property than rapid would make, for there
// are many dialects to hold to it; -rapid.checks asks for as many as one likes.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "10"); err != nil {
		panic(err)
	}
	code := m.Run()
	if b := started.Load(); b != nil {
		b.stop()
	}
	os.Exit(code)
}
