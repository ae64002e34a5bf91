package access_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/access/nhi"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

const machineRegister = `---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: ci, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec: { protocol: signals, trust: contributing, authoritativeFor: [workload, use, risk], freshness: { staleAfter: 9000h } }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: machine, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: gone, on: [event, sweep], when: 'workload.state == "deleted"', action: revoke }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: deployer, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: nhi
  mode: enforce
  intent: One pipeline deploys.
  assign: identity.kind == "workload" && identity.userName == "svc-billing"
  grants: [{ connector: wiki, entitlement: editors }]
  permanent: { because: Lives as long as the workload. }
  triggers: [machine]
  nhi: { interactiveLogin: deny, environments: [prod] }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: NHI
metadata: { name: svc-billing, owner: { user: lead@example.com, deputy: second@example.com } }
spec:
  kind: workload
  purpose: Deploys billing.
  environment: prod
  workload: { issuer: "https://ci.example.com", audience: wiki, subject: "repo:example/billing" }
  credentials:
    - { name: token, type: federated }
    - { name: key, type: key-pair, ref: "vault:billing", connector: wiki, maxAge: 60d }
  usedBy: [billing]
  thirdParty: true
  vendor: { name: Acme, contractEnd: 2000-12-31T00:00:00Z, scopes: [deploy] }
  review: { every: 300d }
  offboard: { onWorkloadGone: revoke, unseenFor: 72h, onOwnerGone: reassign, graceToReassign: 14d }
---
apiVersion: drawbridge/v1
kind: ApprovalFlow`

// withRegister brings the register into force, and somebody who answers for the one
// machine that is on it, of which hr tells.
func withRegister(w *world) (machine, lead, second string) {
	w.t.Helper()
	w.rules.Use(book(w.t, "---\napiVersion: drawbridge/v1\nkind: ApprovalFlow", machineRegister))
	lead, second = w.admit(person{name: "lead"}), w.admit(person{name: "second"})
	machine = w.machine("svc-billing")
	w.work()
	return machine, lead, second
}

// machine has hr tell of a workload.
func (w *world) machine(name string) string {
	w.t.Helper()
	var got schema.Identity
	w.update(func(tx store.Tx) (err error) {
		got, err = access.Admit(tx, w.hr(), schema.Identity{
			UserName: name, Kind: schema.Workload, Active: true,
			Resource: json.RawMessage(`{"urn:drawbridge:scim:schemas:extension:2.0:User":{"kind":"workload"}}`),
		})
		return err
	})
	return got.ID
}

// atRisk returns what a machine is at risk of, as the store has it.
func (w *world) atRisk(machine string) (risks []string) {
	w.t.Helper()
	for _, id := range policy.RiskIDs() {
		if slices.Contains(w.findings(string(id)), machine) {
			risks = append(risks, strings.TrimSuffix(string(id), ":2025"))
		}
	}
	return risks
}

func (w *world) risky(machine string, want ...string) {
	w.t.Helper()
	if got := w.atRisk(machine); !slices.Equal(got, want) {
		w.t.Errorf("at risk of %v, want %v", got, want)
	}
}

// findingOf returns what is found of somebody; nothing, where nothing is.
func (w *world) findingOf(kind, subject string) (found schema.Finding) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		for f, err := range store.Findings.All(r, kind) {
			if err != nil {
				return err
			}
			if f.Subject == subject {
				found = f
			}
		}
		return nil
	})
	return found
}

func change(machine string) access.MachineChange {
	return access.MachineChange{Identity: machine, By: access.Decider{Actor: "token/test"}, Reason: "we agreed"}
}

