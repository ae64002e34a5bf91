package connectors_test

import (
	"fmt"
	"testing"

	"drawbridge/connectors"
)

func TestForecast(t *testing.T) {
	t.Parallel()
	profile := func(change func(*connectors.Profile)) connectors.Profile {
		p := connectors.DefaultProfile()
		change(&p)
		return p
	}
	for _, row := range []struct {
		name  string
		p     connectors.Profile
		tally connectors.Tally
		want  string
	}{
		{"an hour's limit", profile(func(p *connectors.Profile) { p.Rate.PerHour, p.Find = 1000, connectors.FindOnConflict }),
			connectors.Tally{Creates: 14200}, "14,200 writes, 14 h 12 min at 1,000 an hour"},
		{"looked for first", profile(func(p *connectors.Profile) { p.Rate.PerHour = 1000 }),
			connectors.Tally{Creates: 500}, "500 writes, 500 reads, 1 h 0 min at 1,000 an hour"},
		{"in batches", profile(func(p *connectors.Profile) { p.Rate.PerSecond = 1 }),
			connectors.Tally{Members: map[string]int{"a": 10_000, "b": 1}}, "101 writes, 2 reads, 2 min at 1 a second"},
		{"no more together than wait", profile(func(p *connectors.Profile) { p.Groups.MaxMembers = 8000 }),
			connectors.Tally{Members: map[string]int{"a": 800}}, "3 writes, 1 reads; no rate limit is known"},
		{"disabled by being deleted, and read back", profile(func(p *connectors.Profile) {
			p.Deactivate, p.Update = connectors.DeactivateDelete, connectors.UpdatePut
			p.Rate.Methods = map[string]connectors.MethodRate{"DELETE": {PerSecond: 1}}
		}), connectors.Tally{Switches: 3600, Disables: 3600, Ends: 3600}, "3,600 writes, 7,200 reads, 1 h 0 min at 1 DELETE a second"},
		{"a method's limit", profile(func(p *connectors.Profile) {
			p.Rate = connectors.RateLimit{PerSecond: 100, Methods: map[string]connectors.MethodRate{"PATCH": {PerSecond: 1}}}
		}), connectors.Tally{Updates: 3600}, "3,600 writes, 1 h 0 min at 1 PATCH a second"},
		{"read before it is written", profile(func(p *connectors.Profile) { p.Update = connectors.UpdatePut }),
			connectors.Tally{Updates: 7}, "7 writes, 7 reads; no rate limit is known"},
		{"signed out as well", profile(func(p *connectors.Profile) { p.Sessions.Path = "/api/{id}" }),
			connectors.Tally{Switches: 12, Disables: 10, Ends: 10}, "22 writes, 10 reads; no rate limit is known"},
		{"disabled for good", profile(func(p *connectors.Profile) { p.Irreversible = true }),
			connectors.Tally{Switches: 1200, Disables: 1100, Ends: 1100}, "1,200 writes, 1,100 reads; no rate limit is known; accounts that end there for good: 1,100"},
		{"looked at before they are members", profile(func(p *connectors.Profile) { p.Order = connectors.AnyOrder }),
			connectors.Tally{Joins: 30, Members: map[string]int{"a": 40}}, "1 writes, 31 reads; no rate limit is known"},
		{"an API of its own", profile(func(p *connectors.Profile) { p.Kind = "rest" }),
			connectors.Tally{Members: map[string]int{"a": 30}}, "30 writes; no rate limit is known"},
		{"a limit of some calls", profile(func(p *connectors.Profile) {
			p.Rate.Calls = []connectors.CallRate{{Method: "POST", Path: "/Users", PerSecond: 3}, {Method: "PATCH", Path: "/Users", PerSecond: 0.1}}
		}), connectors.Tally{Creates: 10800}, "10,800 writes, 10,800 reads, 1 h 0 min at 3 POST /Users a second"},
		{"a limit of long calls", profile(func(p *connectors.Profile) {
			p.Rate.Calls = []connectors.CallRate{{Method: "PATCH", Path: "/Groups", Over: 499, PerSecond: 0.1}}
		}), connectors.Tally{Members: map[string]int{"a": 36_000, "b": 2}}, "361 writes, 2 reads, 1 h 0 min at 0.1 PATCH /Groups a second"},
		{"who may join a group in an hour", profile(func(p *connectors.Profile) { p.Groups.PerHour = 1000 }),
			connectors.Tally{Members: map[string]int{"a": 2500, "b": 900}, Revoked: map[string]int{"a": 500}}, "34 writes, 2 reads, 2 h 0 min at 1,000 members of one group an hour"},
	} {
		if got := fmt.Sprint(row.p.Forecast(row.tally, connectors.CostsOf(nil, row.p), connectors.VerifyRevocations)); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}
