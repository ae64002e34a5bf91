package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// What an attack may cost. Both are far above what is measured (see the test's
// log), and far below what would matter.
const (
	mostHeap    = 256 << 20 // bytes in use above what there was before
	mostSlower  = 100       // times as slow as others' requests are in calm, in the median,
	leastSlower = 300 * time.Millisecond
)

// heap is how many bytes of objects there are, dead ones among them.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// A toll is what something costs: the most memory in use meanwhile, and how long
// an honest sender waited for each of its answers.
type toll struct {
	heap  uint64
	waits []time.Duration
}

func (c toll) median() time.Duration {
	if len(c.waits) == 0 {
		return 0
	}
	slices.Sort(c.waits)
	return c.waits[len(c.waits)/2]
}

// during measures while something is done: an honest sender goes on with reads,
// writes and look-ups of its own.
func (at *target) during(t *testing.T, do func()) toll {
	t.Helper()
	runtime.GC()
	before := heap()
	ctx, enough := context.WithCancel(t.Context())
	var cost toll
	var wg sync.WaitGroup
	wg.Go(func() {
		for tick := time.NewTicker(2 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
				if now := heap(); now > before {
					cost.heap = max(cost.heap, now-before)
				}
			}
		}
	})
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			for _, one := range [][3]string{
				{"PATCH", "/Users/" + at.user, operations(fmt.Sprintf(`{"op":"replace","path":"title","value":"%d"}`, i))},
				{"GET", "/Users/" + at.user, ""}, {"GET", "/Users?filter=userName+eq+%22victim%22", ""},
			} {
				began := time.Now()
				at.must(t, one[0], one[1], one[2])
				cost.waits = append(cost.waits, time.Since(began))
			}
		}
	})
	do()
	enough()
	wg.Wait()
	return cost
}

// TestAttacksCostLittle makes each attack by itself, from several connections at
// once, and measures what it costs the process and everybody else.
func TestAttacksCostLittle(t *testing.T) {
	at := newTarget(t)
	var calm toll
	for len(calm.waits) < 30 { // another honest sender is no attack
		more := at.during(t, func() {
			for range 100 {
				at.must(t, "GET", "/Users/"+at.user, "")
			}
		})
		calm = toll{heap: max(calm.heap, more.heap), waits: append(calm.waits, more.waits...)}
	}
	t.Logf("in calm: %d answers, %v in the median, %d KiB", len(calm.waits), calm.median(), calm.heap>>10)
	allowed := max(mostSlower*calm.median(), leastSlower)
	const attackers = 4
	for _, a := range append(attacks(), unread()...) {
		if strings.Contains(a.name, "stop") {
			continue // it waits; TestAttacks has it
		}
		began := time.Now()
		cost := at.during(t, func() {
			var wg sync.WaitGroup
			for range attackers {
				wg.Go(func() { at.strike(t, a) })
			}
			wg.Wait()
		})
		t.Logf("%-55s %6d KiB, others %v in the median (%v)", a.name, cost.heap>>10, cost.median(), time.Since(began))
		if cost.heap > mostHeap {
			t.Errorf("%s: %d MiB more in use", a.name, cost.heap>>20)
		}
		if cost.median() > allowed {
			t.Errorf("%s: others wait %v for an answer, and %v in calm", a.name, cost.median(), calm.median())
		}
	}
}

// strike makes an attack and reads what comes of it, whatever it is.
func (at *target) strike(t *testing.T, a attack) {
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", at.addr)
	if err != nil {
		t.Error(err)
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer conn.Close()
	wg.Go(func() { a.send(at, conn) })
	if r, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20))
		_ = r.Body.Close()
	}
}

// unread are attacks of those who ask for much and take nothing of it.
func unread() []attack {
	again := func(name, path string) attack {
		return attack{name, 200, "", func(_ *target, to io.Writer) {
			for range 200 { // one connection, many requests behind each other
				if _, err := fmt.Fprintf(to, "GET /scim/v2%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", path, sourceSecret); err != nil {
					return
				}
			}
		}}
	}
	return []attack{again("long answers that nobody takes", "/Users?count=500"), again("all schemas, over and over", "/Schemas")}
}