// TestOwnerLeaves is R-NHI-2, R-NHI-8, R-OWN-2 and R-REV-9, NHI1:2025: when an owner leaves the
// deputy answers, secrets are to be changed at once, and the access ends in 14 days
// unless somebody is named.
func TestOwnerLeaves(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		machine, lead, second := withRegister(w)
		w.want(machine, "Editors")
		w.risky(machine)

		w.admit(person{id: lead, name: "lead", inactive: true})
		w.work()
		w.want(machine, "Editors") // the deputy answers
		w.risky(machine, "NHI1", "NHI7")
		w.pass(10 * 24 * time.Hour)
		w.update(func(tx store.Tx) error {
			_, err := access.Rotated(tx, w.rules.Book(), change(machine), "key", time.Time{})
			return err
		})
		w.work()
		w.risky(machine, "NHI1")

		w.admit(person{id: second, name: "second", inactive: true})
		w.work()
		w.want(machine, "Editors") // what is held stays, until the clock that began with the owner runs out
		w.pass(3*24*time.Hour + 23*time.Hour)
		w.want(machine, "Editors")
		w.pass(2 * time.Hour)
		w.want(machine, "")

		third := w.admit(person{name: "third"})
		w.update(func(tx store.Tx) error {
			m, err := access.Assign(tx, w.rules.Book(), change(machine), "third@example.com", "")
			if m.Owner != third || m.Instead != "lead@example.com" {
				t.Errorf("assigned %+v, want %s instead of lead@example.com", m, third)
			}
			return err
		})
		w.work()
		w.want(machine, "Editors")
		w.risky(machine, "NHI1") // the deputy left
		if got := w.verbs(machine); !slices.Contains(got, schema.Reassigned) || !slices.Contains(got, schema.Rotated) {
			t.Errorf("got decisions %v, want one that it was reassigned, and one that a secret was changed", got)
		}

		w.admit(person{id: lead, name: "lead"}) // whom the register names, and who came back
		w.admit(person{id: third, name: "third", inactive: true})
		w.work()
		w.risky(machine, "NHI1", "NHI7") // it is still whom people named who answers
	})
}

// TestNobodyAnswers is R-NHI-2: a machine without somebody who is there gets nothing,
// nor one whose owner is a machine.
func TestNobodyAnswers(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(book(t, "---\napiVersion: drawbridge/v1\nkind: ApprovalFlow", machineRegister))
		machine := w.machine("svc-billing")
		w.work()
		w.want(machine, "")
		w.risky(machine, "NHI1")
		other := w.machine("svc-other")
		w.admit(person{name: "gone", inactive: true})
		for name, want := range map[string]error{other: schema.ErrInvalid, "nobody": schema.ErrNotFound, "gone": schema.ErrInvalid, "": schema.ErrNotFound} {
			err := w.store.Update(t.Context(), func(tx store.Tx) error {
				_, err := access.Assign(tx, w.rules.Book(), change(machine), name, "")
				return err
			})
			if !errors.Is(err, want) {
				t.Errorf("assigned to %q: %v, want %v", name, err, want)
			}
		}
		w.work()
		w.want(machine, "")
		w.admit(person{name: "second"})
		w.work()
		w.want(machine, "Editors") // the deputy
		w.pass(15 * 24 * time.Hour)
		w.want(machine, "") // and no owner came
		w.admit(person{name: "lead"})
		w.work()
		w.want(machine, "Editors")
	})
}

// TestMachineEnds ends what a machine holds with its workload, by word (R-REV-4) and
// by silence, with its contract (R-NHI-10, NHI3:2025), with the claims it should have
// (R-NHI-7, NHI6:2025), and by the kill switch.
func TestMachineEnds(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		machine, _, _ := withRegister(w)
		told := func(state string, claims ...string) {
			sig := workloadSignal("svc-billing", state)
			if len(claims) > 0 {
				sig.Workload.Subject = claims[0]
			}
			w.signal("ci", sig)
			w.work()
		}
		w.want(machine, "Editors")
		told("running", "repo:example/billing")
		w.want(machine, "Editors")
		w.pass(70 * time.Hour)
		w.want(machine, "Editors")
		w.pass(3 * time.Hour) // not seen for 72 hours
		w.want(machine, "")
		w.risky(machine, "NHI1")
		told("running", "repo:example/billing-fork")
		w.want(machine, "")
		w.risky(machine, "NHI6")
		told("running")
		w.want(machine, "Editors")
		told("archived")
		w.want(machine, "")
		told("running")
		w.want(machine, "Editors")

		decide := func(verb func(store.Tx, *policy.Book, access.MachineChange) (schema.Machine, error), want error) {
			t.Helper()
			err := w.store.Update(t.Context(), func(tx store.Tx) error {
				_, err := verb(tx, w.rules.Book(), change(machine))
				return err
			})
			if !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			w.work()
		}
		decide(access.Stop, nil)
		w.want(machine, "")
		decide(access.Stop, schema.ErrConflict)
		decide(access.Start, nil)
		w.want(machine, "Editors")
		decide(access.Start, schema.ErrConflict)

		w.pass(time.Until(time.Date(2000, 12, 20, 0, 0, 0, 0, time.UTC)))
		told("running")
		w.risky(machine, "NHI3", "NHI7") // the contract ends soon, nobody looked again, the key is older than 60 days
		w.want(machine, "Editors")
		w.update(func(tx store.Tx) error {
			_, err := access.Settle(tx, w.rules.Book(), change(machine), policy.RiskThirdParty)
			return err
		})
		w.work()
		w.pass(11*24*time.Hour + time.Hour)
		told("running")
		w.want(machine, "")
		w.risky(machine, "NHI3", "NHI7")
	})
}

