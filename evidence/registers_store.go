package evidence

import (
	"context"
	"strings"
	"time"

	"drawbridge/access"
	"drawbridge/access/exposure"
	"drawbridge/audit"
	"drawbridge/schema"
	"drawbridge/store"
)

// storeRegisters are what stands in the store when the pack is made, and what the
// store keeps of the period beside the log.
func storeRegisters() []*table {
	return []*table{
		{name: "identities", says: "somebody or something that a source told of", columns: []string{"userName", "kind", "source", "active", "created", "deleted", "recordOf"}, tally: "kind", list: listIdentities},
		{name: "accounts", says: "an account at a target, as the bridge knows it", columns: []string{"connector", "identity", "userName", "kind", "remoteId", "active", "managed", "unmanaged", "adopted", "state", "observed", "verified"}, tally: "state", list: listAccounts},
		{name: "privileged-holders", says: "somebody who is to have an entitlement that is privileged, or brings one along that is (`reaches`), and because of what", columns: []string{"identity", "userName", "kind", "entitlement", "reaches", "because", "mode", "since"}, tally: "entitlement", list: listPrivileged},
		{name: "exposure", says: "an exposure window that was opened in the period, or by which access is yet to end", columns: []string{
			"identity", "userName", "connector", "took", "left", "occurred", "received", "decided", "sent", "acknowledged", "verified", "basis", "seconds", "secondsSinceSource", "triggers", "objective", "outcome"}, tally: "outcome", list: listExposure},
		{name: "runs", says: "a run of a sweep in the period; of runs that came to nothing only the last is kept", columns: []string{"sweep", "started", "ended", "looked", "found", "done", "reported", "held", "problem", "again"}, tally: "sweep", list: listRuns},
		{name: "open-findings", says: "what is not as it should be, and nobody resolved", columns: []string{"kind", "connector", "subject", "object", "reason", "first", "last"}, tally: "kind", list: listFindings},
		{name: "credentials", says: "a credential by which somebody is known to the bridge, and its age at the end of the period", columns: []string{"kind", "holder", "role", "since", "ageDays", "expires", "used", "revoked"}, tally: "kind", list: listCredentials},
		{name: "last-use", says: "when an account, or an entitlement of it, was last used, as far as anybody told", columns: []string{"identity", "userName", "connector", "entitlement", "lastUsed", "unusedDays", "interactive", "toldBy"}, list: listUses},
		{name: "work-items", says: "what people are asked to do at a target, and did not confirm yet", columns: []string{"identity", "userName", "connector", "what", "ends", "opened", "due", "overdue"}, list: listWork},
		{name: "checkpoints", says: "a signed head of the log in the period", columns: []string{"entries", "root", "note"}, list: listCheckpoints},
	}
}

func listIdentities(ctx context.Context, m *making, row rowFunc) error {
	return walk(ctx, m.Store, store.Identities.From, func(i schema.Identity) []string { return []string{i.ID} }, func(_ store.Reader, i schema.Identity) error {
		return row(i.ID, m.person(i.UserName), string(i.Kind), i.Source, yes(i.Active), stamp(i.Created), stamp(i.Deleted), i.Of)
	})
}

func listAccounts(ctx context.Context, m *making, row rowFunc) error {
	return walk(ctx, m.Store, store.Accounts.From, func(a schema.Account) []string { return []string{a.Connector, a.Identity} }, func(r store.Reader, a schema.Account) error {
		if !a.Exists() {
			return nil
		}
		id, err := store.Identities.Get(r, a.Identity)
		if err != nil && !isNotFound(err) {
			return err
		}
		remote := a.RemoteID
		if m.pseudonym != nil {
			remote = m.person(remote) // often it is a name
		}
		return row(a.Connector+"/"+a.Identity, a.Connector, a.Identity, m.person(id.UserName), string(id.Kind), remote, yes(a.Active), number(len(a.Managed)),
			number(len(a.Entitlements)-len(a.Managed)), yes(a.Adopted), string(a.State), stamp(a.Observed), yes(a.Verified))
	})
}

