package access_test

import (
	"slices"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestRefusedRoleIsTakenByItsTriggers has a role refused that people hold, as a newer
// version's lint may refuse one in force. Nobody new gets it and its rule takes nothing, but
// what is sound of its triggers ends it, unless the triggers are what is wrong. R-REV-2, R-READY-1.
func TestRefusedRoleIsTakenByItsTriggers(t *testing.T) {
	triggered := []string{"kind: ApprovalFlow", sets, reads, readsLess}
	for name, c := range map[string]struct {
		wrong []string // text that makes it refused
		code  string
		moved string // what is held after a move to Sales
	}{
		"nobody owns it":              {[]string{reads, readsLess, "engineer, owner: { user: lead@example.com, deputy: second@example.com }", "engineer"}, "E-OWNER", ""},
		"it survives a leaver":        {[]string{reads, strings.Replace(reads, "leaver", "moved", 1)}, "E-LEAVER", ""},
		"a set that is not there":     {[]string{reads, strings.Replace(reads, "leaver", "leaver, moved, nobody", 1)}, "E-TRIGGER", ""},
		"nobody looks again":          {[]string{reads + "\n" + forGood + "\n" + again, readsLess + "\n" + forGood}, "E-REVIEW", ""},
		"a bound":                     {[]string{reads, readsLess + "\n  matchPercentMax: 0"}, "E-DECODE", ""},
		"a key that is not":           {[]string{reads, readsLess + "\n  trigers: [leaver]"}, "E-FIELD", ""},
		"a rule that is none":         {[]string{reads, readsLess, `assign: identity.kind == "human" && identity.department == "Engineering"`, "assign: identity.nothing"}, "E-CEL", ""},
		"a trigger that takes it all": {[]string{reads, strings.Replace(reads, "leaver", "leaver, moved, flapping", 1)}, "E-FLAP", "Readers"},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				w.publish(book(t, triggered...))
				ada, bob, carl := w.admit(person{name: "ada", department: "Engineering"}), w.admit(person{name: "bob", department: "Engineering"}), w.admit(person{name: "carl", department: "Engineering"})
				w.work()
				next := refused(t, append(c.wrong, triggered[:2]...)...)
				if r := next.Refused(); len(r) != 1 || !slices.Contains(r[0].Codes, c.code) {
					t.Fatalf("refused are %v, want engineer for %s", r, c.code)
				}
				w.publish(next)
				w.admit(person{name: "dora", department: "Engineering"})
				w.work()
				w.want(ada, "Readers")

				w.admit(person{id: ada, name: "ada", department: "Sales"})
				w.admit(person{id: bob, name: "bob", department: "Marketing"})
				w.admit(person{id: carl, name: "carl", department: "Engineering", inactive: true})
				w.work()
				w.want(ada, c.moved)
				w.want(bob, "Readers") // whom its rule matches no more
				w.want(carl, "")
				for _, reason := range w.reasons("kept") {
					if !strings.Contains(reason, "role engineer is refused ("+c.code) {
						t.Errorf("the finding says %q, want it to say why", reason)
					}
				}
				if c.moved == "" {
					w.decided(ada, "role engineer: trigger moved/left revokes it")
				}
			})
		})
	}
}

// reasons returns what the findings of a kind say.
func (w *world) reasons(kind string) (reasons []string) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		for f, err := range store.Findings.All(r, kind) {
			if err != nil {
				return err
			}
			reasons = append(reasons, f.Reason)
		}
		return nil
	})
	return reasons
}

// decided has a line end for a reason.
func (w *world) decided(identity, reason string) {
	w.t.Helper()
	var got []string
	w.view(func(r store.Reader) error {
		for e, err := range store.LogAbout(r, identity) {
			if err != nil {
				return err
			}
			if e.Decision.Verb == schema.Unassigned {
				got = append(got, e.Decision.Reason)
			}
		}
		return nil
	})
	if !slices.Contains(got, reason) {
		w.t.Errorf("lines ended for %q, want %q", got, reason)
	}
}

// TestStoppedMachineKeepsNoRefusedRole has a machine stopped that holds a role which is
// refused: the kill switch asks nobody's document. R-NHI-1, R-READY-1.
func TestStoppedMachineKeepsNoRefusedRole(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		machine, _, _ := withRegister(w)
		w.want(machine, "Editors")
		w.publish(refused(t, "---\napiVersion: drawbridge/v1\nkind: ApprovalFlow", strings.Replace(machineRegister, "  intent: One pipeline deploys.\n", "", 1)))
		w.work()
		w.want(machine, "Editors")
		w.update(func(tx store.Tx) error {
			_, err := access.Stop(tx, w.rules.Book(), access.MachineChange{Identity: machine, By: access.Decider{Actor: "token/oncall"}, Reason: "it goes round in circles"})
			return err
		})
		w.work()
		w.want(machine, "")
	})
}
