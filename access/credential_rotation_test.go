package access_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// rotating works the lane of rotations with whoever keeps secrets, and returns the
// credentials that they were asked to change.
func (w *world) rotating(keeper func(access.Rotation) (time.Time, error)) (asked []string) {
	w.t.Helper()
	w.lane(access.LaneRotation, func(item store.Item) (access.Finish, error) {
		var due []access.Rotation
		var wait bool
		w.view(func(r store.Reader) (err error) {
			due, wait, err = access.Rotations(r, w.rules, item.ID)
			return err
		})
		var done []access.RotationOutcome
		for _, d := range due {
			asked = append(asked, d.Connector+"/"+d.Credential+" "+d.Ref)
			at, err := keeper(d)
			done = append(done, access.RotationOutcome{Rotation: d, At: at, Err: err})
		}
		return func(tx store.Tx) (time.Time, error) {
			return access.RotateDone(tx, w.rules.Book(), item.ID, done, wait)
		}, nil
	})
	w.work()
	return asked
}

func changes(access.Rotation) (time.Time, error) { return time.Now(), nil }

const theKey = "wiki/key vault:billing"

// R-NHI-3, R-NHI-8, R-REV-9, NHI7:2025: a secret that is too old, or that an owner who left could
// read, is changed by the connector that the register names, once, and then it is young.
func TestSecretsAreRotated(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		machine, lead, _ := withRegister(w)
		w.pass(59 * 24 * time.Hour)
		if got := w.rotating(changes); len(got) > 0 {
			t.Errorf("asked to change %v before it is due", got)
		}
		w.pass(2 * 24 * time.Hour)
		w.risky(machine, "NHI7")
		if got := w.rotating(changes); !slices.Equal(got, []string{theKey}) {
			t.Errorf("asked to change %v", got)
		}
		w.risky(machine)
		w.admit(person{id: lead, name: "lead", inactive: true})
		w.work()
		if got := w.rotating(changes); !slices.Equal(got, []string{theKey}) {
			t.Errorf("when the owner left, asked to change %v", got)
		}
		w.risky(machine, "NHI1")
		w.pass(24 * time.Hour)
		if got := w.rotating(changes); len(got) > 0 {
			t.Errorf("asked once more to change %v", got)
		}
		w.view(func(r store.Reader) error {
			n := 0
			for e, err := range store.LogAbout(r, machine) {
				if err != nil {
					return err
				}
				if d := e.Decision; d.Verb == schema.Rotated && d.Actor == "connector/wiki" && d.Object == "credential/key" {
					n++
				}
			}
			if n != 2 {
				t.Errorf("%d decisions say that it was changed, want 2", n)
			}
			u, err := store.Uses.Get(r, machine, "wiki", "")
			if time.Since(u.Rotated) > 2*24*time.Hour {
				t.Errorf("its account's secret was changed at %s", u.Rotated)
			}
			return err
		})
	})
}

// R-NHI-3: what cannot be changed is said, and asked for again; nothing is asked of a
// connector that is halted or not enforced.
func TestSecretsThatAreNotRotated(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		machine, lead, _ := withRegister(w)
		halting := access.Halting{Connector: "wiki", Known: []string{"wiki"}, By: "token/test", Reason: "a storm"}
		w.update(func(tx store.Tx) error { _, err := access.Halt(tx, halting); return err })
		w.admit(person{id: lead, name: "lead", inactive: true})
		w.work()
		if got := w.rotating(changes); len(got) > 0 {
			t.Errorf("while it is halted, asked to change %v", got)
		}
		w.update(func(tx store.Tx) error { _, err := access.Resume(tx, halting); return err })
		w.pass(2 * time.Hour)
		refuses := func(access.Rotation) (time.Time, error) { return time.Time{}, errors.New("no such path") }
		if got := w.rotating(refuses); !slices.Equal(got, []string{theKey}) {
			t.Errorf("once it is resumed, asked to change %v", got)
		}
		if got := w.findings("rotation-failed"); !slices.Equal(got, []string{machine}) {
			t.Errorf("findings about %v", got)
		}
		w.risky(machine, "NHI1", "NHI7")
		w.pass(2 * time.Hour)
		if got := w.rotating(changes); !slices.Equal(got, []string{theKey}) {
			t.Errorf("an hour later, asked to change %v", got)
		}
		if got := w.findings("rotation-failed"); len(got) > 0 {
			t.Errorf("once it was changed: findings about %v", got)
		}
		w.risky(machine, "NHI1")
	})
}

// R-NHI-3, NHI7:2025: a role may allow only younger secrets than the register does of whoever
// holds it (nhi.secretMaxAge). One that is older is asked for, and young again once it is
// changed; of a machine that does not hold the role nothing is asked.
func TestARoleAllowsOnlyYoungSecrets(t *testing.T) {
	for name, test := range map[string]struct {
		rules, holds string
		want         []string
	}{
		"what the register allows is too old": {"secretMaxAge: 30d", "Editors", []string{theKey}},
		"the register is stricter":            {"secretMaxAge: 90d", "Editors", nil},
		"somebody else's role":                {"secretMaxAge: 30d", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				machine, _, _ := withRegister(w)
				text := strings.Replace(machineRegister, "interactiveLogin: deny,", "interactiveLogin: deny, "+test.rules+",", 1)
				if test.holds == "" {
					text = strings.Replace(text, `identity.userName == "svc-billing"`, `identity.userName == "svc-other"`, 1)
				}
				w.publish(book(t, "---\napiVersion: drawbridge/v1\nkind: ApprovalFlow", text))
				w.work()
				w.want(machine, test.holds)
				w.pass(29 * 24 * time.Hour)
				if got := w.rotating(changes); len(got) > 0 {
					t.Errorf("asked to change %v before it is due", got)
				}
				w.pass(2 * 24 * time.Hour)
				if got := w.atRisk(machine); slices.Contains(got, "NHI7") != (test.want != nil) {
					t.Errorf("when the key is a month old it is at risk of %v", got)
				}
				if got := w.rotating(changes); !slices.Equal(got, test.want) {
					t.Errorf("asked to change %v, want %v", got, test.want)
				}
				if got := w.atRisk(machine); slices.Contains(got, "NHI7") {
					t.Errorf("once it is young again it is at risk of %v", got)
				}
			})
		})
	}
}