// privileged returns what is privileged, by the policy at the end of the period, of what
// who has an entitlement (connector/id) has: it itself, or what it brings along.
func (m *making) privileged(ref string) []string {
	if refs, known := m.reaches[ref]; known {
		return refs
	}
	if m.reaches == nil {
		m.reaches = map[string][]string{}
	}
	var refs []string
	for _, e := range m.book.Effective(ref) {
		if e.Privileged {
			refs = append(refs, e.Ref())
		}
	}
	m.reaches[ref] = refs
	return refs
}

func listPrivileged(ctx context.Context, m *making, row rowFunc) error {
	for _, c := range m.book.Connectors() {
		for _, doc := range c.Spec.Entitlements {
			reaches := m.privileged(c.Metadata.Name + "/" + doc.ID)
			if len(reaches) == 0 {
				continue
			}
			err := m.Store.View(ctx, func(r store.Reader) error { // there are to be few of them
				for a, err := range store.Assignments.By(r, store.AssignmentHeld, c.Metadata.Name, doc.ID) {
					if err != nil {
						return err
					}
					id, err := store.Identities.Get(r, a.Identity)
					if err != nil && !isNotFound(err) {
						return err
					}
					err = row(a.Ref()+"/"+a.Identity, a.Identity, m.person(id.UserName), string(id.Kind), a.Ref(), words(reaches), words(a.Because), string(a.Mode), stamp(a.Since))
					if err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// listExposure lists windows by when they were opened, a page at a time, and then
// those that are open.
func listExposure(ctx context.Context, m *making, row rowFunc) error {
	from, last := m.request.From, ""
	for full := true; full; {
		err := m.Store.View(ctx, func(r store.Reader) error {
			n := 0
			for w, err := range store.Windows.Between(r, store.WindowReceived, from, m.request.To) {
				if err != nil {
					return err
				}
				if w.Change.Received.Equal(from) && w.ID <= last {
					continue
				}
				v, err := exposure.View(r, w)
				if err == nil {
					err = row(m.window(v)...)
				}
				if err != nil {
					return err
				}
				from, last = w.Change.Received, w.ID
				if n++; n == pageSize {
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
	return m.Store.View(ctx, func(r store.Reader) error {
		for v, err := range exposure.Open(r) {
			if err != nil {
				return err
			}
			if !v.Change.Received.Before(m.request.To) {
				continue
			}
			if err := row(m.window(v)...); err != nil {
				return err
			}
		}
		return nil
	})
}

// window is the row of a window. An open one is as it stood at the end of the period,
// whenever this is.
func (m *making) window(v exposure.Window) []string {
	c, id, lasts, since := v.Change, v.ID, secs(time.Duration(v.Seconds*float64(time.Second))), "unknown"
	if v.SinceSource != nil {
		since = secs(time.Duration(*v.SinceSource * float64(time.Second)))
	}
	if v.Basis == exposure.StillOpen {
		id, lasts, since = "open/"+v.Connector+"/"+v.Identity, "", ""
		switch {
		case v.Objective == exposure.NoObjective:
		case m.request.To.After(c.Objective):
			v.Objective = exposure.MissedIt
		default:
			v.Objective = exposure.Awaited
		}
	}
	return []string{
		id, v.Identity, m.person(v.UserName), v.Connector, words(c.Loses), yes(c.Left), stamp(c.Occurred), stamp(c.Received), stamp(c.Decided), stamp(c.Sent),
		stamp(c.Acknowledged), stamp(c.Verified), string(v.Basis), lasts, since, words(c.Triggers), stamp(c.Objective), string(v.Objective),
	}
}

func listRuns(ctx context.Context, m *making, row rowFunc) error {
	return walk(ctx, m.Store, store.Runs.From, func(r schema.Run) []string { return []string{r.ID} }, func(_ store.Reader, r schema.Run) error {
		if r.Started.Before(m.request.From) || !r.Started.Before(m.request.To) {
			return nil
		}
		return row(r.ID, r.Sweep, stamp(r.Started), stamp(r.Ended), number(r.Looked), number(r.Found), number(r.Done), number(r.Reported), r.Held, r.Problem, number(r.Again))
	})
}

func listFindings(ctx context.Context, m *making, row rowFunc) error {
	key := func(f schema.Finding) []string { return []string{f.Kind, f.Connector, f.Subject, f.Object} }
	return walk(ctx, m.Store, store.Findings.From, key, func(_ store.Reader, f schema.Finding) error {
		if !f.First.Before(m.request.To) {
			return nil
		}
		return row(strings.Join(key(f), "/"), f.Kind, f.Connector, f.Subject, f.Object, f.Reason, stamp(f.First), stamp(f.Last))
	})
}

func listCredentials(ctx context.Context, m *making, row rowFunc) error {
	return m.Store.View(ctx, func(r store.Reader) error {
		all, err := access.Credentials(r, nil, 0)
		if err != nil {
			return err
		}
		for _, c := range all {
			if !c.Since.IsZero() && !c.Since.Before(m.request.To) || !c.Revoked.IsZero() && c.Revoked.Before(m.request.From) {
				continue
			}
			age := ""
			if !c.Since.IsZero() {
				age = days(m.request.To.Sub(c.Since))
			}
			err := row(m.credential(c.ID), string(c.Kind), m.actor(c.Holder), string(c.Role), stamp(c.Since), age, stamp(c.Expires), stamp(c.Used), stamp(c.Revoked))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// credential is a credential's id, which may be named for whom it is for.
func (m *making) credential(id string) string {
	kind, name, _ := strings.Cut(id, "/")
	if kind == "token" || m.pseudonym == nil {
		return id
	}
	return kind + "/" + m.person(name)
}

func days(d time.Duration) string { return number(int(max(0, d) / (24 * time.Hour))) }

func listUses(ctx context.Context, m *making, row rowFunc) error {
	key := func(u schema.Use) []string { return []string{u.Identity, u.Connector, u.Entitlement} }
	return walk(ctx, m.Store, store.Uses.From, key, func(r store.Reader, u schema.Use) error {
		who, err := userName(r, m, u.Identity)
		if err != nil {
			return err
		}
		unused := ""
		if !u.LastUsed.IsZero() {
			unused = days(m.request.To.Sub(u.LastUsed))
		}
		return row(strings.Join(key(u), "/"), u.Identity, who, u.Connector, u.Entitlement, stamp(u.LastUsed), unused, stamp(u.Interactive), u.By)
	})
}

func listWork(ctx context.Context, m *making, row rowFunc) error {
	key := func(w schema.WorkItem) []string { return []string{w.Connector, w.Identity} }
	return walk(ctx, m.Store, store.WorkItems.From, key, func(_ store.Reader, w schema.WorkItem) error {
		if !w.Opened.Before(m.request.To) {
			return nil
		}
		return row(strings.Join(key(w), "/"), w.Identity, m.person(w.UserName), w.Connector, w.What, yes(w.Ends), stamp(w.Opened), stamp(w.Due), yes(w.Overdue(m.request.To)))
	})
}

func listCheckpoints(ctx context.Context, m *making, row rowFunc) error {
	size := m.first
	for full := true; full; {
		err := m.Store.View(ctx, func(r store.Reader) error {
			n := 0
			for signed, err := range store.CheckpointsFrom(r, size) {
				if err != nil {
					return err
				}
				c, err := audit.Read(signed)
				if err != nil {
					return err
				}
				if c.Size > m.endSize {
					break
				}
				if err := row(number(int(c.Size)), number(int(c.Size)), c.Root.String(), string(signed)); err != nil {
					return err
				}
				size = c.Size + 1
				if n++; n == pageSize {
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
