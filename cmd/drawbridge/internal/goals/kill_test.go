package goals

import (
	"math/rand/v2"
	"sync"
	"time"
)

// kills is G21, R-PROV-3: a bridge that is killed at any moment, over and over, has lost
// nothing that it acknowledged, and tells every target in the end.
func kills(m *measure) {
	told, names, dir := newTargets(m), connectorNames(3), onDisk(m)
	is := map[string]bool{} // who was acknowledged, and whether as active
	pushed := 0
	for range m.kills {
		s := spawn(m, "bridge", part{Dir: dir, Connectors: names, Targets: told.addr})
		pushed += m.untilKilled(s, pushed, is)
		s.kill()
	}
	s := spawn(m, "bridge", part{Dir: dir, Connectors: names, Targets: told.addr})
	settled(m, s)
	lost, untold := 0, 0
	drive(m, s.addr, 1, 1, func(c *conn, _ int) error {
		for id, active := range is {
			if status, _, err := c.do("GET", users+"/"+id, nil); err != nil || status != 200 {
				lost++
			}
			for _, name := range names {
				if told.at(name, id).active != active {
					untold++
				}
			}
		}
		return nil
	})
	s.stop()
	m.Logf("%d users were acknowledged, and the bridge killed %d times", len(is), m.kills)
	if len(is) == 0 {
		m.Error("nobody was acknowledged")
	}
	m.atMost("G21", "acknowledged writes lost to kill -9", float64(lost), 0, "")
	m.atMost("G21", "of them, those whose targets were not told in the end", float64(untold), 0, "")
	if lost+untold > 0 {
		m.Errorf("of %d who were acknowledged %d are lost, and targets were not told of %d", len(is), lost, untold)
	}
}

// untilKilled brings users, and has every third leave again, until the bridge is
// there no more: it is killed at some moment after the first was acknowledged,
// however long that takes. It keeps what was acknowledged.
func (m *measure) untilKilled(s *process, from int, is map[string]bool) (pushed int) {
	var mu sync.Mutex
	var group sync.WaitGroup
	var first sync.Once
	doom := func() {
		time.AfterFunc(200*time.Millisecond+rand.N(m.window/10), func() { _ = s.cmd.Process.Kill() })
	}
	for range writers {
		group.Go(func() {
			c := dial(m, s.addr)
			if c == nil {
				return
			}
			defer c.Close()
			for {
				mu.Lock()
				u := from + pushed
				pushed++
				mu.Unlock()
				id, err := push(c, u)
				if err != nil {
					return
				}
				first.Do(doom)
				mu.Lock()
				is[id] = true
				mu.Unlock()
				if u%3 != 0 {
					continue
				}
				// Until it is acknowledged, either is right.
				mu.Lock()
				delete(is, id)
				mu.Unlock()
				if leave(c, id) != nil {
					return
				}
				mu.Lock()
				is[id] = false
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return pushed
}