// TestMachineHoldsWhatComesAlong has what a machine holds be privileged where what comes along
// with it is. R-INH-2, R-NHI-5.
func TestMachineHoldsWhatComesAlong(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		machine, _, _ := withRegister(w)
		const editors, admins = "{ id: editors, target: Editors, risk: moderate", "{ id: admins, target: Admins, risk: high"
		for confers, want := range map[string]bool{"": false, ", confers: [wiki/admins]": true} {
			inForce := refused(t, "---\napiVersion: drawbridge/v1\nkind: ApprovalFlow", machineRegister, editors, editors+confers, admins, admins+", privileged: true")
			w.view(func(r store.Reader) error {
				for v, err := range nhi.All(r, inForce) {
					if err != nil {
						return err
					}
					if len(v.Holds) != 1 || v.Holds[0].Entitlement != "wiki/editors" || v.Holds[0].Privileged != want {
						t.Errorf("with %q, %s holds %+v", confers, machine, v.Holds)
					}
				}
				return nil
			})
		}
	})
}

// TestWhatTheRegisterSays finds what a document says that is a risk, unless it is accepted, and
// finds it again when that has ended. R-NHI-5, R-NHI-6, R-EXC-4.
func TestWhatTheRegisterSays(t *testing.T) {
	const (
		key, secret  = "type: key-pair, ref", "type: client-secret, issued: 2000-01-01T00:00:00Z, ref"
		proof, place = `workload: { issuer: "https://ci.example.com", audience: wiki, subject: "repo:example/billing" }`, "workload: { repo: example/billing }"
		token, other = "    - { name: token, type: federated }\n", "    - { name: token, type: certificate, issued: 2000-01-01T00:00:00Z, ref: \"vault:other\", maxAge: 60d }\n"
	)
	for _, test := range []struct {
		risk, why string
		says      []string
	}{
		{"NHI4", "beside what needs no secret", []string{key, secret, proof, place, token, other}},
		{"NHI5", "whatever comes to be", []string{"scopes: [deploy]", `scopes: ["deploy.*"]`}},
		{"NHI6", "its workload can prove itself", []string{key, secret}},
		{"NHI7", "may get 120d old", []string{key, secret, proof, place, token, "", "maxAge: 60d", "maxAge: 120d"}},
		{"NHI9", "it is used by 2: billing, payroll", []string{"usedBy: [billing]", "usedBy: [billing, payroll]"}},
	} {
		t.Run(test.risk, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				machine, _, _ := withRegister(w)
				w.risky(machine)
				says := append(slices.Clone(test.says), "---\napiVersion: drawbridge/v1\nkind: ApprovalFlow")
				register := strings.NewReplacer(test.says...).Replace(machineRegister)
				w.publish(book(t, append(says, register)...))
				w.work()
				w.risky(machine, test.risk)
				if why := w.findingOf(test.risk+":2025", machine).Reason; !strings.Contains(why, test.why) {
					t.Errorf("it is at risk because %q, want %q", why, test.why)
				}
				w.publish(book(t, append(says, `---
apiVersion: drawbridge/v1
kind: Exception
metadata: { name: for-now, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  waives: { nhi: svc-billing, risk: "`+test.risk+`:2025" }
  reason: Until it is moved.
  approvedBy: [boss@example.com]
  approvedAt: 2000-01-01T00:00:00Z
  expires: 2000-01-11T00:00:00Z
`+register)...))
				w.work()
				w.risky(machine)
				w.pass(9 * 24 * time.Hour)
				w.risky(machine)
				w.pass(2 * 24 * time.Hour)
				w.risky(machine, test.risk)
				if why := w.findingOf(test.risk+":2025", machine).Reason; !strings.Contains(why, "that it is accepted ended on 2000-01-11") {
					t.Errorf("it is at risk again because %q", why)
				}
			})
		})
	}
}

