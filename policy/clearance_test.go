package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// clearing is a policy whose board is cleared for a moderate risk, with a role of more.
const clearing = `
apiVersion: drawbridge/v1
kind: ApprovalFlow
metadata: { name: owners, owner: { user: iam@example.org, deputy: iam2@example.org } }
spec:
  stages: [{ approvers: [{ roleOwner: true }], min: 1, within: 4h }]
---
apiVersion: drawbridge/v1
kind: Constraint
metadata: { name: apart, owner: { user: iam@example.org, deputy: iam2@example.org } }
spec: { type: separation-of-duties, risk: high, rationale: Nobody runs it who sells., conflict: [[wiki/admins], [crm/sales]] }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: sales, owner: { user: ann@example.org, deputy: bob@example.org } }
spec:
  type: birthright
  intent: Look after customers.
  assign: identity.userType == "employee" && identity.department == "Sales"
  grants: [{ connector: crm, entitlement: sales }]
  triggers: [leaver]
  permanent: { because: It follows the department. }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: admin, owner: { user: ann@example.org, deputy: bob@example.org } }
spec:
  type: jit
  intent: Run the wiki for an hour.
  eligible: identity.userType == "employee" && identity.department == "Operations"
  approval: owners
  grants: [{ connector: wiki, entitlement: admins }]
  duration: { default: 1h, max: 2h }
  triggers: [leaver, unused]
  review: { every: 90d }
---
apiVersion: drawbridge/v1
kind: Exception
metadata: { name: for-now, owner: { user: iam@example.org, deputy: iam2@example.org } }
spec:
  waives: { role: sales }
  subjects: [eve@example.org]
  reason: Until the move is over.
  approvedBy: [boss@example.org]
  approvedAt: 2026-01-01T00:00:00Z
  expires: 2026-06-01T00:00:00Z
`

