package scheduler_test

import (
	"fmt"
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/scim/fake"
	"drawbridge/schema"
)

// What a forecast says it takes to have people come and to have half of them leave is
// what it takes, within a tenth, whatever the dialect: of reads and of writes, so that
// no limit of a method is missed.
func TestForecastsHold(t *testing.T) {
	const people = 300
	names := make([]string, people)
	for i := range names {
		names[i] = fmt.Sprintf("p%03d", i)
	}
	for name, change := range map[string]func(*connectors.Profile){
		"plain":           func(*connectors.Profile) {},
		"found by names":  func(p *connectors.Profile) { p.Find = connectors.FindOnConflict },
		"written whole":   func(p *connectors.Profile) { p.Update, p.Groups.Update = connectors.UpdatePut, connectors.UpdatePut },
		"groups filtered": func(p *connectors.Profile) { p.Groups.Of = connectors.GroupsOfFilter },
		"groups in pairs": func(p *connectors.Profile) { p.Groups.Of, p.Filter.Attributes = connectors.GroupsOfPair, nil },
		"groups listed":   func(p *connectors.Profile) { p.Groups.Of = connectors.GroupsOfList },
		"asked for first": func(p *connectors.Profile) { p.Order = connectors.AnyOrder },
		"small batches":   func(p *connectors.Profile) { p.Groups.MaxMembers = 10 },
		"off by deletion": func(p *connectors.Profile) { p.Deactivate = connectors.DeactivateDelete },
		"held to a rate":  func(p *connectors.Profile) { p.Rate = connectors.RateLimit{PerSecond: 10, Burst: 10} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := connectors.DefaultProfile()
				change(&p)
				f := newFleet(t, ship{name: "wiki", options: fake.Options{Profile: p, Latency: func() time.Duration { return 50 * time.Millisecond }}})
				target, costs := f.targets["wiki"], connectors.CostsOf(f.opened["wiki"], p)
				nobody := schema.Account{}
				in := schema.Account{RemoteID: "u1", Active: true, Entitlements: []string{"Readers"}, Managed: []string{"Readers"}}
				for _, stage := range []struct {
					what       string
					who        []string
					division   string
					have, want schema.Account
				}{{"come", names, "Engineering", nobody, in}, {"leave", names[:people/2], left, in, nobody}} {
					var tally connectors.Tally
					for range stage.who {
						tally.Add(connectors.Plan(stage.have, stage.want))
					}
					said := p.Forecast(tally, costs, connectors.VerifyRevocations)
					reads, writes := target.Requests(http.MethodGet), target.Writes()
					f.admit(stage.who, stage.division)
					settle(time.Hour)
					reads, writes = target.Requests(http.MethodGet)-reads, target.Writes()-writes
					if off(said.Reads, reads) || off(said.Writes, writes) {
						t.Errorf("%s: %d writes and %d reads were said, and %d and %d it took", stage.what, said.Writes, said.Reads, writes, reads)
					}
				}
			})
		})
	}
}

// off reports whether a forecast is off by more than a tenth of what it was in the end,
// where it was more than a few.
func off(said, was int) bool { return math.Abs(float64(said-was)) > max(5, float64(was)/10) }
