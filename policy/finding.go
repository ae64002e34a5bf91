package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Severity says what a finding means for the object it is about.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // the object is not automated
	Warning Severity = "warning" // somebody should decide about it
)

// A Code names a kind of mistake. Codes are stable: documentation, waivers and
// tests refer to them.
type Code string

// The codes. Those that begin with E refuse to automate the object; those that
// begin with W do not.
const (
	CodeYAML        Code = "E-YAML"      // the file is not YAML
	CodeKind        Code = "E-KIND"      // no such kind or version of document
	CodeField       Code = "E-FIELD"     // no such field
	CodeAlias       Code = "E-ALIAS"     // an anchor, alias or merge key
	CodeQuote       Code = "E-QUOTE"     // a string that YAML does not read as one
	CodeDup         Code = "E-DUP"       // the same key or document twice
	CodeDecode      Code = "E-DECODE"    // a value that cannot be
	CodeOwner       Code = "E-OWNER"     // nobody owns it
	CodeDeputy      Code = "W-DEPUTY"    // nobody stands in for the owner
	CodeIntent      Code = "E-INTENT"    // nobody wrote what it is for
	CodeApprover    Code = "E-APPROVER"  // can be asked for, and nobody approves
	CodeSelf        Code = "E-SELF"      // one may approve for oneself
	CodeTrigger     Code = "E-TRIGGER"   // nothing ends it
	CodeLeaver      Code = "E-LEAVER"    // it survives the end of employment
	CodeUnbounded   Code = "E-UNBOUNDED" // neither a duration nor a stated permanence
	CodeReview      Code = "E-REVIEW"    // nobody looks again at who holds it
	CodeIdle        Code = "E-IDLE"      // a field that nothing goes by where it stands; it refuses roles alone
	CodeStanding    Code = "E-STANDING-PRIVILEGE"
	CodeWildcard    Code = "E-WILDCARD"    // a target that is a pattern
	CodeEmpty       Code = "E-EMPTY"       // grants nothing
	CodeConnector   Code = "E-CONNECTOR"   // no such connector
	CodeEntitlement Code = "E-ENTITLEMENT" // no such entitlement
	CodeSource      Code = "E-SOURCE"      // no such source
	CodeCEL         Code = "E-CEL"         // does not type-check
	CodeBool        Code = "E-CEL-BOOL"    // is not a yes or no
	CodeCost        Code = "E-CEL-COST"    // too dear to evaluate
	CodeEveryone    Code = "E-EVERYONE"    // true whatever the identity
	CodeNobody      Code = "E-NOBODY"      // false whatever the identity
	CodeOpen        Code = "E-OPEN"        // matches by default
	CodeMissing     Code = "E-MISSING"     // says what somebody must not be, and forgets who is nothing
	CodeFlap        Code = "E-FLAP"        // ends for everybody who qualifies
	CodeBypass      Code = "E-BYPASS"      // break-glass without its safeguards
	CodeExpiry      Code = "E-EXPIRY"      // an exception without an end, or too far off
	CodeException   Code = "E-EXCEPTION"   // an exception without subject, reason or approver
	CodeSOD         Code = "E-SOD"         // breaks a separation of duties by itself
	CodeEvent       Code = "E-EVENT"       // reads an event when there is none
	CodeOverlap     Code = "W-OVERLAP"     // the same access as another role
	CodeAlike       Code = "W-ALIKE"       // a target that may be another entry's
	CodeRisk        Code = "W-RISK"        // nobody wrote how much is at risk
	CodeTicket      Code = "W-TICKET"      // bound to a ticket, and to any

	// The ten risks of machine identities, OWASP 2025; NHI9 has no E, for it may be right.
	CodeOffboard      Code = "E-NHI1"     // it survives its workload or its owner
	CodeSecret        Code = "E-NHI2"     // a secret where a reference to one is wanted
	CodeVendor        Code = "E-NHI3"     // a third party without a contract to end it
	CodeVendorReview  Code = "W-NHI3"     // one that nobody looks at again
	CodePassword      Code = "E-NHI4"     // it proves itself as people do
	CodeFederate      Code = "W-NHI4"     // by a secret, beside a way that needs none
	CodeOverpowered   Code = "W-NHI5"     // more than one machine's work needs
	CodeClaims        Code = "E-NHI6"     // anything that looks alike is taken for it
	CodeStaticDeploy  Code = "W-NHI6"     // a pipeline with a secret, and it could prove itself
	CodeLongLived     Code = "E-NHI7"     // a secret that never gets too old
	CodeOldAge        Code = "W-NHI7"     // one that may get very old
	CodeEnvironment   Code = "E-NHI8"     // nobody wrote where it runs, or it reaches elsewhere
	CodeEnvironments  Code = "W-NHI8"     // the same in several environments
	CodeReuse         Code = "W-NHI9"     // used by several, or by nobody knows whom
	CodeInteractive   Code = "E-NHI10"    // people may sign in as it
	CodeInteractively Code = "W-NHI10"    // nobody wrote that they may not
	CodeUntested      Code = "W-UNTESTED" // no test names it
)

// A Finding is one mistake in the documents.
type Finding struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"` // from 1
	Col      int      `json:"col,omitempty"`  // from 1
	Object   string   `json:"object,omitempty"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"` // what to do

	Accepted *Acceptance `json:"accepted,omitempty"` // by which exception, of a warning
}

// String writes the finding on one line, as compilers do. One that only data raised has
// no place in a file, and begins with what it is about.
func (f Finding) String() string {
	s := fmt.Sprintf("%s:%d:%d: %s: %s", f.File, f.Line, f.Col, f.Code, f.Message)
	if f.File == "" {
		s = fmt.Sprintf("%s: %s: %s", f.Object, f.Code, f.Message)
	}
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s + f.Accepted.words()
}

// Findings are mistakes in the order of files and lines.
type Findings []Finding

// Errors reports whether any finding is an error.
func (fs Findings) Errors() bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return f.Severity == Error })
}

// decisive returns the errors of whatever decides something, which tests do not.
func (fs Findings) decisive() Findings {
	return slices.DeleteFunc(slices.Clone(fs), func(f Finding) bool {
		return f.Severity != Error || strings.HasPrefix(f.Object, "Test/")
	}).sorted()
}

// String writes one finding a line.
func (fs Findings) String() string {
	var b strings.Builder
	for _, f := range fs {
		b.WriteString(f.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// sorted returns the findings in order, each once.
func (fs Findings) sorted() Findings {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(fs)
}

// finding makes a finding; the code's first letter is its severity.
func finding(code Code, object, format string, args ...any) Finding {
	severity := Error
	if strings.HasPrefix(string(code), "W-") {
		severity = Warning
	}
	return Finding{Code: code, Severity: severity, Object: object, Message: fmt.Sprintf(format, args...)}
}

func (f Finding) hint(format string, args ...any) Finding {
	f.Hint = fmt.Sprintf(format, args...)
	return f
}
