//go:build unix

package bridge

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"drawbridge/access"
	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/scheduler"
	"drawbridge/store"
)

// lanesOfUser are those that a pushed user goes through.
var lanesOfUser = []store.Lane{access.LaneIdentity, access.LaneAccount("c0"), access.LaneAccount("c1"), access.LaneAccount("c2")}

// BenchmarkUser is what a pushed user costs, stage by stage, each with nothing else at
// work: until it is acknowledged, until it is decided about, and until its three accounts
// are there. What counts is processor's time, not latency, and what is allocated; HTTP is
// left out, and commits are durable.
func BenchmarkUser(b *testing.B) {
	br, sweeper := benchBridge(b)
	stage(b, br, "acknowledged", func() { pushAll(b, br) })
	stage(b, br, "decided", func() { drain(b, br, sweeper, lanesOfUser[:1], func() {}) })
	stage(b, br, "provisioned", func() { drain(b, br, sweeper, lanesOfUser[1:], func() {}) })
	b.ReportMetric(0, "ns/op") // it is three things
}

// BenchmarkUserAtOnce is the same with all of it at work at once, as it is while users are
// pushed.
func BenchmarkUserAtOnce(b *testing.B) {
	br, sweeper := benchBridge(b)
	stage(b, br, "whole", func() { drain(b, br, sweeper, lanesOfUser, func() { pushAll(b, br) }) })
	b.ReportMetric(0, "ns/op") // what counts is what it used
}

// pushAll pushes as many users as the benchmark asks for, 32 at once.
func pushAll(b *testing.B, br *Bridge) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				push(b, br.handler, i)
			}
		})
	}
	group.Wait()
}

// stage does something and reports what it cost a user.
func stage(b *testing.B, br *Bridge, name string, do func()) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	commits, began := br.store.Stats().Commits, processor()
	do()
	used := processor() - began
	runtime.ReadMemStats(&after)
	n := float64(b.N)
	b.ReportMetric(float64(br.store.Stats().Commits-commits)/n, name+"-commits")
	b.ReportMetric(float64(used.Microseconds())/n, name+"-us")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/n, name+"-allocs")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/n/1024, name+"-KB")
}

