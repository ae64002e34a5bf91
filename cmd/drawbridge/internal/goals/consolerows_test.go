package goals

import (
	"context"
	"fmt"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// crowded fills a store with what the console's pages list, in the proportion of a bridge
// that has run for a while: for every hundred people a finding, a holder of a role by
// name, and five windows and ten decisions of the last day. Some things wait for one person.
func (s *seed) crowded(m *measure, reviewer int) {
	m.Helper()
	st := s.open(m, bolt.Options{NoSync: true})
	rows := func(n int, put func(tx store.Tx, i int) error) {
		m.Helper()
		for from := 0; from < n; from += perCommit {
			err := st.Update(context.Background(), func(tx store.Tx) error {
				for i := from; i < min(n, from+perCommit); i++ {
					if err := put(tx, i); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				m.Fatal(err)
			}
		}
	}
	n := max(10, len(s.ids)/100)
	someone := func(i int) string { return s.ids[i%len(s.ids)] }
	waits := []string{"identity/" + s.ids[reviewer]}
	rows(n, func(tx store.Tx, i int) error {
		f := schema.Finding{Kind: []string{"unmanaged", "drift"}[i%2], Connector: "c00", Subject: someone(i), Reason: "it is there", First: tx.Now(), Last: tx.Now()}
		return store.Findings.Put(tx, f)
	})
	rows(n, func(tx store.Tx, i int) error {
		return store.Assignments.Put(tx, schema.Assignment{Identity: someone(i), Connector: "c00", Entitlement: "engineering", Because: []string{"role/engineering"}, Mode: schema.Enforce, Since: tx.Now()})
	})
	rows(5*n, func(tx store.Tx, i int) error {
		at := tx.Now().Add(-time.Duration(i) * 24 * time.Hour / time.Duration(5*n))
		c := schema.Change{Received: at, Decided: at, Sent: at, Acknowledged: at.Add(time.Second), Verified: at.Add(2 * time.Second), Ends: true, Loses: []string{"c00/seat"}, Triggers: []string{"leaver/ended"}}
		return store.Windows.Put(tx, schema.Window{ID: tx.NewID(), Connector: "c00", Identity: someone(i), Change: c, Closed: at})
	})
	rows(10*n, func(tx store.Tx, i int) error {
		_, err := tx.Record(schema.Decision{Actor: "bridge", Verb: schema.Assigned, Subject: someone(i), Object: "c00/seat", Because: []string{"role/base"}, Reason: "role base: its rule matches", Mode: schema.Enforce})
		return err
	})
	rows(100, func(tx store.Tx, i int) error {
		id := fmt.Sprintf("01900000-0000-7000-8000-%012d", i)
		v := schema.Review{ID: id, Kind: schema.ReviewRole, Of: "engineering", Opened: tx.Now(), Due: tx.Now().Add(time.Hour), Overdue: "escalate", Reviewer: schema.ByOwner, State: schema.ReviewOpen, Items: 10}
		if err := store.Reviews.Put(tx, v); err != nil {
			return err
		}
		for j := range 10 {
			item := schema.ReviewItem{Review: id, Identity: someone(10*i + j), Holding: "role/engineering", Gives: []string{"c00/engineering"}, Because: "its rule matches", State: schema.ItemOpen, Awaits: waits}
			if err := store.ReviewItems.Put(tx, item); err != nil {
				return err
			}
		}
		return store.Requests.Put(tx, schema.Request{ID: id, Identity: someone(i), Role: "engineering", By: "token/bench", Reason: "a piece of work", State: schema.RequestOpen, Awaits: waits})
	})
	rows(50, func(tx store.Tx, i int) error {
		h := schema.Hold{ID: fmt.Sprintf("sweep:drift:c%02d", i), Kind: schema.SweepHold, Subject: "sweep/drift", Plan: "5f0c", Count: 1000, Reason: "it is too much", Since: tx.Now()}
		for j := range 50 {
			h.First = append(h.First, schema.Deed{Identity: someone(j), What: "revoke c00/seat"})
		}
		return store.Holds.Put(tx, h)
	})
	s.close(m, st)
}
