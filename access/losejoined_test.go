package access_test

import (
	"fmt"
	"testing"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// limitedSeverally is the policy of severally, of which hr may end, and take something
// from, two an hour.
func limitedSeverally(t testing.TB) *policy.Book {
	t.Helper()
	return severally(t, `trust: authoritative, authoritativeFor: ["*"] }`,
		`trust: authoritative, authoritativeFor: ["*", department, active, groups], correlateBy: [externalId, email], massChange: { deactivationsPerHour: 2, onExceeded: hold } }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: payroll, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: [department, active], correlateBy: [employeeNumber] }`)
}

// twice are people of whom hr and payroll tell, who are in hr's group of writers.
func twice(w *world, n int) (hr, payroll []string) {
	w.t.Helper()
	w.rules.Use(limitedSeverally(w.t))
	var group schema.Group
	w.update(func(tx store.Tx) (err error) {
		group, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "writers"})
		return err
	})
	for i := range n {
		number := fmt.Sprint(i)
		hr = append(hr, w.tell(attested{source: "hr", name: "h" + number, number: number}))
		payroll = append(payroll, w.tell(attested{source: "payroll", name: "p" + number, number: number, department: "Engineering"}))
		w.update(func(tx store.Tx) error {
			_, err := access.Join(tx, w.hr(), schema.Member{Group: group.ID, Member: hr[i]})
			return err
		})
	}
	w.work()
	for _, id := range hr {
		w.want(id, "Readers Writers")
	}
	return hr, payroll
}

// TestWhoStaysByAnotherSource has an authoritative source know people no more of whom
// another one still tells. They have not left: what the first alone said of them is a
// loss, which counts as what it takes. Once the other one lets them go too, they have
// left, and wait for nobody. R-SRC-7, rule 8.
func TestWhoStaysByAnotherSource(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		hr, payroll := twice(w, 3)
		for _, id := range hr[:2] {
			w.remove("hr", id)
			w.work()
			w.want(id, "Readers")
		}
		w.update(func(tx store.Tx) error { // the third is the first that hr would end in another hour's allowance
			return store.Settings.Delete(tx, "ended/hr")
		})
		w.remove("hr", hr[2])
		w.work()
		w.want(hr[2], "Readers Writers")
		if h := w.held(lossesOfHR); h.Count != 1 {
			t.Errorf("held: %+v", h)
		}
		if h := w.held("source:hr"); h.ID != "" {
			t.Errorf("their end is held: %+v", h)
		}
		w.remove("payroll", payroll[2])
		w.work()
		w.want(hr[2], "")
		if h := w.held(lossesOfHR); h.ID != "" {
			t.Errorf("of one who left is held: %+v", h)
		}
	})
}

// TestWhatIsReleasedIsNotHeldAgain has people let through that a source knows many no
// more: what that takes from who stays by another source does not wait for them twice.
func TestWhatIsReleasedIsNotHeldAgain(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		hr, _ := twice(w, 6)
		for _, id := range hr {
			w.remove("hr", id)
		}
		if h := w.held("source:hr"); h.Count != 4 {
			t.Errorf("held: %+v", h)
		}
		w.release("source:hr", "the second system goes")
		w.work()
		for _, id := range hr {
			w.want(id, "Readers")
		}
		if h := w.held(lossesOfHR); h.ID != "" {
			t.Errorf("held once more: %+v", h)
		}
	})
}