// processor is the processor's time that this process used.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchBridge is a bridge with three targets that does nothing by itself.
func benchBridge(b *testing.B) (*Bridge, *scheduler.Sweeper) {
	b.Helper()
	dir := b.TempDir()
	c := configs.Default()
	c.Listen = "127.0.0.1:0"
	c.Store.Path, c.Audit.Key = filepath.Join(dir, "bridge.db"), filepath.Join(dir, "audit.key")
	c.Sources = []configs.Source{{Name: "hr", Token: token}}
	c.Limits.SourceRate = -1
	for i := range 3 {
		c.Connectors = append(c.Connectors, connectors.Config{Name: fmt.Sprint("c", i), Kind: "memory", Profile: connectors.DefaultProfile()})
	}
	br, err := Open(b.Context(), &c, Options{Policy: fstest.MapFS{"policy.yaml": {Data: []byte(benchPolicy())}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = br.Close() })
	sweeper, err := br.sweeper()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(CollectSeldom())
	return br, sweeper
}

// drain has some lanes run while something is done, and until nothing is left in them.
func drain(b *testing.B, br *Bridge, sweeper *scheduler.Sweeper, lanes []store.Lane, do func()) {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	for _, l := range br.lanes(sweeper) {
		if !slices.Contains(lanes, l.Lane) {
			continue
		}
		group.Go(func() {
			if err := l.Run(ctx); err != nil {
				b.Error(err)
			}
		})
	}
	do()
	for left := true; left; {
		<-time.After(20 * time.Millisecond)
		left = false
		err := br.store.View(ctx, func(r store.Reader) error {
			stats, err := store.LaneStats(r)
			for _, lane := range lanes {
				left = left || stats[lane].Items > 0
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// An unseen answer is one of which only the status counts.
type unseen struct {
	header http.Header
	status int
}

func (u *unseen) Header() http.Header         { return u.header }
func (u *unseen) Write(b []byte) (int, error) { return len(b), nil }
func (u *unseen) WriteHeader(status int)      { u.status = status }

// push looks for a user and creates it, as identity providers do.
func push(b *testing.B, h http.Handler, i int64) {
	ask := func(method, path, body string, want int) {
		r := httptest.NewRequestWithContext(b.Context(), method, "/scim/v2/Users"+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/scim+json")
		answer := &unseen{header: http.Header{}}
		h.ServeHTTP(answer, r)
		if answer.status != want {
			b.Errorf("%s %s: %d, want %d", method, path, answer.status, want)
		}
	}
	ask("GET", fmt.Sprintf(`?filter=userName+eq+%%22u%07d@example.com%%22`, i), "", http.StatusOK)
	ask("POST", "", fmt.Sprintf(benchUser, i, benchDepartments[i%int64(len(benchDepartments))]), http.StatusCreated)
}

var benchDepartments = []string{"Engineering", "Finance", "Legal", "Marketing", "Operations", "People", "Sales", "Support"}

const benchUser = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],` +
	`"userName":"u%07[1]d@example.com","externalId":"E%07[1]d","active":true,"displayName":"Given%[1]d Family%[1]d","title":"Senior Specialist","userType":"employee",` +
	`"preferredLanguage":"en-GB","locale":"en-GB","timezone":"Europe/London",` +
	`"name":{"givenName":"Given%[1]d","familyName":"Family%[1]d","formatted":"Given%[1]d Family%[1]d"},` +
	`"emails":[{"value":"u%07[1]d@example.com","type":"work","primary":true}],` +
	`"phoneNumbers":[{"value":"+44 20 7946 0000","type":"work"},{"value":"+44 7700 900000","type":"mobile"}],` +
	`"addresses":[{"type":"work","streetAddress":"1 Long Street","locality":"London","region":"Greater London","postalCode":"SW1A 1AA","country":"GB"}],` +
	`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"%[1]d","department":%[2]q,"costCenter":"CC-001","division":"Europe"}}`

// benchPolicy gives every employee a seat at each target, and something more at one of
// them by department.
func benchPolicy() string {
	text := strings.Builder{}
	text.WriteString(`apiVersion: drawbridge/v1
kind: PolicySet
metadata: { name: bench, owner: { user: iam, deputy: iam2 } }
spec:
  mode: enforce
  identity:
    department: { type: string, from: [hr] }
    userType: { type: string, from: [hr] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: hr, owner: { user: hr, deputy: hr2 } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*"] }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: leaver, owner: { user: iam, deputy: iam2 } }
spec:
  triggers:
    - { name: ended, on: [event, sweep], when: 'identity.employment.status in ["terminated", "ended"]', action: revoke, failClosed: true }
    - { name: suspended, on: [event, sweep], when: 'identity.active == false', action: suspend }
`)
	for i := range 3 {
		fmt.Fprintf(&text, `---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: c%d, owner: { user: it, deputy: it2 } }
spec: { type: memory, mode: enforce, authority: exclusive, entitlements: [{ id: seat, target: seat, risk: low }, { id: more, target: more, risk: low }] }
`, i)
	}
	birthright := func(name, assign, grants string) {
		fmt.Fprintf(&text, `---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: %s, owner: { user: iam, deputy: iam2 } }
spec:
  type: birthright
  mode: enforce
  intent: What belongs to it.
  assign: identity.kind == "human" && identity.userType == "employee" && %s
  grants: [%s]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
`, name, assign, grants)
	}
	birthright("base", "true", "{ connector: c0, entitlement: seat }, { connector: c1, entitlement: seat }, { connector: c2, entitlement: seat }")
	for i, d := range benchDepartments {
		birthright(strings.ToLower(d), fmt.Sprintf("identity.department == %q", d), fmt.Sprintf("{ connector: c%d, entitlement: more }", i%3))
	}
	return text.String()
}
