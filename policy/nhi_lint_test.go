package policy

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"drawbridge/schema"
)

// TestEachRiskHasItsLint looks for a broken document for each of the ten risks of
// machine identities (R-NHI-1, R-NHI-5, R-NHI-6, R-NHI-7, R-NHI-9, R-NHI-10; NHI1:2025
// to NHI10:2025): TestBadDocuments proves what is found in it, and where.
func TestEachRiskHasItsLint(t *testing.T) {
	files, err := fs.Glob(os.DirFS("testdata/bad"), "nhi*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile("testdata/bad/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants(string(text)) {
			code, _, _ := strings.Cut(want, " ")
			seen[code[2:]+":2025"] = true
		}
	}
	for _, r := range Risks() {
		if !seen[string(r.ID)] {
			t.Errorf("no document in testdata/bad is at risk of %s (%s)", r.ID, r.Title)
		}
	}
}

// TestTheTenRisksAreInThePage holds docs/machine-identities.md to what is: its table has a
// row for each risk, by its id and title, with each code that lint has for it and no
// other of the ten's, and names no trigger that is not there, and each that is. NHI1:2025 to NHI10:2025.
func TestTheTenRisksAreInThePage(t *testing.T) {
	page, err := os.ReadFile("../docs/machine-identities.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## The ten risks")
	table, _, _ = strings.Cut(table, "\n## ")
	codes := staticCodes(t)
	for _, r := range Risks() {
		number, _, _ := strings.Cut(string(r.ID), ":")
		row := regexp.MustCompile(`(?m)^\| ` + string(r.ID) + ` \| ` + regexp.QuoteMeta(r.Title) + ` \|.*$`).FindString(table)
		if row == "" {
			t.Errorf("there is no row of %s, %s", r.ID, r.Title)
		}
		for _, code := range codes {
			_, of, _ := strings.Cut(string(code), "-")
			if says := strings.Contains(row, "`"+string(code)+"`"); strings.HasPrefix(of, "NHI") && says != (of == number) {
				t.Errorf("the row of %s has %s: %v", r.ID, code, says)
			}
		}
	}
	named := schema.Sorted(regexp.MustCompile(`nhi/[a-z-]+`).FindAllString(table, -1)...)
	there := slices.DeleteFunc(schema.Sorted(machineTriggers...), func(name string) bool { return !strings.HasPrefix(name, "nhi/") })
	if !slices.Equal(named, there) {
		t.Errorf("triggers are %v, want %v", named, there)
	}
}

const sharedMachine = `
apiVersion: drawbridge/v1
kind: NHI
metadata: { name: poller, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  kind: service-account
  purpose: Polls two queues.
  environment: prod
  credential: { type: certificate, ref: "vault:poller" }
  usedBy: [orders, invoices]
  offboard: { onWorkloadGone: revoke, onOwnerGone: reassign }
`

// TestExceptionAcceptsARisk has an exception accept that two use one machine identity
// (R-NHI-5, NHI9:2025), and another accept something else.
func TestExceptionAcceptsARisk(t *testing.T) {
	const exception = `---
apiVersion: drawbridge/v1
kind: Exception
metadata: { name: shared, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  waives: { nhi: Poller, risk: "RISK" }
  reason: Two jobs of one team, until the split.
  approvedBy: [risk@example.org]
  approvedAt: 2026-11-01T00:00:00Z
  expires: 2027-01-31T00:00:00Z
`
	for risk, want := range map[RiskID]int{"": 1, RiskReuse: 0, RiskEnvironment: 1} {
		text := sharedMachine
		if risk != "" {
			text += strings.ReplaceAll(exception, "RISK", string(risk))
		}
		book, found := lint(folder(t, map[string]string{"poller.yaml": text}))
		n := 0
		for _, f := range found {
			if f.Code == CodeReuse && f.Line == 10 && f.Hint != "" {
				n++
			}
		}
		if n != want || len(found) != want {
			t.Errorf("%q is accepted: got\n%swant %d W-NHI9 in line 10", risk, found, want)
		}
		if n, wrong := book.Machine("POLLER"); n == nil || wrong != nil {
			t.Errorf("%q is accepted: a warning took the machine off the register", risk)
		}
	}
}

// TestRefusedMachine has a mistake in one entry of the register leave the others as
// they are, and no secret repeated (NHI2:2025, R-NHI-9).
func TestRefusedMachine(t *testing.T) {
	const secret = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
	twin := strings.Replace(strings.Replace(sharedMachine, "poller", "twin", 1), "vault:poller", secret, 1)
	book, found := lint(folder(t, map[string]string{"poller.yaml": sharedMachine, "twin.yaml": twin}))
	if strings.Contains(found.String(), secret) {
		t.Errorf("the secret is repeated:\n%s", found)
	}
	if n, _ := book.Machine("poller"); n == nil || len(book.Machines()) != 1 {
		t.Errorf("got %d machines, want the one that is in order", len(book.Machines()))
	}
	n, wrong := book.Machine("twin")
	if n != nil || len(wrong) == 0 || wrong[0].Code != CodeSecret || wrong[0].Line != 9 {
		t.Errorf("got %v and\n%swant E-NHI2 in line 9", n, wrong)
	}
}
