package rest_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// The forecast of an API of its own counts its declaration's requests, by the method
// that each has, in the batches it names.
func TestForecastOfDeclarations(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		profile string
		tally   connectors.Tally
		want    string
	}{
		{"github-teams", connectors.Tally{Members: map[string]int{"a": 3600}}, "3,600 writes, 1 h 0 min at 1 PUT a second"},
		{"slack-usergroups", connectors.Tally{Members: map[string]int{"a": 1000}}, "10 writes, 10 reads, 1 min at 0.33 a second"},
	} {
		p, err := connectors.LoadProfile(os.DirFS("../../configs/profiles"), row.profile)
		if err != nil {
			t.Fatal(err)
		}
		c := open(t, p, newStaff(), func(o *connectors.Options) {
			if strings.HasPrefix(row.profile, "github") {
				o.Options = map[string]string{"organisation": "example"}
			}
		})
		if got := fmt.Sprint(p.Forecast(row.tally, connectors.CostsOf(c, p), connectors.VerifyRevocations)); got != row.want {
			t.Errorf("%s: %s, want %s", row.profile, got, row.want)
		}
	}
}

// What a forecast says of a declaration is what it takes: no write more or less than a
// tenth. Reads depend on how the API's listings come, and are not held to it.
func TestForecastOfDeclarationsHolds(t *testing.T) {
	t.Parallel()
	const people = 40
	for name, p := range dialects(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := newStaff("readers", "writers")
			c := open(t, p, target)
			var tally connectors.Tally
			var all sync.WaitGroup
			for i := range people {
				want := schema.Account{Active: true, Attributes: map[string]string{"userName": fmt.Sprintf("p%02d", i), "displayName": fmt.Sprint("P ", i)}, Entitlements: []string{"readers"}}
				tally.Add(connectors.Plan(schema.Account{}, want))
				all.Go(func() {
					if _, err := c.Apply(t.Context(), schema.Account{}, want); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			said := p.Forecast(tally, connectors.CostsOf(c, p), connectors.VerifyRevocations)
			if was := target.Writes(); said.Writes > was+was/10+2 || said.Writes < was-was/10-2 {
				t.Errorf("%d writes were said, and %d it took", said.Writes, was)
			}
		})
	}
}
