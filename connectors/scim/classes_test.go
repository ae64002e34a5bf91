package scim_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"drawbridge/connectors"
)

// TestEveryClassOfQuirk walks the ways in which real targets are known to differ: each is
// stated by a key of a profile, which some shipped profile uses, or in words under
// restrictions, where no client can do anything about it. What a key does is tried
// elsewhere, against a fake that keeps to the same profile. R-PROV-2.
func TestEveryClassOfQuirk(t *testing.T) {
	shipped := os.DirFS("../../configs/profiles")
	var all []connectors.Profile
	for _, name := range ofSCIM(t, shipped) {
		p, err := connectors.LoadProfile(shipped, name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	usual := connectors.DefaultProfile()
	says := func(words ...string) func(connectors.Profile) bool {
		return func(p connectors.Profile) bool {
			return slices.ContainsFunc(p.Restrictions, func(s string) bool {
				return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(s, word) })
			})
		}
	}
	method := func(has func(connectors.RateLimit) bool) func(connectors.Profile) bool {
		return func(p connectors.Profile) bool { return has(p.Rate) }
	}
	for class, stated := range map[string]func(connectors.Profile) bool{
		"disabling is deleting":                  func(p connectors.Profile) bool { return p.Deactivate == connectors.DeactivateDelete },
		"disabling cannot be undone":             func(p connectors.Profile) bool { return p.Irreversible },
		"enabling again makes another account":   func(p connectors.Profile) bool { return p.Irreversible && p.Deactivate == connectors.DeactivateDelete },
		"groups have no new names":               says("groups cannot be renamed"),
		"members are removed one by one":         func(p connectors.Profile) bool { return p.Groups.MemberRemove == connectors.RemoveByValue },
		"a cap on members of a request":          func(p connectors.Profile) bool { return p.Groups.MaxMembers != usual.Groups.MaxMembers },
		"a cap on bytes of a request":            func(p connectors.Profile) bool { return p.Groups.MaxBytes != usual.Groups.MaxBytes },
		"one value where the RFC has several":    func(p connectors.Profile) bool { return len(p.Attributes.SingleValued) > 0 },
		"characters that are refused":            func(p connectors.Profile) bool { return len(p.Attributes.Forbidden) > 0 },
		"a greatest length":                      func(p connectors.Profile) bool { return len(p.Attributes.MaxLength) > 0 },
		"attributes that are required":           func(p connectors.Profile) bool { return len(p.Attributes.Required) > 1 },
		"attributes that cannot be cleared":      func(p connectors.Profile) bool { return len(p.Attributes.Uncleared) > 0 },
		"attributes that are not taken":          func(p connectors.Profile) bool { return len(p.Attributes.Omit) > 0 },
		"attributes that are never changed":      func(p connectors.Profile) bool { return len(p.Attributes.Fixed) > 0 },
		"a User-Agent":                           func(p connectors.Profile) bool { return p.UserAgent != "" },
		"a scheme that is not Bearer":            func(p connectors.Profile) bool { return p.Auth.Scheme == connectors.AuthHeader && p.Auth.Prefix != "" },
		"matched by several attributes in order": func(p connectors.Profile) bool { return len(p.Match) > 1 },
		"no pages":                               func(p connectors.Profile) bool { return p.Paging.Style == connectors.PagingNone },
		"pages by index, and a cap": func(p connectors.Profile) bool {
			return p.Paging.Style == connectors.PagingIndex && p.Paging.Size != usual.Paging.Size
		},
		"pages by cursor":                  func(p connectors.Profile) bool { return p.Paging.Style == connectors.PagingCursor },
		"a part of the filter language":    func(p connectors.Profile) bool { return len(p.Filter.Operators) == 1 && len(p.Filter.Attributes) > 0 },
		"a cap on nodes of a filter":       says("filter of more than", "nodes"),
		"a token that ends":                func(p connectors.Profile) bool { return p.Token.Life > 0 },
		"a token that ends with its owner": func(p connectors.Profile) bool { return p.Token.Owner != "" },
		"a rate that others share":         method(func(r connectors.RateLimit) bool { return r.Shared }),
		"a rate by the hour":               func(p connectors.Profile) bool { return p.Groups.PerHour > 0 },
		"a rate by method":                 method(func(r connectors.RateLimit) bool { return len(r.Methods) > 0 }),
		"a rate by the size of a request": method(func(r connectors.RateLimit) bool {
			return slices.ContainsFunc(r.Calls, func(c connectors.CallRate) bool { return c.Over > 0 })
		}),
		"a cap on calls at once":             func(p connectors.Profile) bool { return p.Concurrency != usual.Concurrency },
		"changes by PUT only":                func(p connectors.Profile) bool { return p.Update == connectors.UpdatePut },
		"users before groups":                func(p connectors.Profile) bool { return p.Order == connectors.UsersFirst },
		"discovery in the plural":            func(p connectors.Profile) bool { return strings.HasSuffix(p.Discovery, "Configs") },
		"one writer and no other":            says("one system alone may provision"),
		"groups are something else":          func(p connectors.Profile) bool { return p.Groups.Called != "" },
		"no groups":                          func(p connectors.Profile) bool { return p.Groups.Of == connectors.GroupsOfNone },
		"guests are out of scope":            says("guests"),
		"accounts from before are not shown": func(p connectors.Profile) bool { return p.Hidden },
		"only what it owns it changes":       says("does not own"),
		"a list of addresses that may call":  says("address allow list"),
		"seats have effects of their own":    says("seats"),
	} {
		if !slices.ContainsFunc(all, stated) {
			t.Errorf("no shipped profile says: %s", class)
		}
	}
}
