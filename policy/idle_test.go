package policy

import (
	"slices"
	"strings"
	"testing"

	"drawbridge/schema"
)

// What lacks nothing, a document of each kind of which a field may be read by nothing.
const (
	byItsRule = `apiVersion: drawbridge/v1
kind: Role
metadata: { name: subject, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  type: birthright
  mode: enforce
  intent: Something to add to.
  assign: identity.kind == "human" && identity.userType == "employee"
  grants: [{ connector: crm, entitlement: sales }]
  permanent: { because: "It follows employment." }
  triggers: [leaver]
  review: { every: 180d }
`
	taken = `apiVersion: drawbridge/v1
kind: Role
metadata: { name: subject, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  type: break-glass
  mode: enforce
  intent: To mend what is broken.
  eligible: identity.kind == "human" && identity.userType == "employee"
  bypass:
    when: ticket.kind == "incident"
    evidenceBefore: [reason]
    evidenceAfter: [session]
    evidenceWithin: 24h
    reviewers: { group: Board, min: 2 }
    reviewWithin: 48h
    notify: [a@example.org]
    drillEvery: 90d
  grants: [{ connector: crm, entitlement: sales }]
  triggers: [leaver]
  duration: { default: 1h }
  onEnd: { verifyRemoved: true }
  review: { every: 90d }
`
	agreed = `apiVersion: drawbridge/v1
kind: ApprovalFlow
metadata: { name: two, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  stages: [{ approvers: [{ manager: true }] }]
  rules: { requireReason: true }
`
	fires = `apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: more, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  triggers: [{ name: one, on: [event, sweep], when: 'identity.userType == "contractor"', action: revoke }]
`
	apart = `apiVersion: drawbridge/v1
kind: Constraint
metadata: { name: apart, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  type: separation-of-duties
  risk: high
  rationale: They are kept apart.
  conflict: [[crm/sales], [crm/sales]]
`
	demands = `apiVersion: drawbridge/v1
kind: Constraint
metadata: { name: demands, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  type: invariant
  risk: high
  rationale: It is for people.
  appliesTo: { entitlements: [crm/sales] }
  require: identity.kind == "human"
`
	desk = `apiVersion: drawbridge/v1
kind: Source
metadata: { name: desk, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  protocol: signals
  trust: contributing
  authoritativeFor: [ticket]
`
)

// TestNothingIsIdle has documents say what nothing goes by where it stands, one thing at a
// time: each is refused, and by one code. R-POL-2, R-POL-3, R-PUB-2.
func TestNothingIsIdle(t *testing.T) {
	for name, test := range map[string]struct{ text, was, is string }{
		"who may ask for what is held by rule":      {byItsRule, "  grants", `  eligible: identity.userType == "employee"` + "\n  grants"},
		"who approves what is held by rule":         {byItsRule, "  grants", "  approval: manager\n  grants"},
		"a ticket for what is held by rule":         {byItsRule, "  grants", "  ticket: { valid: 'ticket.state == \"open\"' }\n  grants"},
		"how long what is held by rule is":          {byItsRule, "  grants", "  duration: { default: 30d }\n  grants"},
		"how many have what is held by rule":        {byItsRule, "  grants", "  concurrent: { max: 3 }\n  grants"},
		"when what is held by rule is overdue":      {byItsRule, "every: 180d", "every: 180d, grace: 30d"},
		"an emergency of what is held by rule":      {byItsRule, "  grants", "  bypass: { when: 'ticket.state == \"open\"' }\n  grants"},
		"a rule of what is asked for":               {template, "  grants", `  assign: identity.kind == "human" && identity.userType == "employee"` + "\n  grants"},
		"an emergency of what is asked for":         {template, "  grants", "  bypass: { when: 'ticket.state == \"open\"' }\n  grants"},
		"why what ends is permanent":                {template, "  grants", "  permanent: { because: \"It is.\" }\n  grants"},
		"secrets that change at the end of a grant": {template, "  grants", "  onEnd: { rotate: [password] }\n  grants"},
		"that nobody looks whether it is removed":   {template, "  grants", "  onEnd: { verifyRemoved: false }\n  grants"},
		"the silence of a ticket that ends nothing": {template, "  grants", "  ticket: { valid: 'ticket.state == \"open\"', silence: { after: 1h, action: hold } }\n  grants"},
		"who approves what is taken":                {taken, "  grants", "  approval: manager\n  grants"},
		"that who takes it may review it":           {taken, "min: 2", "min: 2, excludeSubject: false"},
		"that what is taken is renewed":             {taken, "default: 1h", "default: 1h, renewable: true"},
		"that one may agree twice":                  {agreed, "requireReason", "distinctApprovers: false, requireReason"},
		"the silence of what no signal tells of":    {fires, "action: revoke", "action: revoke, silence: { after: 24h, action: hold }"},
		"the grace of what is held":                 {fires, "action: revoke", "action: hold, grace: 5d"},
		"what happens in the dark":                  {fires, "on: [event, sweep]", "failClosed: true, on: [event]"},
		"of whom a service desk tells":              {desk, "  trust", `  scope: identity.kind == "human"` + "\n  trust"},
		"by what a service desk correlates":         {desk, "  trust", "  correlateBy: [externalId]\n  trust"},
	} {
		t.Run(name, func(t *testing.T) {
			said := func(text string) (codes []string) {
				_, found := lint(folder(t, map[string]string{"one.yaml": text}))
				for _, f := range found {
					if f.Code != CodeUntested {
						codes = append(codes, string(f.Code))
					}
				}
				return codes
			}
			if before := said(test.text); slices.Contains(before, string(CodeIdle)) {
				t.Fatalf("it is idle before: %v", before)
			}
			text := strings.Replace(test.text, test.was, test.is, 1)
			if got := said(text); !slices.Contains(got, string(CodeIdle)) {
				t.Errorf("lint says %v", got)
			}
		})
	}
}