// R-PUB-2: nobody lets a policy give more than they are cleared for: what is about more takes
// others, whichever document says it.
func TestBeyondClearance(t *testing.T) {
	const board = "publication: { approvers: { group: Board }, clearance: moderate, escalate: { group: Security }, require: [modes] }"
	cleared := []string{"publication: { require: [modes] }", board}
	of := func(t *testing.T, replace ...string) *Book {
		t.Helper()
		texts := strings.NewReplacer(replace...)
		book, found := lint(folder(t, map[string]string{"base.yaml": texts.Replace(baseText(t)), "roles.yaml": texts.Replace(clearing)}))
		for _, f := range found {
			if f.Severity == Error {
				t.Fatalf("%v: %s", replace, f)
			}
		}
		return book
	}
	from := of(t, cleared...)
	for name, test := range map[string]struct {
		replace []string
		want    string
	}{
		"the rule of a role":              {[]string{`== "Sales"`, `in ["Sales", "Support"]`}, ""},
		"what a role of little risk does": {[]string{"Look after customers.", "Look after all customers."}, ""},
		"an exception from it":            {[]string{"[eve@example.org]", "[eve@example.org, ed@example.org]"}, ""},
		"a new role of little risk":       {[]string{"metadata: { name: sales,", "metadata: { name: seller,", "waives: { role: sales }", "waives: { role: seller }"}, ""},
		"the risk of something small":     {[]string{"target: Readers, risk: low", "target: Readers, risk: moderate"}, ""},

		"who may ask for more":                  {[]string{`== "Operations"`, `in ["Operations", "Sales"]`}, "Role/admin"},
		"for how long":                          {[]string{"max: 2h", "max: 4h"}, "Role/admin"},
		"who answers for it":                    {[]string{"metadata: { name: admin, owner: { user: ann@example.org,", "metadata: { name: admin, owner: { user: eve@example.org,"}, "Role/admin"},
		"who agrees to it":                      {[]string{"[{ roleOwner: true }], min: 1, within: 4h", "[{ roleOwner: true }, { user: eve@example.org }], min: 1, within: 4h"}, "ApprovalFlow/owners"},
		"what ends it":                          {[]string{`duration("240h")`, `duration("2400h")`}, "TriggerSet/unused"},
		"what it gives is more":                 {[]string{"grants: [{ connector: crm, entitlement: sales }]", "grants: [{ connector: wiki, entitlement: editors }]", "target: Editors, risk: moderate", "target: Editors, risk: high"}, "Connector/wiki Role/sales"},
		"more comes with it":                    {[]string{"target: Sales, risk: moderate }", "target: Sales, risk: moderate, confers: [wiki/editors] }", "target: Editors, risk: moderate", "target: Editors, risk: high"}, "Connector/crm Connector/wiki"},
		"its risk is said to be less":           {[]string{"target: Admins, risk: critical, privileged: true", "target: Admins, risk: low"}, "Connector/wiki"},
		"it goes by another name":               {[]string{"id: admins, target: Admins, risk: critical, privileged: true", "id: helpers, target: Admins, risk: low", "entitlement: admins", "entitlement: helpers", "[[wiki/admins]", "[[wiki/helpers]"}, "Connector/wiki Constraint/apart Role/admin"},
		"it is written otherwise":               {[]string{"{ id: readers, target: Readers, risk: low }", "{ id: readers, target: ADMINS, risk: low }"}, "Connector/wiki"},
		"its small letters":                     {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: admins, risk: low }"}, "Connector/wiki"},
		"a space behind it":                     {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: 'Admins ', risk: low }"}, "Connector/wiki"},
		"a letter as its code":                  {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: '\\41dmins', risk: low }"}, "Connector/wiki"},
		"a long s for a small one":              {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: Adminſ, risk: low }"}, "Connector/wiki"},
		"letters as wide as others":             {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: Ａｄｍｉｎｓ, risk: low }"}, "Connector/wiki"},
		"a letter in a circle":                  {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: Ⓐdmins, risk: low }"}, "Connector/wiki"},
		"a letter of mathematics":               {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: 𝐀dmins, risk: low }"}, "Connector/wiki"},
		"one above the line":                    {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: ᴬdmins, risk: low }"}, "Connector/wiki"},
		"an accent":                             {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: Ádmins, risk: low }"}, "Connector/wiki"},
		"an accent for itself":                  {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: \"A\\u0301dmins\", risk: low }"}, "Connector/wiki"},
		"a character that nobody sees":          {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: \"Ad\\u200bmins\", risk: low }"}, "Connector/wiki"},
		"a hyphen that nobody sees":             {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: \"Ad\\u00admins\", risk: low }"}, "Connector/wiki"},
		"a letter that is chosen":               {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: \"Admins\\ufe0f\", risk: low }"}, "Connector/wiki"},
		"a control character":                   {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: \"Admins\\u0007\", risk: low }"}, "Connector/wiki"},
		"a wide space":                          {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: \"Admins\\u3000\", risk: low }"}, "Connector/wiki"},
		"something else of little risk":         {[]string{"target: Readers, risk: low }", "target: Readers, risk: low }\n    - { id: helpers, target: Helpers, risk: low }"}, ""},
		"the target of more":                    {[]string{"mode: enforce\n  authority: exclusive", "mode: enforce\n  authority: shared"}, "Connector/wiki"},
		"what is kept apart":                    {[]string{"[[wiki/admins], [crm/sales]] }", "[[wiki/admins], [crm/sales]], enforcement: detect }"}, "Constraint/apart"},
		"what is kept apart from it is another": {[]string{"{ id: sales, target: Sales, risk: moderate }", "{ id: sales, target: Desk, risk: low }\n    - { id: selling, target: Sales, risk: moderate }", "entitlement: sales", "entitlement: selling"}, "Connector/crm"},
		"what is kept apart comes with less":    {[]string{"{ id: sales, target: Sales, risk: moderate }", "{ id: sales, target: Sales, risk: moderate }\n    - { id: bundle, target: Bundle, risk: moderate, confers: [crm/sales] }"}, "Connector/crm"},
		"who says who somebody is":              {[]string{`trust: authoritative, authoritativeFor: ["*"]`, `trust: authoritative, scope: 'identity.kind == "human"', authoritativeFor: ["*"]`}, "Source/hr"},
		"what the next policy takes":            {[]string{"clearance: moderate", "clearance: high"}, "PolicySet/base"},
		"who has to agree":                      {[]string{"group: Board", "group: Others"}, "PolicySet/base"},
		"from more than one rule alone":         {[]string{"waives: { role: sales }", "waives: { trigger: leaver/paused }"}, "Exception/for-now"},
	} {
		t.Run(name, func(t *testing.T) {
			to := of(t, append([]string{"publication: { require: [modes] }", strings.NewReplacer(test.replace...).Replace(board)}, test.replace...)...)
			if got := strings.Join(from.Beyond(to), " "); got != test.want {
				t.Errorf("beyond is %q, want %q", got, test.want)
			}
			if back := to.Beyond(from); to.Publication().Clearance == "moderate" && slices.Contains(back, "PolicySet/base") != strings.Contains(test.want, "PolicySet") || strings.Join(back, " ") == "" && test.want != "" {
				t.Errorf("back again, beyond is %q", back)
			}
			if got := of(t).Beyond(to); len(got) > 0 {
				t.Errorf("where nothing is said of clearance, beyond is %q", got)
			}
		})
	}
}

