package goals

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"
)

const fan = 20 // connectors

// A fanOut is a bridge with twenty targets elsewhere, and people in all of them.
type fanOut struct {
	*measure
	names  []string
	told   *targets
	bridge *process
	ids    []string // of people who are still there
	pushed int
}

func (m *measure) fanOut(people int) *fanOut {
	f := &fanOut{measure: m, names: connectorNames(fan), told: newTargets(m)}
	f.bridge = startBridge(m, f.names, f.told.addr)
	f.more(people)
	return f
}

// more brings people, and waits until they are everywhere.
func (f *fanOut) more(people int) {
	ids, _ := pushAll(f, f.bridge.addr, writers, f.pushed, people)
	f.pushed += people
	f.ids = append(f.ids, ids...)
	settled(f, f.bridge)
}

// leave has n people leave at a rate, and returns for each how long it was until
// the last of the targets was told, those named in but apart.
func (f *fanOut) leave(n int, perSecond float64, but ...string) []time.Duration {
	f.Helper()
	gone := f.ids[:n]
	f.ids = f.ids[n:]
	began := make([]time.Time, n)
	paced(f, f.bridge.addr, perSecond, n, func(c *conn, i int) error {
		began[i] = time.Now()
		return leave(c, gone[i])
	})
	took := make([]time.Duration, n)
	for i, id := range gone {
		for _, name := range f.names {
			if len(but) > 0 && but[0] == name {
				continue
			}
			var a account
			until(f, 5*time.Millisecond, id+" is cut off in "+name, func() bool { a = f.told.at(name, id); return !a.ended.IsZero() })
			took[i] = max(took[i], a.ended.Sub(began[i]))
		}
	}
	return took
}

// leaversOneByOne is G13: how long it is until the last target knows.
func leaversOneByOne(m *measure) {
	seconds := m.window.Seconds()
	f := m.fanOut(int((20+100+20)*seconds) + 20)
	f.leave(20, 50) // to warm up
	for _, round := range []struct {
		perSecond float64
		latency   time.Duration
	}{{20, 0}, {100, 0}, {20, m.slowness}} {
		f.told.slow(round.latency)
		took := f.leave(int(round.perSecond*seconds), round.perSecond)
		what := fmt.Sprintf("leaver to the last of 20 targets, %g/s, beyond their %v: ", round.perSecond, round.latency)
		m.atMost("G13", what+"p50", milliseconds(quantile(took, 0.5)-round.latency), 10, "ms")
		m.atMost("G13", what+"p99", milliseconds(quantile(took, 0.99)-round.latency), 50, "ms")
	}
	f.bridge.stop()
}

// leaversAtOnce is G14: a thousand at once, against a pooled client that does
// nothing but tell.
func leaversAtOnce(m *measure) {
	f := m.fanOut(m.rounds * m.leavers)
	var ratios []float64
	for range m.rounds {
		before, start := f.told.total(), time.Now()
		took := f.leave(m.leavers, 1e6)
		elapsed := time.Since(start)
		calls := f.told.total() - before
		settled(m, f.bridge)
		m.Logf("%d calls for %d leavers in %v; last told after %v", calls, m.leavers, elapsed, quantile(took, 1))
		ratios = append(ratios, float64(calls)/elapsed.Seconds()/f.most(f.names, calls))
	}
	m.atLeast("G14", "1,000 leavers x 20 targets at once: calls/s to those of a pooled client", median(ratios), 0.6)
	f.bridge.stop()
}

// most returns how many calls a second a pooled client makes to the same targets, some
// at once for each time that one is named.
func (f *fanOut) most(names []string, calls int) float64 {
	client := spawn(f, "client", part{Connectors: names, Targets: f.told.addr, Calls: calls})
	defer client.stop()
	if _, err := io.WriteString(client.input.(io.Writer), "go\n"); err != nil {
		f.Fatal(err)
	}
	seconds, err := strconv.ParseFloat(client.read(), 64)
	if err != nil {
		f.Fatal(err)
	}
	return float64(calls) / seconds
}