// TestNobodyIsLetIn has the policy set say that its author may agree to it: nobody's author
// ever does. R-PUB-2.
func TestNobodyIsLetIn(t *testing.T) {
	for what, want := range map[string]int{"excludeAuthor: false": 1, "excludeAuthor: true": 0, "excludeSubject: false": 1} {
		base := strings.Replace(baseText(t), "publication: { require: [modes] }", "publication: { require: [modes], approvers: { group: Board, "+what+" } }", 1)
		_, found := lint(folder(t, map[string]string{"base.yaml": base}))
		if got := strings.Count(found.String(), "E-IDLE"); got != want || len(found) != want {
			t.Errorf("of %s it says %s", what, found)
		}
	}
}

// TestWhatIsIdleIsUsed has what is no role say something idle: lint refuses it, and all else
// that the document says holds. A set of triggers still ends what is held, a service desk is
// still believed, and a flow still says who approves. R-POL-2, R-REV-1.
func TestWhatIsIdleIsUsed(t *testing.T) {
	idle := func(text, was, is string) string { return strings.Replace(text, was, is, 1) }
	book, found := lint(folder(t, map[string]string{
		"set.yaml":  idle(strings.Replace(fires, `userType == "contractor"`, "level == 3", 1), "action: revoke", "action: revoke, silence: { after: 24h, action: hold }"),
		"desk.yaml": idle(desk, "  trust", `  scope: identity.kind == "human"`+"\n  trust"),
		"flow.yaml": idle(agreed, "requireReason", "distinctApprovers: false, requireReason"),
		"role.yaml": idle(byItsRule, "[leaver]", "[leaver, more]"),
		"asked.yaml": strings.NewReplacer("name: subject", "name: asked", "type: birthright", "type: requestable", "assign:", "eligible:",
			"permanent: { because: \"It follows employment.\" }", "approval: two\n  duration: { default: 30d }").Replace(byItsRule),
	}))
	for _, f := range found {
		if f.Severity == Error && f.Code != CodeIdle {
			t.Errorf("lint says %s", f)
		}
	}
	if got := strings.Count(found.String(), "E-IDLE"); got != 3 {
		t.Errorf("%d of 3 are idle: %s", got, found)
	}
	for _, role := range []string{"subject", "asked"} {
		if _, ok := book.Role(role); !ok {
			t.Errorf("role %s is refused: %v", role, book.Refused())
		}
	}
	got := book.Evaluate(Facts{Identity: person(employee + `,"level":3`)}, noon)
	if !slices.ContainsFunc(got.Fired, func(f Fired) bool { return f.Trigger == "more/one" }) {
		t.Errorf("the set of triggers ends nothing: %+v", got)
	}
	if !book.Tells("desk", schema.TopicTicket) {
		t.Error("what the service desk tells is refused")
	}
}

// TestConstraintsAreBothKinds has an invariant keep things apart, and a separation of duties
// demand something: each holds, so that neither is idle.
func TestConstraintsAreBothKinds(t *testing.T) {
	book, found := lint(folder(t, map[string]string{
		"role.yaml": strings.Replace(byItsRule, "crm, entitlement: sales", "wiki, entitlement: readers", 1),
		"constraints.yaml": strings.Replace(demands, "  require", "  conflict: [[wiki/admins], [wiki/readers]]\n  require", 1) + "---\n" +
			strings.Replace(apart, "[[crm/sales], [crm/sales]]", `[[crm/sales], [wiki/admins]]
  appliesTo: { entitlements: [wiki/readers] }
  require: identity.kind == "service"`, 1),
	}))
	if found.Errors() {
		t.Error(found)
	}
	role, ok := book.Role("subject")
	if !ok {
		t.Fatal(book.Refused())
	}
	var broken []string
	for _, b := range book.Breaches(Facts{Identity: person(employee)}, []string{"wiki/admins"}, role, noon) {
		broken = append(broken, b.Constraint+": "+b.Reason)
	}
	want := []string{
		"apart: they are not who may hold wiki/readers",
		"demands: wiki/admins, which is held; and wiki/readers by role subject",
	}
	if slices.Sort(broken); !slices.Equal(broken, want) {
		t.Errorf("broken are %q, want %q", broken, want)
	}
}