// TestBeyondByAnotherDocument has something come into force, or go out of it, by what another
// document says, which may be about something small: it is beyond, be it written as it was.
func TestBeyondByAnotherDocument(t *testing.T) {
	const (
		board = "publication: { approvers: { group: Board }, clearance: moderate, escalate: { group: Security }, require: [modes] }"
		sales = "{ id: sales, target: Sales, risk: moderate }"
		owner = ", owner: { user: iam@example.org, deputy: iam2@example.org } }\n"
	)
	of := func(more string, replace ...string) *Book {
		texts := strings.NewReplacer(append([]string{"publication: { require: [modes] }", board}, replace...)...)
		files := map[string]string{"base.yaml": texts.Replace(baseText(t)), "roles.yaml": texts.Replace(clearing)}
		if more != "" {
			files["zz.yaml"] = "apiVersion: drawbridge/v1\n" + more
		}
		book, _ := lint(folder(t, files))
		return book
	}
	wider := func(entry string) *Book {
		return of("", sales, sales+"\n    - "+entry,
			"grants: [{ connector: wiki, entitlement: admins }]", "grants: [{ connector: wiki, entitlement: admins }, { connector: crm, entitlement: mail }]",
			"[[wiki/admins], [crm/sales]]", "[[wiki/admins], [crm/sales, crm/desk]]")
	}
	both := []string{
		"grants: [{ connector: wiki, entitlement: admins }]", "grants: [{ connector: wiki, entitlement: admins }, { connector: crm, entitlement: mail }, { connector: crm, entitlement: desk }]",
		sales, sales + "\n    - { id: mail, target: Mail, risk: low }\n    - { id: desk, target: Desk, risk: low }",
	}
	const conferring = "target: Readers, risk: low, confers: [crm/extra]"
	for name, test := range map[string]struct {
		from, to *Book
		want     string
	}{
		"an entry that a role gives comes, and one goes that a constraint names": {
			wider("{ id: desk, target: Desk, risk: low }"), wider("{ id: mail, target: Mail, risk: low }"), "Connector/crm Constraint/apart Role/admin",
		},
		"an entry goes that another connector confers": {
			of("", "target: Readers, risk: low", conferring, sales, sales+"\n    - { id: extra, target: Extra, risk: low }"),
			of("", "target: Readers, risk: low", conferring), "Connector/wiki",
		},
		"a connector is there twice":    {of(""), of("kind: Connector\nmetadata: { name: wiki" + owner + "spec: { type: memory }\n"), "Connector/wiki"},
		"a source is there twice":       {of(""), of("kind: Source\nmetadata: { name: hr" + owner + "spec: { protocol: scim, trust: authoritative, authoritativeFor: [\"*\"] }\n"), "Source/hr"},
		"a trigger set is there twice":  {of(""), of("kind: TriggerSet\nmetadata: { name: unused" + owner + "spec: { triggers: [{ name: idle, on: [sweep], when: lastUse == null, action: revoke }] }\n"), "Role/admin TriggerSet/unused"},
		"there are two policy sets":     {of(""), of("kind: PolicySet\nmetadata: { name: other" + owner + "spec: { mode: observe }\n"), "PolicySet/other"},
		"a constraint refuses the role": {of("", both...), of("kind: Constraint\nmetadata: { name: unmet"+owner+"spec: { type: separation-of-duties, risk: low, rationale: Nobody is both., conflict: [[crm/desk], [crm/mail]] }\n", both...), "Constraint/unmet Role/admin"},
		"what comes along is no more kept apart": {
			of("", "privileged: true }", "privileged: true, confers: [wiki/readers] }", "[[wiki/admins], [crm/sales]]", "[[wiki/readers], [crm/sales]]"),
			of("", "privileged: true }", "privileged: true, confers: [wiki/readers] }", "[[wiki/admins], [crm/sales]]", "[[wiki/readers], [crm/sales]], enforcement: detect"), "Constraint/apart",
		},
		"somebody is excepted from what keeps it apart": {
			of("", "privileged: true }", "privileged: true, confers: [wiki/readers] }", "[[wiki/admins], [crm/sales]]", "[[wiki/readers], [crm/sales]]"),
			of("", "privileged: true }", "privileged: true, confers: [wiki/readers] }", "[[wiki/admins], [crm/sales]]", "[[wiki/readers], [crm/sales]]", "waives: { role: sales }", "waives: { constraint: apart }"), "Exception/for-now",
		},
		"what the role gives besides is no more kept apart": {
			of("", append(slices.Clone(both), "[[wiki/admins], [crm/sales]]", "[[crm/mail], [crm/sales]]")...),
			of("", append(slices.Clone(both), "[[wiki/admins], [crm/sales]]", "[[crm/mail], [crm/sales]], enforcement: detect")...), "Constraint/apart",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(test.from.Beyond(test.to), " "); got != test.want {
				t.Errorf("beyond is %q, want %q; of the policy before is wrong %v, of the one after %v", got, test.want, test.from.wrong, test.to.wrong)
			}
		})
	}
}

