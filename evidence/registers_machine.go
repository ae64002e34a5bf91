package evidence

import (
	"context"
	"strings"

	"drawbridge/access/nhi"
	"drawbridge/store"
)

// machineRegisters are about machine identities.
func machineRegisters() []*table {
	return []*table{
		{name: "machines", says: "a machine identity: what it is for, who answers for it", columns: []string{
			"userName", "kind", "registered", "purpose", "environment", "usedBy", "owner", "ownerIs", "deputy", "deputyIs", "vendor", "contractEnd", "scopes", "stopped"}, tally: "kind",
			list: listMachines(func(m *making, v nhi.MachineView, row rowFunc) error {
				vendor, end, scopes := "", "", ""
				if v.Vendor != nil {
					vendor, end, scopes = v.Vendor.Name, stamp(v.Vendor.ContractEnd), words(v.Vendor.Scopes)
				}
				return row(v.Identity, v.UserName, string(v.Kind), yes(v.Registered), v.Purpose, v.Environment, words(v.UsedBy), m.person(v.Owner), v.OwnerIs, m.person(v.Deputy), v.DeputyIs,
					vendor, end, scopes, stamp(v.Stopped))
			})},
		{name: "machine-credentials", says: "a credential of a machine: where it is kept, and its age at the end of the period; what it is, nobody here knows", columns: []string{
			"identity", "userName", "name", "type", "reference", "opens", "since", "known", "ageDays", "maxAge", "overdue"}, tally: "type",
			list: listMachines(func(m *making, v nhi.MachineView, row rowFunc) error {
				for _, c := range v.Credentials {
					age, overdue := "", ""
					if !c.Since.IsZero() {
						age = days(m.request.To.Sub(c.Since))
					}
					if !c.Due.IsZero() {
						overdue = yes(!m.request.To.Before(c.Due))
					}
					if err := row(v.Identity+"/"+c.Name, v.Identity, v.UserName, c.Name, c.Type, c.Ref, c.Opens, stamp(c.Since), yes(c.Known), age, c.MaxAge, overdue); err != nil {
						return err
					}
				}
				return nil
			})},
		{name: "machine-holdings", says: "an entitlement that a machine holds, and when it was used last", columns: []string{
			"identity", "userName", "entitlement", "privileged", "since", "lastUsed", "unusedDays", "toldBy"}, tally: "privileged",
			list: listMachines(func(m *making, v nhi.MachineView, row rowFunc) error {
				for _, h := range v.Holds {
					unused := "unknown"
					if !h.LastUsed.IsZero() {
						unused = days(m.request.To.Sub(h.LastUsed))
					}
					if err := row(v.Identity+"/"+h.Entitlement, v.Identity, v.UserName, h.Entitlement, yes(h.Privileged), stamp(h.Since), stamp(h.LastUsed), unused, h.ToldBy); err != nil {
						return err
					}
				}
				return nil
			})},
		{name: "machine-risks", says: "one of the ten risks that a machine is known to be at, and since when", columns: []string{"identity", "risk", "about", "reason", "first", "last"}, tally: "risk", list: listMachineRisks},
		{name: "machines-ended", says: "a machine that is there no more, and how many entitlements it is still to have", columns: []string{"userName", "kind", "ended", "holds"}, list: listEnded},
	}
}

// listMachines lists something of each machine, a machine at a time.
func listMachines(each func(*making, nhi.MachineView, rowFunc) error) func(context.Context, *making, rowFunc) error {
	return func(ctx context.Context, m *making, row rowFunc) error {
		last := ""
		for full := true; full; {
			err := m.Store.View(ctx, func(r store.Reader) error {
				n := 0
				for v, err := range nhi.All(r, m.book, last) {
					if err != nil {
						return err
					}
					last = v.Identity
					if err := each(m, v, row); err != nil {
						return err
					}
					if n++; n == pageSize/10 {
						return nil
					}
				}
				full = false
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// listMachineRisks lists the findings about the ten risks.
func listMachineRisks(ctx context.Context, m *making, row rowFunc) error {
	return m.Store.View(ctx, func(r store.Reader) error {
		for _, kind := range ownFindings() {
			if !strings.HasPrefix(kind, "NHI") {
				continue
			}
			for f, err := range store.Findings.All(r, kind) {
				switch {
				case err != nil:
					return err
				case !f.First.Before(m.request.To):
					continue
				}
				if err := row(f.Kind+"/"+f.Subject+"/"+f.Object, f.Subject, f.Kind, f.Object, f.Reason, stamp(f.First), stamp(f.Last)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// listEnded lists the machines that are there no more.
func listEnded(ctx context.Context, m *making, row rowFunc) error {
	return m.Store.View(ctx, func(r store.Reader) error {
		for rec, err := range store.Machines.All(r) {
			if err != nil {
				return err
			}
			id, err := store.Identities.Get(r, rec.Identity)
			if isNotFound(err) || err == nil && (!id.Gone() || id.Of != "") {
				continue
			}
			if err != nil {
				return err
			}
			holds := 0
			for _, err := range store.Assignments.All(r, id.ID) {
				if err != nil {
					return err
				}
				holds++
			}
			if err := row(id.ID, id.UserName, string(id.Kind), stamp(id.Deleted), number(holds)); err != nil {
				return err
			}
		}
		return nil
	})
}
