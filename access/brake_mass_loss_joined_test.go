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
	return limitedTo(t, `["*", department, active, groups]`)
}

// limitedTo is limitedSeverally, where hr may say that.
func limitedTo(t testing.TB, says string, replace ...string) *policy.Book {
	t.Helper()
	return severally(t, append(replace, `trust: authoritative, authoritativeFor: ["*"] }`,
		`trust: authoritative, authoritativeFor: `+says+`, correlateBy: [externalId, email], massChange: { deactivationsPerHour: 2, onExceeded: hold } }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: payroll, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: [department, active], correlateBy: [employeeNumber] }`)...)
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

// TestAnEqualPartsMany has one of two authorities tell of others by the numbers of many
// people, so that nobody can tell any more whose the records of the other one are. What
// these people had by them is a loss by who said so, though the source of the records
// has no limit. R-SRC-7.
func TestAnEqualPartsMany(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(limitedTo(t, `["*", department, active, groups]`, `department: { type: string, from: [hr] }`, `department: { type: string, from: [payroll, hr] }`))
		var hr []string
		for i := range 6 {
			number := fmt.Sprint(i)
			hr = append(hr, w.tell(attested{source: "hr", name: "h" + number, number: number, department: "Sales"}))
			w.tell(attested{source: "payroll", name: "p" + number, number: number, department: "Engineering"})
		}
		w.work()
		if got := kept(w, hr, "Readers"); got != 6 {
			t.Fatalf("%d have it, want all", got)
		}
		for i := range hr {
			w.tell(attested{source: "hr", name: fmt.Sprint("d", i), number: fmt.Sprint(i), department: "Sales"})
		}
		w.work()
		if got := kept(w, hr, "Readers"); got != 4 {
			t.Errorf("%d keep what they had, want all beyond the two that hr may take it from", got)
		}
		if h := w.held(lossesOfHR); h.Count != 4 {
			t.Errorf("held: %+v", h)
		}
		w.release(lossesOfHR, "they are not who we thought")
		w.work()
		if got := kept(w, hr, ""); got != 6 {
			t.Errorf("%d lost it after two people let it through, want all", got)
		}
	})
}

// TestARecordComesToMany has the records of one source come to many people, who lose
// something by what these say. R-SRC-7.
func TestARecordComesToMany(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		var hr, others []string
		limited := `authoritativeFor: [userName, department, groups], correlateBy: [userName, email, employeeNumber], massChange: { deactivationsPerHour: 2, onExceeded: hold } }`
		w.rules.Use(severally(t, `authoritativeFor: [userName] }`, limited))
		for i := range 6 {
			hr = append(hr, w.tell(attested{source: "hr", name: fmt.Sprint("h", i), email: fmt.Sprintf("h%d@y", i), department: "Engineering"}))
			w.tell(attested{source: "hr", name: fmt.Sprint("o", i), email: fmt.Sprintf("o%d@y", i), department: "Sales"})
			others = append(others, w.tell(attested{source: "okta", name: fmt.Sprint("k", i), email: fmt.Sprintf("o%d@y", i), department: "Sales"}))
		}
		w.work()
		for i := range hr { // it is somebody else's record now
			w.tell(attested{source: "okta", id: others[i], name: fmt.Sprint("k", i), email: fmt.Sprintf("h%d@y", i), department: "Sales"})
		}
		w.work()
		if got := kept(w, hr, "Readers"); got != 4 {
			t.Errorf("%d keep what they had, want all beyond the two that okta may take it from", got)
		}
		if h := w.held("losses:okta"); h.Count != 4 {
			t.Errorf("held: %+v", h)
		}
	})
}

// kept counts who holds exactly that.
func kept(w *world, people []string, entitlements string) (n int) {
	for _, id := range people {
		if w.holds(id) == entitlements {
			n++
		}
	}
	return n
}