// TestNamesOfOneEntry holds that a target is the same by whichever way its name is written that
// targets take for one name, and another by a name that they do not. R-PUB-2.
func TestNamesOfOneEntry(t *testing.T) {
	const entry = "CN=Straße Admins,OU=Groups,DC=example,DC=org"
	for _, same := range []string{
		"cn=strasse admins, ou=groups, dc=example, dc=org", `cn=stra\C3\9Fe admins,ou=groups,dc=example,dc=org`, "2.5.4.3=Straße Admins,2.5.4.11=Groups,0.9.2342.19200300.100.1.25=example,DC=org",
		"cn=Straße Ａdmins;ou=Groups;dc=example;dc=org", `cn="Straße Admins",ou=Groups,dc=example,dc=org`, "CN=#0c0e53747261c39f652041646d696e73,ou=Groups,dc=example,dc=org",
		"cn=Strasse Ađmıns,ou=Groups,dc=example,dc=org", "OID.2.5.4.3=Straße Admins,ou=Groups,dc=example,dc=org", "commonName=STRASSE ADMINS,organizationalUnitName=Groups,domainComponent=example,dc=org", "cn=Ｓtraße Admins,ou=Groups,dc=example,dc=org",
	} {
		if plainly(same) != plainly(entry) {
			t.Errorf("%s is %s, and %s is %s", same, plainly(same), entry, plainly(entry))
		}
	}
	for _, other := range []string{
		"cn=Straße Admin,ou=Groups,dc=example,dc=org", "ou=Straße Admins,ou=Groups,dc=example,dc=org", "cn=Straße Αdmins,ou=Groups,dc=example,dc=org", // a Greek letter
		"cn=Straße Admins,ou=Groups,dc=example+dc=org", "cn=#0c0e53747261c39f652041646d696e,ou=Groups,dc=example,dc=org", // which is cut off
	} {
		if plainly(other) == plainly(entry) {
			t.Errorf("%s and %s are both %s", other, entry, plainly(entry))
		}
	}
	for _, test := range []struct {
		one, other string
		same       bool
	}{
		{"cn=ada+ou=x,dc=org", "ou=x + cn=ada,dc=org", true},
		{"cn=ada+ou=x,dc=org", "cn=x+ou=ada,dc=org", false},
		{"read+write", "write+read", false},
		{"Łódź Øst", "lodz ost", true},
		{"android.admins", "andradmins", false},
		{"oid.admins", "admins", false},
		{"cn=ada,oid.2.5.4.11=x", "cn=ada,ou=x", true},
		{"12.5.4.3=x", "1cn=x", false},
	} {
		if same := plainly(test.one) == plainly(test.other); same != test.same {
			t.Errorf("%s (%s) and %s (%s): one is %v, want %v", test.one, plainly(test.one), test.other, plainly(test.other), same, test.same)
		}
	}
}

// TestClearanceNamesOthers holds that a clearance names who agrees beyond it.
func TestClearanceNamesOthers(t *testing.T) {
	for name, test := range map[string]struct{ publication, want string }{
		"both":                {"clearance: high, escalate: { group: Security, min: 2 }", ""},
		"nobody":              {"clearance: high", "E-APPROVER 16:47 what is beyond it takes others to agree"},
		"cleared for nothing": {"escalate: { group: Security }", "E-IDLE 16:46 escalate of PolicySet/base has no effect"},
		"for all there is":    {"clearance: critical, escalate: { group: Security }", "E-DECODE 16:47 "},
		"whoever wrote it":    {"clearance: high, escalate: { group: Security, excludeAuthor: false }", "E-IDLE 16:97 excludeAuthor of PolicySet/base has no effect"},
	} {
		t.Run(name, func(t *testing.T) {
			base := strings.Replace(baseText(t), "publication: { require: [modes] }", "publication: { require: [modes], "+test.publication+" }", 1)
			_, found := lint(folder(t, map[string]string{"base.yaml": base}))
			var got []string
			for _, f := range found {
				got = append(got, fmt.Sprintf("%s %d:%d %s", f.Code, f.Line, f.Col, f.Message))
			}
			if len(got) > 1 || (test.want == "") != (len(got) == 0) || !strings.HasPrefix(strings.Join(got, ""), test.want) {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}
