package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/common/types"
)

// many returns a book of n birthright roles, of which ten are for each department.
func many(b testing.TB, n int) *Book {
	b.Helper()
	one, _, _ := strings.Cut(roles, "\n---\n")
	var documents []string
	for i := range n {
		d := strings.Replace(one, "name: base", fmt.Sprintf("name: role-%05d", i), 1)
		documents = append(documents, strings.Replace(d, `identity.userType == "employee"`,
			fmt.Sprintf(`identity.userType == "employee" && identity.department == "D%04d"`, i/10), 1))
	}
	return bookOf(b, strings.Join(documents, "\n---\n"))
}

// BenchmarkEvaluate is the cost of one identity whom ten roles match, of however
// many there are.
func BenchmarkEvaluate(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000} {
		b.Run(fmt.Sprintf("roles=%d", n), func(b *testing.B) {
			book := many(b, n)
			f := Facts{Identity: person(strings.Replace(docs, "Docs", "D0000", 1)), Groups: []string{"Staff", "Docs"}}
			b.ReportAllocs()
			for b.Loop() {
				if a := book.Evaluate(f, noon); len(a.Assignments) != 1 || len(a.Verdicts) != 10 {
					b.Fatal(a.Assignments)
				}
			}
		})
	}
}

// TestManyRolesAreNotLookedAt counts the roles that are evaluated of somebody whom ten
// match: those that could, however many there are.
func TestManyRolesAreNotLookedAt(t *testing.T) {
	for _, n := range []int{10, 100, 1000, 10_000} {
		f := Facts{Identity: person(strings.Replace(docs, "Docs", "D0000", 1)), Groups: []string{"Staff", "Docs"}}
		if got := len(many(t, n).prepare(f, noon).candidates()); got != 10 {
			t.Errorf("of %d roles %d are looked at, want the ten that could match", n, got)
		}
	}
}

// BenchmarkReevaluate is what a publication costs: identities of all departments one
// after the other against a thousand roles. Beside its rate is that of the bare rules:
// the ten that could match, evaluated on what is known already.
func BenchmarkReevaluate(b *testing.B) {
	book := many(b, 1000)
	var facts []Facts
	for i := range 100 {
		facts = append(facts, Facts{Identity: person(strings.Replace(docs, "Docs", fmt.Sprintf("D%04d", i), 1)), Groups: []string{"Staff"}})
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if a := book.Evaluate(facts[n%len(facts)], noon); len(a.Verdicts) != 10 {
			b.Fatal(a.Verdicts)
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "identities/s")
	e := book.prepare(facts[0], noon)
	candidates := e.candidates()
	const rounds = 10_000
	began := time.Now()
	for range rounds {
		for _, r := range candidates {
			_, _ = r.rule.eval(&e.in)
		}
	}
	b.ReportMetric(rounds/time.Since(began).Seconds(), "bare/s")
}

func BenchmarkAttributes(b *testing.B) {
	book := bookOf(b, roles)
	id := person(docs + `,"name":{"givenName":"Ann","familyName":"Lee"},"emails":[{"value":"ann@example.org","primary":true}]`)
	b.ReportAllocs()
	for b.Loop() {
		book.Attributes(id, []string{"Staff"})
	}
}

// fiveClauses is the rule that the cost of evaluation is measured by.
const fiveClauses = `identity.kind == "human" && identity.userType == "employee" && identity.department == "Docs"
	&& identity.employment.status in ["active", "probation"] && "Staff" in identity.groups`

func five(tb testing.TB) (*rule, *inputs) {
	book := bookOf(tb, roles)
	r, faults := book.language.compile(fiveClauses, "identity", "workload", "now")
	if len(faults) > 0 {
		tb.Fatal(faults)
	}
	a := book.Attributes(person(docs), []string{"Docs", "Staff"})
	in := &inputs{identity: a.identity, workload: a.workload}
	in.at(noon)
	if got, err := r.eval(in); got != yes {
		tb.Fatal(got, err)
	}
	return r, in
}

func BenchmarkRule(b *testing.B) {
	r, in := five(b)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = r.eval(in)
	}
}

func TestARuleAllocatesNothing(t *testing.T) {
	r, in := five(t)
	if got := testing.AllocsPerRun(200, func() { _, _ = r.eval(in) }); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

func TestMoments(t *testing.T) {
	book := bookOf(t, roles)
	in := &inputs{identity: book.language.shapes.identity.new()}
	in.identity.set("contractEnd", types.Timestamp{Time: noon})
	for _, test := range []struct {
		rule     string
		want     time.Time // when it changes; zero is never
		restless bool
	}{
		{`identity.contractEnd <= now`, noon, false},
		{`identity.contractEnd < now`, noon.Add(1), false},
		{`now < identity.contractEnd`, noon, false},
		{`now > identity.contractEnd`, noon.Add(1), false},
		{`now - identity.contractEnd > duration("24h")`, noon.Add(day + 1), false},
		{`now - identity.contractEnd >= duration("24h")`, noon.Add(day), false},
		{`duration("24h") < now - identity.contractEnd`, noon.Add(day + 1), false},
		{`identity.contractEnd - now <= duration("24h")`, noon.Add(-day), false},
		{`identity.contractEnd + duration("1h") <= now`, noon.Add(time.Hour), false},
		{`now - duration("1h") >= identity.contractEnd`, noon.Add(time.Hour), false},
		{`identity.active && !(now >= timestamp("2026-11-23T12:00:00Z"))`, noon, false},
		{`identity.active`, time.Time{}, false},
		{`now.getHours() > 8`, time.Time{}, true},
	} {
		r, faults := book.language.compile(test.rule, "identity", "now")
		if len(faults) > 0 {
			t.Fatal(test.rule, faults)
		}
		if r.restless != test.restless {
			t.Errorf("%s: restless %v, want %v", test.rule, r.restless, test.restless)
		}
		if test.want.IsZero() {
			if len(r.moments) != 0 {
				t.Errorf("%s: got moments %v, want none", test.rule, r.moments)
			}
			continue
		}
		if len(r.moments) != 1 || !r.moments[0].of(in).Equal(test.want) {
			t.Errorf("%s: got %v, want %v", test.rule, r.moments, test.want)
			continue
		}
		in.identity.set("active", types.True)
		in.at(test.want)
		then, _ := r.eval(in)
		in.at(test.want.Add(-1))
		if before, err := r.eval(in); before == then {
			t.Errorf("%s: is %v before and at its moment (%v)", test.rule, then, err)
		}
	}
}
