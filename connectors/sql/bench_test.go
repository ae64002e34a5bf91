package sql_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"drawbridge/schema"
)

// BenchmarkList tells what one account of a long listing costs.
func BenchmarkList(b *testing.B) {
	for scheme, server := range servers {
		b.Run(scheme, func(b *testing.B) {
			const people = 20_000
			x := withTables(b, server(b), map[string]string{"pageSize": "500"})
			h := x.Hand.(*rows)
			for from := 0; from < people; from += 1000 {
				text := "INSERT INTO users (login, active) VALUES ('x" + fmt.Sprint(from) + "', true)"
				for i := range 999 {
					text += fmt.Sprintf(", ('x%d', true)", from+i+1)
				}
				h.must(b, text)
			}
			h.must(b, "INSERT INTO user_groups SELECT u.id, g.id FROM users u, groups g WHERE g.name <> ?", "plain")
			if scheme == "postgres" {
				h.must(b, "ANALYZE") // as its autovacuum would, which tests have switched off
			}
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range x.connector.List(b.Context()) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != people+1 {
					b.Fatalf("listed %d accounts, want %d", n, people+1)
				}
			}
			b.ReportMetric(float64(b.N)*people/b.Elapsed().Seconds(), "accounts/s")
		})
	}
}

// BenchmarkLeaver disables people who hold two things, four at a time.
func BenchmarkLeaver(b *testing.B) {
	for scheme, server := range servers {
		b.Run(scheme, func(b *testing.B) {
			x := withTables(b, server(b), nil)
			var wg sync.WaitGroup
			var next atomic.Int64
			have := make([]schema.Account, b.N)
			each := func(do func(i int)) {
				next.Store(0)
				for range 4 {
					wg.Go(func() {
						for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
							do(i)
						}
					})
				}
				wg.Wait()
			}
			each(func(i int) {
				want := ada(groupNames[0], groupNames[1])
				want.Attributes["userName"] = fmt.Sprint("p", i)
				got, err := x.Connector.Apply(b.Context(), schema.Account{}, want)
				if err != nil {
					b.Error(err)
				}
				got.Managed = got.Entitlements
				have[i] = got
			})
			b.ResetTimer()
			each(func(i int) {
				if got, err := x.Connector.Apply(b.Context(), have[i], schema.Account{}); err != nil || got.Active {
					b.Errorf("%+v, %v", got, err)
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "leavers/s")
		})
	}
}
