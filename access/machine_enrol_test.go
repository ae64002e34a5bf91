package access_test

import (
	"errors"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// enrolled returns the id of the identity that goes by svc-billing in the register.
func (w *world) enrolled() (id string) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		row, err := store.Identities.One(r, store.IdentityUserName, policy.RegisterSource, "svc-billing")
		if errors.Is(err, schema.ErrNotFound) {
			id = ""
			return nil
		}
		id = row.Base()
		return err
	})
	return id
}

// TestRegisterIsASource has a machine of which nobody tells but the register (R-NHI-1):
// it holds what its roles say while it is there, with an owner who is.
func TestRegisterIsASource(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		with := book(t, "---\napiVersion: drawbridge/v1\nkind: ApprovalFlow", machineRegister)
		w.admit(person{name: "lead"})
		w.publish(with)
		w.work()
		machine := w.enrolled()
		w.want(machine, "Editors")
		w.risky(machine)

		moved := book(t, "---\napiVersion: drawbridge/v1\nkind: ApprovalFlow", strings.Replace(machineRegister, "lead@example.com", "second@example.com", 1))
		w.publish(moved)
		w.work()
		w.want(machine, "Editors") // nothing new is given, and what is held stays
		w.risky(machine, "NHI1")
		w.admit(person{name: "second"})
		w.work()
		w.risky(machine)

		broken := strings.Replace(machineRegister, "ref: \"vault:billing\"", "ref: \"hunter2\"", 1)
		w.publish(unfit(t, "---\napiVersion: drawbridge/v1\nkind: ApprovalFlow", broken))
		w.work()
		w.want(machine, "Editors") // what is wrong with it takes nothing away
		w.risky(machine, "NHI1")

		w.publish(book(t))
		w.work()
		if id := w.enrolled(); id != "" {
			t.Errorf("it is on the register, as %s", id)
		}
		w.want(machine, "")

		err := w.store.Update(t.Context(), func(tx store.Tx) error {
			p := access.Provenance{Source: policy.RegisterSource, Book: with}
			_, err := access.Admit(tx, p, schema.Identity{UserName: "svc-mine", Kind: schema.Workload, Active: true})
			return err
		})
		if !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("somebody else told as the register: %v, want %v", err, schema.ErrForbidden)
		}
	})
}

// unfit is book, where machines may be refused.
func unfit(t *testing.T, replace ...string) *policy.Book {
	t.Helper()
	return compiledButFor(t, "NHI", replace...)
}

// TestRegisterAndSource has a source tell of a machine that is on the register, and of
// a person who is called alike; what either says ends it (R-REV-4, NHI1:2025).
func TestRegisterAndSource(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.admit(person{name: "lead"})
		someone := w.admit(person{name: "svc-billing", department: "Engineering"})
		w.publish(book(t, "---\napiVersion: drawbridge/v1\nkind: ApprovalFlow", machineRegister))
		w.work()
		machine := w.enrolled()
		if machine == someone {
			t.Fatal("a person is taken for the machine that is called alike")
		}
		w.want(machine, "Editors")
		w.admit(person{id: someone, name: "svc-person", department: "Engineering"})
		told := w.machine("svc-billing")
		w.work()
		if now := w.enrolled(); now != machine {
			t.Errorf("it is %s now, and was %s", now, machine)
		}
		w.want(machine, "Editors")
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), told) })
		w.work()
		w.want(machine, "") // who told of it knows it no more
		w.risky(machine, "NHI1")
		w.machine("svc-billing")
		w.work()
		w.want(machine, "Editors")
	})
}
