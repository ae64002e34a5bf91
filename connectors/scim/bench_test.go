package scim_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/connectors/scim"
	"drawbridge/connectors/scim/fake"
	"drawbridge/schema"
)

// parallel is how many calls are under way at once in these benchmarks.
const parallel = 32

// BenchmarkApply compares one call by the connector, a leaver's account disabled,
// with the same request by a bare pooled client to the same trivial target.
// ratio is the connector's throughput as a share of the client's: the limit that
// fan-out leans on (performance goal G14).
func BenchmarkApply(b *testing.B) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer target.Close()
	p := connectors.DefaultProfile()
	p.Concurrency = parallel
	c, err := connectors.Kinds{"scim": scim.Open}.Open(connectors.Options{Config: connectors.Config{
		Kind: "scim", BaseURL: target.URL, Profile: p, Auth: connectors.Auth{Secret: token},
	}})
	if err != nil {
		b.Fatal(err)
	}
	have := schema.Account{RemoteID: "7", Active: true, Attributes: connectortest.Person(1)}
	apply := func(ctx context.Context) error {
		_, err := c.Apply(ctx, have, schema.Account{})
		return err
	}
	var ours, bare time.Duration
	const rounds = 5
	for range rounds { // taken in turns, so that a noisy machine is noisy to both
		n := max(1, b.N/rounds)
		bare += elapsed(b, n, bareClient(target.URL))
		ours += elapsed(b, n, apply)
	}
	b.ReportMetric(float64(bare)/float64(ours), "ratio")
	b.ReportMetric(float64(max(1, b.N/rounds)*rounds)/ours.Seconds(), "calls/s")
	b.ReportMetric(0, "ns/op")
}

// bareClient sends the request that disables an account, and no more.
func bareClient(base string) func(context.Context) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * parallel}}
	const body = `{"Operations":[{"op":"replace","path":"active","value":false}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPatch, base+"/Users/7", strings.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/scim+json")
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.Body.Close()
	}
}

// elapsed returns how long n calls take, so many of them at once.
func elapsed(b *testing.B, n int, do func(context.Context) error) time.Duration {
	b.Helper()
	var next atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	for range parallel {
		group.Go(func() {
			for next.Add(1) <= int64(n) {
				if err := do(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	return time.Since(began)
}

// BenchmarkFake is the fake target's own speed, with a hundred thousand users in
// it: what a benchmark that uses it cannot exceed.
func BenchmarkFake(b *testing.B) {
	target := fake.New(fake.Options{Groups: entitlements})
	const users = 100_000
	var ids []string
	for i := range users {
		a, err := target.Put(b.Context(), schema.Account{Active: true, Attributes: connectortest.Person(i)})
		if err != nil {
			b.Fatal(err)
		}
		ids = append(ids, a.RemoteID)
	}
	serve := func(b *testing.B, method, path, body string) {
		b.Helper()
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(b.Context(), method, path, strings.NewReader(body))
		r.Header.Set("User-Agent", "benchmark")
		target.ServeHTTP(w, r)
		if w.Code/100 != 2 {
			b.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	}
	b.Run("find", func(b *testing.B) {
		for range b.N {
			serve(b, http.MethodGet, "/Users?filter=userName+eq+%22p5000@example.com%22", "")
		}
	})
	b.Run("patch", func(b *testing.B) {
		for i := range b.N {
			serve(b, http.MethodPatch, "/Users/"+ids[i%users],
				`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"x"}]}`)
		}
	})
	b.Run("page", func(b *testing.B) {
		for i := range b.N {
			serve(b, http.MethodGet, "/Users?count=100&startIndex="+[]string{"1", "50000", "99901"}[i%3], "")
		}
	})
}
