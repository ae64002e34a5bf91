package access

import (
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
)

// A role held by rule is nobody's decision of the moment, so that nobody was asked
// whether it goes together with what somebody holds. Evaluation alone does not know
// what they hold; this is where both meet.

// evaluate says what an identity is to hold, who holds some lines now: what policy says,
// without what its constraints keep from it.
func evaluate(book *policy.Book, f policy.Facts, held []schema.Assignment, now time.Time) policy.Access {
	return barred(book, f, book.Evaluate(f, now), held, now)
}

// barred takes out of what policy says what its constraints keep from the identity.
func barred(book *policy.Book, f policy.Facts, access policy.Access, held []schema.Assignment, now time.Time) policy.Access {
	if !book.Constrains() {
		return access
	}
	c := comparison{book: book, facts: f, held: held, access: access, now: now}
	t := policy.Tenure{Pass: passBy(book, f.Passes, now)}
	for _, line := range held {
		if index(access.Assignments, line) < 0 && c.kept(line) != "" {
			t.Refs = append(t.Refs, line.Ref())
		}
	}
	var excepted []string
	for _, line := range held {
		if slices.ContainsFunc(line.Because, func(ref string) bool { return mayConstrain(f, ref) }) {
			excepted = append(excepted, line.Roles()...)
		}
	}
	t.Roles = slices.DeleteFunc(schema.RolesHeld(held), func(role string) bool { return slices.Contains(excepted, role) })
	return book.Bar(f, access, t, now)
}

// mayConstrain reports whether what is held rests on an exception from a constraint. Of
// one that is no more it is not known from what it was.
func mayConstrain(f policy.Facts, ref string) bool {
	return strings.HasPrefix(ref, exceptionRef("")) &&
		!slices.ContainsFunc(f.Passes, func(p policy.Pass) bool { return p.Exception == ref && p.Waives.Constraint == "" })
}

// passBy finds the exception that allows a breach and lasts longest.
func passBy(book *policy.Book, passes []policy.Pass, now time.Time) func(policy.Breach) (string, time.Time, bool) {
	return func(b policy.Breach) (string, time.Time, bool) {
		p, ok := among(book, passes, b, now)
		return p.Exception, p.Until, ok
	}
}
