package describe_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/connectors/builtin"
	"drawbridge/connectors/describe"
)

func shipped(t *testing.T, profile string) describe.Description {
	t.Helper()
	c, err := configs.ProfileOf(configs.Profiles(""), profile)
	if err != nil {
		t.Fatal(err)
	}
	return describe.Of(c, builtin.Sample(c))
}

// TestWhatIsKnownOfTargets describes profiles that ship: what they say is said, with where
// it was read, and told apart from what is the default, a guess, or the connector's own.
func TestWhatIsKnownOfTargets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		profile string
		part    func(describe.Description) []describe.Statement
		want    describe.Statement
	}{
		{"slack", limits, describe.Statement{Says: "userName has at most 20 characters", Key: "attributes.maxLength", From: describe.Stated, Read: "SCIM API reference, users: less than 21"}},
		{"slack", limits, describe.Statement{Says: "3 POST /Users a second, together with everybody else who calls it", Key: "rate.calls", From: describe.Stated, Read: "by the minute there: 300 reads of one, 180 writes, of groups with a larger burst"}},
		{"slack", limits, describe.Statement{Says: "100 members in one request", Key: "groups.maxMembers", From: describe.Assumed}},
		{"slack", can, describe.Statement{Says: "accounts that are there already are found, by userName, then by emails.value", Key: "match", From: describe.Stated}},
		{"slack", access, describe.Statement{Says: "it ends when the admin who made it leaves", Key: "token.owner", From: describe.Stated}},
		{"slack", can, describe.Statement{Says: "accounts are changed, by PATCH", Key: "update", From: describe.Usual}},
		{"slack", can, describe.Statement{Says: "an account is read back: what was taken away is verified", From: describe.Able}},
		{"atlassian", limits, describe.Statement{Says: "100 in a page, by index", Key: "paging.size", From: describe.Stated, Read: "at most 100 a page"}},
		{"sentry", forGood, describe.Statement{Says: "a disabled account cannot be had back", Key: "irreversible", From: describe.Stated}},
		{"sentry", can, describe.Statement{Says: "an entitlement is a team, by its displayName", Key: "groups.called", From: describe.Stated}},
		{"sentry", cannot, describe.Statement{Says: "change any attribute of an account that is there", Key: "attributes.fixed", From: describe.Stated, Read: "PATCH of a user knows active, and nothing else (sentry-docs#16258)"}},
		{"figma", cannot, describe.Statement{Says: "have groups", Key: "groups.of", From: describe.Assumed}},
		{"webex", access, describe.Statement{Says: "it lives 365 days", Key: "token.life", From: describe.Stated}},
		{"drawbridge", cannot, describe.Statement{Says: "refuse a member who is not there: whoever is made one is looked at before", Key: "order", From: describe.Stated, Read: `docs/scim.md, "What it does where the RFC leaves room"`}},
		{"grafana", can, describe.Statement{Says: "accounts are disabled, by POST /admin/users/{id}/disable, then POST /admin/users/{id}/logout", From: describe.Able}},
		{"slack-usergroups", cannot, describe.Statement{Says: "make or disable accounts: others do; who leaves is taken out of what the bridge gave them", From: describe.Able}},
		{"github-teams", cannot, describe.Statement{Says: "enable an account that is disabled: it is made anew", From: describe.Able}},
		{"slack", cannot, describe.Statement{Says: "have @ in displayName", Key: "attributes.forbidden", From: describe.Stated, Read: "likewise (SCIM API reference, users: less than 21)"}},
		{"generic", can, describe.Statement{Says: "accounts are changed, by PATCH", Key: "update", From: describe.Stated}},
		{"active-directory", can, describe.Statement{Says: "accounts are disabled: bit 2 of userAccountControl is set", From: describe.Able}},
		{"postgres-roles", can, describe.Statement{Says: "what somebody is signed in with is ended when they are disabled, and looked at until nothing is left of it (options sessions, endSession)", From: describe.Able}},
		{"csv", can, describe.Statement{Says: "accounts are disabled, and their place is kept", Key: "deactivate", From: describe.Stated}},
	} {
		if got := c.part(shipped(t, c.profile)); !slices.Contains(got, c.want) {
			t.Errorf("%s: want %+v among\n%+v", c.profile, c.want, got)
		}
	}
}