// oneTargetHangs is G15: whether the other nineteen notice. Of one round, three
// leavers make the p99; so it is that of all rounds together, in turn.
func oneTargetHangs(m *measure) {
	const perSecond = 20
	n := int(perSecond * m.window.Seconds())
	f := m.fanOut(2*m.rounds*n + n)
	f.leave(n, perSecond) // to warm up
	hung := f.names[7]
	var quiet, busy []time.Duration
	for range m.rounds {
		calm := f.leave(n, perSecond)
		release := f.told.hang(hung)
		others := f.leave(n, perSecond, hung)
		release()
		settled(m, f.bridge)
		m.Logf("p99 %v, and %v while one hangs", quantile(calm, 0.99), quantile(others, 0.99))
		quiet, busy = append(quiet, calm...), append(busy, others...)
	}
	f.bridge.stop()
	m.Logf("of all rounds: p50 %v and %v, p99 %v and %v", quantile(quiet, 0.5), quantile(busy, 0.5), quantile(quiet, 0.99), quantile(busy, 0.99))
	m.atMost("G15", "p99 of 19 targets while the 20th hangs to that while none does", float64(quantile(busy, 0.99))/float64(quantile(quiet, 0.99)), 1.2, "x")
}

// manyEdits is G16: however often somebody moves, each target is told what is so
// in the end, and in few calls.
func manyEdits(m *measure) {
	f := m.fanOut(m.crowd + 1)
	<-time.After(min(2*time.Second, m.window)) // what was done a moment ago counts as part of a burst
	f.burst(f.ids[:1], m.burst, "1,000 edits of one user within a second: calls a target, at most")
	<-time.After(min(2*time.Second, m.window))
	f.burst(f.ids[1:], 20, "20 edits of each of 1,000 users: calls a user and target, on average")
	f.bridge.stop()
}

func (f *fanOut) burst(ids []string, edits int, what string) {
	before := map[string]int{}
	for _, name := range f.names {
		for _, id := range ids {
			before[name+id] = f.told.at(name, id).writes
		}
	}
	last := departments[rand.N(len(departments))]
	start := time.Now()
	if len(ids) == 1 { // as many at once as there are connections, or they would take longer than a burst does
		drive(f, f.bridge.addr, writers, edits-1, func(c *conn, e int) error { return move(c, ids[0], departments[e%len(departments)]) })
		edits = 1
	}
	drive(f, f.bridge.addr, 16, len(ids), func(c *conn, i int) error {
		for e := range edits - 1 {
			if err := move(c, ids[i], departments[e%len(departments)]); err != nil {
				return err
			}
		}
		return move(c, ids[i], last)
	})
	f.Logf("the edits took %v", time.Since(start))
	settled(f, f.bridge)
	most, all := 0, 0
	for _, name := range f.names {
		for _, id := range ids {
			a := f.told.at(name, id)
			if a.department != last {
				f.Errorf("%s was last told that %s is in %q, and it is %q", name, id, a.department, last)
			}
			writes := a.writes - before[name+id]
			most, all = max(most, writes), all+writes
		}
	}
	if len(ids) == 1 {
		f.atMost("G16", what, float64(most), 2, "")
		return
	}
	f.atMost("G16", what, float64(all)/float64(len(ids)*len(f.names)), 2, "")
}

func move(c *conn, id, department string) error {
	body := fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":%q}]}`, department)
	_, err := c.want(200, "PATCH", users+"/"+id, body)
	return err
}

// leaverInImport has people leave while very many others arrive.
func leaverInImport(m *measure) {
	const perSecond = 10
	n := int(perSecond * m.window.Seconds())
	f := m.fanOut(2*n + 20)
	f.leave(20, perSecond) // to warm up
	quiet := quantile(f.leave(n, perSecond), 0.99)

	var stop atomic.Bool
	var imported atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		drive(m, f.bridge.addr, writers, m.push, func(c *conn, i int) error {
			if stop.Load() {
				return nil
			}
			imported.Add(1)
			_, err := push(c, f.pushed+i)
			return err
		})
	}()
	<-time.After(m.window / 3)
	before := imported.Load()
	busy := quantile(f.leave(n, perSecond), 0.99)
	m.Logf("p99 %v quiet and %v in the import, which was at %d users when the first left and at %d when the last was cut off", quiet, busy, before, imported.Load())
	stop.Store(true)
	<-ended
	f.bridge.kill() // the rest of the import is of no interest
	m.atMost("leaver", "p99 to the last of 20 targets amid an import of 100k to that without", float64(busy)/float64(quiet), 10, "x")
}