// TestMachineElsewhere finds a machine that is told of where it is not registered for, and one
// that proves itself otherwise than its role is for. R-NHI-5, R-NHI-6.
func TestMachineElsewhere(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		machine, _, _ := withRegister(w)
		runs := func(where string) {
			w.update(func(tx store.Tx) error {
				_, err := access.Admit(tx, w.hr(), schema.Identity{
					ID: machine, UserName: "svc-billing", Kind: schema.Workload, Active: true,
					Resource: json.RawMessage(`{"urn:drawbridge:scim:schemas:extension:2.0:User":{"kind":"workload","environment":"` + where + `"}}`),
				})
				return err
			})
			w.work()
		}
		runs("staging")
		w.risky(machine, "NHI8")
		if why := w.findingOf("NHI8:2025", machine).Reason; why != "it runs in staging, and is registered for prod" {
			t.Errorf("it is at risk because %q", why)
		}
		runs("prod")
		w.risky(machine)

		register := func(replace ...string) {
			w.publish(book(t, "---\napiVersion: drawbridge/v1\nkind: ApprovalFlow", strings.NewReplacer(replace...).Replace(machineRegister)))
			w.work()
		}
		register("interactiveLogin: deny", "interactiveLogin: deny, credential: federated")
		w.risky(machine, "NHI4")
		register()
		w.risky(machine)
	})
}

// TestMachinesShare finds of two machines that each has what is to be one's alone: a name by which
// workloads are told of, an account. It is found no longer once it is so no longer. R-NHI-5, NHI9:2025.
func TestMachinesShare(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		one, _, _ := withRegister(w)
		other := w.machine("svc-other")
		w.work()
		w.risky(one)
		tell := func(repo string) {
			w.update(func(tx store.Tx) error {
				_, err := access.Admit(tx, w.hr(), schema.Identity{
					ID: other, UserName: "svc-other", Kind: schema.Workload, Active: true,
					Resource: json.RawMessage(`{"urn:drawbridge:scim:schemas:extension:2.0:User":{"kind":"workload","repo":"` + repo + `"}}`),
				})
				return err
			})
			w.work()
		}
		tell("SVC-billing")
		for id, too := range map[string]string{one: other, other: one} {
			if why := w.findingOf("NHI9:2025", id).Reason; why != "machine identity "+too+" goes by the name svc-billing too" {
				t.Errorf("%s is at risk because %q", id, why)
			}
		}
		tell("svc-else")
		w.risky(one)
		if got := w.findingOf("NHI9:2025", other); got.Kind != "" {
			t.Errorf("the other still is: %s", got.Reason)
		}
		tell("svc-billing")
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), other) })
		w.work()
		w.risky(one)
	})
}

// TestMachineIsSeen is R-NHI-3, R-NHI-4 and R-NHI-5: what those who see a machine at work tell.
func TestMachineIsSeen(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		machine, _, _ := withRegister(w)
		use := func(u schema.Use) {
			sig := about(schema.TopicUse)
			u.Connector = "wiki"
			sig.Use, sig.Subject = &u, schema.Subject{ID: machine}
			w.signal("ci", sig)
			w.work()
		}
		use(schema.Use{LastUsed: time.Now()})
		w.risky(machine)
		use(schema.Use{Interactive: time.Now()})
		w.risky(machine, "NHI10")
		w.pass(time.Hour)
		w.update(func(tx store.Tx) error {
			_, err := access.Settle(tx, w.rules.Book(), change(machine), policy.RiskHumanUse)
			return err
		})
		w.work()
		w.risky(machine)
		use(schema.Use{Interactive: time.Now()})
		w.risky(machine, "NHI10")

		w.pass(61 * 24 * time.Hour)
		w.risky(machine, "NHI7", "NHI10")
		use(schema.Use{Rotated: time.Now()}) // whoever looks after the wiki says so
		w.risky(machine, "NHI10")
		w.pass(30 * 24 * time.Hour) // 91 days since it was used
		w.risky(machine, "NHI5", "NHI10")

		w.signal("ci", riskSignal("credential-compromise", true, "svc-billing"))
		w.machine("example-billing") // no name of the other
		w.work()
		w.risky(machine, "NHI2", "NHI5", "NHI10")
	})
}
