package access_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// sets are sets of triggers that no role names.
const sets = `kind: TriggerSet
metadata: { name: keeping, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: kept, on: [event, sweep], when: 'identity.department == "Engineering"', action: hold }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: silent, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: risky, on: [event, sweep], when: 'risk.level == "high"', action: revoke, silence: { after: 1h, action: hold } }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: flapping, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: here, on: [event, sweep], when: 'identity.department == "Engineering"', action: revoke }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: moved, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: left, on: [event, sweep], when: 'identity.department == "Sales"', action: revoke }
---
apiVersion: drawbridge/v1
kind: Constraint
metadata: { name: apart, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec: { type: separation-of-duties, risk: high, rationale: Who writes keeps no watch., conflict: [[wiki/admins], [wiki/writers]], enforcement: prevent }
---
apiVersion: drawbridge/v1
kind: ApprovalFlow`

// reads is the role engineer from what it gives to what ends it, readsLess what ends it more.
const (
	reads     = "grants: [{ connector: wiki, entitlement: readers }]\n  triggers: [leaver]"
	readsLess = "grants: [{ connector: wiki, entitlement: readers }]\n  triggers: [leaver, moved]"
)

// forGood and again are the lines after those: why it needs no end, and when people look again.
const (
	forGood = "  permanent: { because: Held for the length of employment. }"
	again   = "  review: { every: 365d }"
)

// writes is the same of the role writer, which a constraint keeps apart from the role admin.
const writes = "grants: [{ connector: wiki, entitlement: writers }]\n  triggers: [leaver]"

// governed is the policy that is in force before a disguise, after replacing some of its text.
func governed(replace ...string) map[string]string {
	text := strings.NewReplacer(oneMode, governing, "kind: ApprovalFlow", sets).Replace(documents)
	return map[string]string{"policy.yaml": strings.NewReplacer(replace...).Replace(text)}
}

func draftOf(t testing.TB, files map[string]string) *access.Draft {
	t.Helper()
	d, err := access.DraftOf(files)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A disguise is documents that look as if they took access away, and what gives them away.
type disguise struct {
	files map[string]string
	says  string
}

// disguises are what one person may not publish: by none of them would anybody's access end
// and nothing else happen.
func disguises() map[string]disguise {
	as := func(says string, replace ...string) disguise { return disguise{governed(replace...), says} }
	of := func(says, triggers string) disguise {
		return as(says, reads, strings.Replace(reads, "[leaver]", triggers, 1))
	}
	twice := governed(readers, "")
	twice["more.yaml"] = readers + readers
	gone := governed()
	before, rest, _ := strings.Cut(gone["policy.yaml"], "kind: Role\nmetadata: { name: writer,")
	_, after, _ := strings.Cut(rest, "\n---\napiVersion: drawbridge/v1\n")
	gone["policy.yaml"] = before + after
	const mode, crm = "mode: enforce\n  authority: exclusive", "kind: Connector\nmetadata: { name: crm"
	return map[string]disguise{
		"a set that is not there":        of(`there is no trigger set "nobody"`, "[leaver, nobody]"),
		"a set that only holds":          of("keeping/kept asks for hold", "[leaver, keeping]"),
		"a set that holds in silence":    of("silent/risky asks for hold", "[leaver, silent]"),
		"a set that flaps":               of("E-FLAP", "[leaver, flapping]"),
		"a set instead of another":       of("E-LEAVER", "[moved]"),
		"an unknown key":                 of(`unknown field "trigers"`, "[leaver, moved]\n  trigers: [leaver]"),
		"a key twice":                    of(`key "triggers" is already`, "[leaver, moved]\n  triggers: [leaver]"),
		"a bound that refuses":           of("E-DECODE", "[leaver, moved]\n  matchPercentMax: 0"),
		"a merge key":                    of("E-ALIAS", "[leaver, moved]\n  <<: {}"),
		"a text that reads as a number":  of("E-QUOTE", "[leaver, moved]\n  approval: 012"),
		"nobody owns it":                 as("E-OWNER", reads, readsLess, "engineer, owner: { user: lead@example.com, deputy: second@example.com }", "engineer"),
		"approvers who are nobody":       as("E-APPROVER", readers, "", "approvers: [{ roleOwner: true }]", "approvers: []"),
		"fewer approvers":                as("PolicySet/test says something else", readers, "", "min: 2", "min: 1"),
		"a rule that does not compile":   as("E-CEL", readers, "", `"writers" in identity.groups`, `"writers" in identity.grups`),
		"no name":                        as("E-DECODE", "name: engineer, owner", "owner"),
		"another name":                   as("Role/builder is new", "name: engineer", "name: builder"),
		"another version of documents":   as("E-KIND", reads, readsLess, "apiVersion: drawbridge/v1\nkind: Role\nmetadata: { name: engineer", "apiVersion: drawbridge/v2\nkind: Role\nmetadata: { name: engineer"),
		"a shared set is gone":           as("Constraint/apart is gone", readers, "", sets, "kind: ApprovalFlow"),
		"a target is gone":               as("Constraint/crm has another error", readers, "", crm, "kind: Constraint\nmetadata: { name: crm"),
		"what it gives is in no catalog": as("E-ENTITLEMENT", reads, strings.Replace(readsLess, "readers", "readers }, { connector: wiki, entitlement: nothing", 1)),
		"it gives another":               as("gives more: wiki/writers", reads, strings.Replace(readsLess, "readers", "writers", 1)),
		"it gives nothing":               as("E-EMPTY", "grants: [{ connector: wiki, entitlement: readers }]", "grants: []"),
		"a mode rises":                   as("Connector/crm goes further", readers, "", "mode: observe", "mode: enforce"),
		"two documents of one name":      {twice, "E-DUP"},
		"out of another's way":           as("the constraint apart", writes, strings.Replace(writes, "[leaver]", "[leaver, moved]", 1)),
		"gone out of another's way":      {gone, "the constraint apart"},
		"a target that observes":         as("lines stay", readers, "", mode, "mode: observe\n  authority: exclusive"),
	}
}

// TestNobodyFreezesAccessAlone has one person publish what looks as if it took access away,
// and would have nobody take it away any more, or does more. R-PUB-2, R-MODE-4.
func TestNobodyFreezesAccessAlone(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, draftOf(t, governed()))
		all := disguises()
		for _, name := range slices.Sorted(maps.Keys(all)) {
			d := draftOf(t, all[name].files)
			err := c.store.Update(t.Context(), func(tx store.Tx) error {
				if _, err := access.PublishNow(tx, c.rules.Book(), c.proposing(d), false); err != nil {
					return err
				}
				return errors.New("it was published")
			})
			if !errors.Is(err, schema.ErrHeld) || !strings.Contains(err.Error(), all[name].says) {
				t.Errorf("%s: %v; want it held, for %q", name, err, all[name].says)
			}
		}
		d := draftOf(t, governed(reads, readsLess))
		c.update(func(tx store.Tx) error {
			_, err := access.PublishNow(tx, c.rules.Book(), c.proposing(d), false)
			return err
		})
	})
}

