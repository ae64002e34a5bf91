package policy

import "slices"

// The codes of what no document tells by itself: whether it is so depends on who is
// there and on what is held. A plan, readiness and findings have them; lint never does.
// Those that begin with E refuse something, as their pages say; those that begin with W
// want somebody to decide.
const (
	CodeOwnerInactive   Code = "E-OWNER-INACTIVE"      // who answers for it, or approves it, left
	CodeApproverSubject Code = "E-APPROVER-IS-SUBJECT" // only they could approve what they may ask for
	CodeBlast           Code = "E-BLAST"               // it gives or takes more than one run may
	CodeSODLive         Code = "E-SOD-LIVE"            // somebody would hold what must not be held together
	CodeStaleSource     Code = "E-STALE-SOURCE"        // nothing was heard of a source for too long
	CodePressure        Code = "E-EXC-PRESSURE"        // so many are excepted that the rule is wrong
	CodeMatchesMost     Code = "W-EVERYONE"            // its rule matches more than a rule should
	CodeMatchesNone     Code = "W-NOBODY"              // its rule matches nobody who is there
	CodeUnexplained     Code = "W-UNEXPLAINED"         // access was seen that nothing explains
	CodeNesting         Code = "W-NESTING"             // a target confers what no catalogue says
)

// LiveCodes are the codes that only data raises, those that refuse first.
var LiveCodes = []Code{
	CodeOwnerInactive, CodeApproverSubject, CodeBlast, CodeSODLive, CodeStaleSource, CodePressure,
	CodeMatchesMost, CodeMatchesNone, CodeUnexplained, CodeNesting,
}

// Live makes a finding about a document, by kind and name, that only data raises. It
// has no place in a file; the hint says what to do.
func Live(code Code, object, hint, format string, args ...any) Finding {
	return finding(code, object, format, args...).hint("%s", hint)
}

// MostMatched returns how many of all identities, in percent, the rule of a role should
// match at most; 0 is that nobody said. A role may say it itself, where it is meant.
func (b *Book) MostMatched(r *Role) int {
	if r.Spec.MatchPercentMax > 0 {
		return r.Spec.MatchPercentMax
	}
	return b.Limits().RoleMatchPercent
}

// Weighs reports whether a policy limits what it may do at once.
func (b *Book) Weighs() bool {
	l := b.Limits()
	return l.RevokesPerRun != (Brake{}) || l.GrantsPerRun != (Brake{}) || l.RoleMatchPercent > 0 ||
		slices.ContainsFunc(b.roles, func(r *compiledRole) bool { return r.Spec.MatchPercentMax > 0 })
}