// R-REV-4: the rotate action of a role's trigger asks the connector that the role gives
// something at.
func TestRotateTrigger(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		machine, _, _ := withRegister(w)
		const gone = "    - { name: gone, on: [event, sweep], when: 'workload.state == \"deleted\"', action: revoke }\n"
		old := gone + "    - { name: old, on: [sweep], when: 'has(account.secretRotatedAt) && now - account.secretRotatedAt > duration(\"240h\")', action: rotate }\n"
		w.publish(book(t, "---\napiVersion: drawbridge/v1\nkind: ApprovalFlow", strings.Replace(machineRegister, gone, old, 1)))
		w.work()
		sig := about(schema.TopicUse)
		sig.Use = &schema.Use{Connector: "wiki", Account: "r-" + machine, Rotated: time.Now()}
		w.signal("ci", sig)
		w.pass(9 * 24 * time.Hour)
		if got := w.rotating(changes); len(got) > 0 {
			t.Errorf("asked to change %v before it is old", got)
		}
		w.pass(2 * 24 * time.Hour)
		if got := w.findings("owed"); !slices.Equal(got, []string{machine}) {
			t.Errorf("it is owed of %v", got)
		}
		if got := w.rotating(changes); !slices.Equal(got, []string{theKey}) {
			t.Errorf("asked to change %v", got)
		}
		if got := w.findings("owed"); len(got) > 0 {
			t.Errorf("once it was changed it is owed of %v", got)
		}
	})
}

// R-REV-4: where a machine has two secrets at a connector, a trigger has each of them
// changed once, whether it holds for long or fired on something that happened; what is
// refused is asked for again alone. When it happens again, it asks again.
func TestRotateTriggerAsksOnce(t *testing.T) {
	const theSpare = "wiki/spare vault:billing"
	for name, test := range map[string]struct {
		trigger string
		begin   func(w *world, machine string)
	}{
		"holds": {
			"{ name: old, on: [sweep], when: 'has(account.secretRotatedAt) && now - account.secretRotatedAt > duration(\"240h\")', action: rotate }",
			func(w *world, _ string) { w.pass(11 * 24 * time.Hour) },
		},
		"happened": {
			"{ name: moved, on: [event], when: 'event.type == \"identity.changed\" && \"title\" in event.changed', action: rotate }",
			func(w *world, machine string) {
				w.pass(time.Hour)
				w.update(func(tx store.Tx) error {
					resource := fmt.Sprintf(`{"title":"since %s","urn:drawbridge:scim:schemas:extension:2.0:User":{"kind":"workload"}}`, tx.Now())
					_, err := access.Admit(tx, w.hr(), schema.Identity{ID: machine, UserName: "svc-billing", Kind: schema.Workload, Active: true, Resource: []byte(resource)})
					return err
				})
				w.work()
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				machine, _, _ := withRegister(w)
				const gone = "    - { name: gone, on: [event, sweep], when: 'workload.state == \"deleted\"', action: revoke }\n"
				const key = "    - { name: key, type: key-pair, ref: \"vault:billing\", connector: wiki, maxAge: 60d }\n"
				both := strings.NewReplacer(gone, gone+"    - "+test.trigger+"\n", key, key+strings.ReplaceAll(key, "key,", "spare,"))
				w.publish(book(t, "---\napiVersion: drawbridge/v1\nkind: ApprovalFlow", both.Replace(machineRegister),
					"department: { type: string, from: [hr] }", "department: { type: string, from: [hr] }\n    title: { type: string, from: [hr] }"))
				w.work()
				sig := about(schema.TopicUse)
				sig.Use = &schema.Use{Connector: "wiki", Account: "r-" + machine, Rotated: time.Now()}
				w.signal("ci", sig)
				w.work()
				calls := 0
				refusing := func(credential string) func(access.Rotation) (time.Time, error) {
					return func(r access.Rotation) (time.Time, error) {
						if calls++; calls > 8 {
							t.Fatal("asked again and again")
						}
						if r.Credential == credential {
							return time.Time{}, errors.New("no such path")
						}
						return time.Now(), nil
					}
				}
				for round := range 2 {
					test.begin(w, machine)
					if got := w.findings("owed"); !slices.Equal(got, []string{machine}) {
						t.Errorf("round %d: it is owed of %v", round, got)
					}
					if got := w.rotating(refusing("spare")); !slices.Equal(got, []string{theKey, theSpare}) {
						t.Errorf("round %d: asked to change %v", round, got)
					}
					w.pass(2 * time.Hour)
					if got := w.findings("owed"); !slices.Equal(got, []string{machine}) {
						t.Errorf("round %d: with one of two changed, it is owed of %v", round, got)
					}
					if got := w.rotating(refusing("")); !slices.Equal(got, []string{theSpare}) {
						t.Errorf("round %d: asked then to change %v", round, got)
					}
					if got := w.findings("owed"); len(got) > 0 {
						t.Errorf("round %d: once both were changed it is owed of %v", round, got)
					}
					w.pass(24 * time.Hour)
					if got := w.rotating(refusing("")); len(got) > 0 {
						t.Errorf("round %d: asked once more to change %v", round, got)
					}
				}
			})
		})
	}
}