// TestWhatIsMisreadIsAnotherPolicy has documents that say more than is read of them, and the
// same otherwise as those in force: they lower a mode, or seem to say nothing new. One of
// them refuses a role, which one person may not do, by command or by the folder.
// R-PUB-2, R-MODE-4.
func TestWhatIsMisreadIsAnotherPolicy(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		now := draftOf(t, governed())
		c := newCouncil(w, now)
		misread := []string{"intent: Engineers read the wiki.", "intent: Engineers read the wiki.\n  intend: nothing"}
		doubled := []string{"intent: Engineers read the wiki.", "intent: Engineers read the wiki.\n  intent: nothing"}
		lower := []string{"mode: enforce\n  intent: Sellers", "mode: observe\n  intent: Sellers"}
		for name, d := range map[string]*access.Draft{
			"an unknown key":                 draftOf(t, governed(misread...)),
			"a key twice":                    draftOf(t, governed(doubled...)),
			"an unknown key, a mode lowered": draftOf(t, governed(append(misread, lower...)...)),
			"a key twice, a mode lowered":    draftOf(t, governed(append(doubled, lower...)...)),
		} {
			if d.Book.Digest() == now.Book.Digest() {
				t.Errorf("%s: it is policy %s, as if nothing were wrong", name, d.Book.Digest())
			}
			err := c.store.Update(t.Context(), func(tx store.Tx) error {
				if _, err := access.PublishNow(tx, c.rules.Book(), c.proposing(d), false); err != nil {
					return err
				}
				return errors.New("it was published")
			})
			if !errors.Is(err, schema.ErrHeld) {
				t.Errorf("%s: by command: %v; want it held", name, err)
			}
			var got access.TakenUp
			c.update(func(tx store.Tx) (err error) {
				got, err = access.TakeUp(tx, now, d, "bridge")
				return err
			})
			if got.Draft != now || got.Changed || got.Stays == "" {
				t.Errorf("%s: by the folder: it is in force, changed %t, stays %q", name, got.Changed, got.Stays)
			}
		}
		d := draftOf(t, governed(lower...))
		var got access.TakenUp
		c.update(func(tx store.Tx) (err error) {
			got, err = access.TakeUp(tx, now, d, "bridge")
			return err
		})
		if got.Draft != d {
			t.Errorf("a folder that only lowers a mode: %+v", got)
		}
	})
}

// TestNothingComesIntoForceByLowering has one person lower a mode, and mend what was refused,
// by which people would get something. R-PUB-2.
func TestNothingComesIntoForceByLowering(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		misread := []string{"intent: Engineers read the wiki.", "intent: Engineers read the wiki.\n  intend: nothing"}
		c := newCouncil(w, draftOf(t, governed(misread...)))
		d := draftOf(t, governed("mode: enforce\n  intent: Sellers", "mode: observe\n  intent: Sellers"))
		err := c.store.Update(t.Context(), func(tx store.Tx) error {
			x := c.proposing(d)
			x.Seen = access.SavedPlan{}
			_, err := access.PublishNow(tx, c.rules.Book(), x, false)
			return err
		})
		if err == nil {
			t.Error("one person put a role in force")
		}
	})
}