func can(d describe.Description) []describe.Statement     { return d.Can }
func cannot(d describe.Description) []describe.Statement  { return d.Cannot }
func forGood(d describe.Description) []describe.Statement { return d.ForGood }
func limits(d describe.Description) []describe.Statement  { return d.Limits }
func access(d describe.Description) []describe.Statement  { return d.Access }

// TestNothingCitedIsLeftOut describes every profile that ships: each comment beside a key
// that a statement is about is in it, what nobody has found out is said, and so is what
// the target demands.
func TestNothingCitedIsLeftOut(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(configs.Profiles(""), "*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d profiles, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".yaml")
		c, err := configs.ProfileOf(configs.Profiles(""), name)
		if err != nil {
			t.Fatal(err)
		}
		d := shipped(t, name)
		if d.Profile != name || d.Title != c.Profile.Title || len(d.Can) == 0 || len(d.Notes) == 0 ||
			!slices.Equal(d.Unknown, append([]string{}, c.Profile.Unknown...)) || !slices.Equal(d.Demands, append([]string{}, c.Profile.Restrictions...)) {
			t.Errorf("%s: %+v", name, d)
		}
		if (len(d.ForGood) > 0) != c.Profile.Irreversible {
			t.Errorf("%s: for good is %+v", name, d.ForGood)
		}
		cited := slices.ContainsFunc(slices.Concat(d.Can, d.Cannot, d.ForGood, d.Limits, d.Access), func(s describe.Statement) bool { return s.Read != "" })
		if strings.Contains(string(c.ProfileText), "\nmatch: [userName] # ") && !cited {
			t.Errorf("%s cites where something was read, and its description does not", name)
		}
	}
}

// TestOfAConnector describes connectors as they are configured.
func TestOfAConnector(t *testing.T) {
	t.Parallel()
	open := func(c connectors.Config) describe.Description {
		target, err := builtin.Kinds().Open(connectors.Options{Config: c})
		if err != nil {
			t.Fatal(err)
		}
		return describe.Of(c, target)
	}
	says := func(all []describe.Statement, text string) bool {
		return slices.ContainsFunc(all, func(s describe.Statement) bool { return strings.Contains(s.Says, text) })
	}
	final := connectors.DefaultProfile()
	final.Irreversible = true
	c := connectors.Config{Name: "wiki", Kind: "scim", BaseURL: "https://wiki.example/scim/v2", Profile: final, Shares: "org"}
	if d := open(c); !says(d.ForGood, "allowIrreversible is off") || !says(d.Limits, `share "org"`) || d.Address != c.BaseURL {
		t.Errorf("%+v", d)
	}
	if c.AllowIrreversible = true; !says(open(c).ForGood, "allowIrreversible is on") {
		t.Errorf("%+v", open(c).ForGood)
	}
	directory := connectors.Config{
		Name: "directory", Kind: "ldap", BaseURL: "ldaps://ldap.example", Profile: connectors.DefaultProfile(), AllowIrreversible: true,
		Options: map[string]string{"userBase": "ou=people,dc=example", "disable": "delete"},
	}
	if d := open(directory); !says(d.ForGood, "cannot be had back") || !says(d.Can, "the entry is deleted") || !says(d.Cannot, "end what somebody is signed in with") || !says(d.Cannot, "groupBase is empty") {
		t.Errorf("%+v", d)
	}
	badges := connectors.Config{Name: "badges", Kind: "manual", Profile: connectors.DefaultProfile(), Options: map[string]string{"assignee": "ada@example.com"}}
	if d := open(badges); !says(d.Can, "ada@example.com, within 3 days, and 24 h for what ends access") || !says(d.Cannot, "be called") || len(d.Limits) > 0 {
		t.Errorf("%+v", d)
	}
}
