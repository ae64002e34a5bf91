package access

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// tell adds to the facts of an identity what signals said, as far as anything in
// force depends on it, and what is remembered of the triggers that hold.
func tell(r store.Reader, book *policy.Book, f *policy.Facts) error {
	id := f.Identity.ID
	for firing, err := range store.Firings.All(r, id) {
		if err != nil {
			return err
		}
		f.Firings = append(f.Firings, firing)
	}
	if err := changed(r, book, f); err != nil {
		return err
	}
	for topic, read := range map[schema.Topic]func(store.Reader, *policy.Book, *policy.Facts) error{
		schema.TopicTicket: tickets, schema.TopicWorkload: workload, schema.TopicRisk: risks, schema.TopicUse: uses,
	} {
		if !book.Depends(topic) && (topic == schema.TopicTicket || !policy.IsMachine(f.Identity.Kind)) {
			continue
		}
		if err := read(r, book, f); err != nil {
			return err
		}
		for _, source := range book.Tellers(topic) {
			for feed, err := range store.Feeds.All(r, source, string(topic)) {
				if err != nil {
					return err
				}
				f.Feeds = append(f.Feeds, feed)
			}
		}
	}
	if err := heardFrom(r, book, f); err != nil {
		return err
	}
	slices.SortFunc(f.Feeds, func(a, b schema.Feed) int { return slices.Compare(feedKey(a), feedKey(b)) })
	return nil
}

// heardFrom adds when the sources of an identity were heard, where that means
// something.
func heardFrom(r store.Reader, book *policy.Book, f *policy.Facts) error {
	var known []string
	for _, rec := range recordsOf(*f) {
		if slices.Contains(known, rec.Source) || len(book.Silences(rec.Source)) == 0 {
			continue
		}
		known = append(known, rec.Source)
		feed, err := heardOf(r, rec.Source)
		if err != nil {
			return err
		}
		f.Feeds = append(f.Feeds, feed)
	}
	return nil
}

func feedKey(f schema.Feed) []string { return []string{f.Source, string(f.Topic), f.Connector} }

// tickets reads those that live grants were made on.
func tickets(r store.Reader, _ *policy.Book, f *policy.Facts) error {
	seen := map[string]bool{}
	for _, g := range f.Grants {
		id := store.Fold(g.Ticket)
		if id == "" || seen[id] || !g.Ended.IsZero() {
			continue
		}
		seen[id] = true
		for t, err := range store.Tickets.All(r, id) {
			if err != nil {
				return err
			}
			f.Tickets = append(f.Tickets, t)
		}
	}
	return nil
}

// workload reads what was said last of a machine, by any of its names.
func workload(r store.Reader, book *policy.Book, f *policy.Facts) error {
	for _, name := range book.WorkloadNames(*f) {
		for w, err := range store.Workloads.All(r, name) {
			if err != nil {
				return err
			}
			if book.Tells(w.Source, schema.TopicWorkload) && (f.Workload == nil || w.Occurred.After(f.Workload.Occurred)) {
				f.Workload = &w
			}
		}
	}
	return nil
}

// risks reads those that are open, of sources that are still believed.
func risks(r store.Reader, book *policy.Book, f *policy.Facts) error {
	held, err := unbelieved(r, f.Identity.ID)
	if err != nil {
		return err
	}
	for k, err := range store.Risks.All(r, f.Identity.ID) {
		if err != nil {
			return err
		}
		if k.Open && book.Tells(k.Source, schema.TopicRisk) && !held[[2]string{k.Source, k.Kind}] {
			f.Risks = append(f.Risks, k)
		}
	}
	return nil
}

func uses(r store.Reader, _ *policy.Book, f *policy.Facts) error {
	for u, err := range store.Uses.All(r, f.Identity.ID) {
		if err != nil {
			return err
		}
		f.Uses = append(f.Uses, u)
	}
	return nil
}

// changed compares the attributes that triggers watch with what they were when
// triggers last looked. It is not what sources send that counts, but what rules
// read: what a source may not say changes nothing, and any number of changes is
// one.
func changed(r store.Reader, book *policy.Book, f *policy.Facts) error {
	if len(book.Watched()) == 0 {
		return nil
	}
	base, err := store.Baselines.Get(r, f.Identity.ID)
	if schema.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	now, err := fingerprints(book, *f, slices.Collect(maps.Keys(base.Values)))
	if err != nil {
		return err
	}
	for name, was := range base.Values {
		if now[name] != was {
			f.Changed = append(f.Changed, name)
		}
	}
	slices.Sort(f.Changed)
	return nil
}

// fingerprints are short hashes of the values of attributes, by name; of one that
// is absent it is empty.
func fingerprints(book *policy.Book, f policy.Facts, names []string) (map[string]string, error) {
	values := book.Values(f)
	prints := map[string]string{}
	for _, name := range names {
		value, ok := values["identity."+name]
		if !ok {
			prints[name] = ""
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(append([]byte(f.Identity.ID+" "), text...))
		prints[name] = hex.EncodeToString(sum[:8])
	}
	return prints, nil
}

// watch makes what attributes are now the baseline of the roles that somebody has,
// if triggers of these watch any; of who has none nothing is kept.
func (l *look) watch(tx store.Tx) error {
	if len(l.book.Watched()) == 0 {
		return nil
	}
	var names []string
	for _, line := range l.lines {
		for _, role := range line.Roles() {
			names = append(names, l.book.WatchedBy(role)...)
		}
	}
	for _, g := range l.facts.Grants {
		if g.Ended.IsZero() {
			names = append(names, l.book.WatchedBy(g.Role)...)
		}
	}
	id := l.facts.Identity.ID
	base, err := store.Baselines.Get(tx, id)
	switch {
	case err != nil && !schema.IsNotFound(err):
		return err
	case len(names) == 0 && err == nil:
		return store.Baselines.Delete(tx, id)
	case len(names) == 0:
		return nil
	}
	values, err := fingerprints(l.book, l.facts, names)
	if err != nil || maps.Equal(values, base.Values) {
		return err
	}
	return store.Baselines.Put(tx, schema.Baseline{Identity: id, Values: values})
}

// watchFrom begins to watch the attributes that triggers of a role watch, as they
// are when the role is granted.
func watchFrom(tx store.Tx, book *policy.Book, identity, role string) error {
	names := book.WatchedBy(role)
	if len(names) == 0 {
		return nil
	}
	f, err := Gather(tx, book, identity)
	if err != nil {
		return err
	}
	base, err := store.Baselines.Get(tx, identity)
	if err != nil && !schema.IsNotFound(err) {
		return err
	}
	values, err := fingerprints(book, f, names)
	if err != nil {
		return err
	}
	maps.Copy(values, base.Values) // a change that nobody looked at yet is still one
	return store.Baselines.Put(tx, schema.Baseline{Identity: identity, Values: values})
}

// remember keeps the triggers that hold, and forgets those that do no longer.
func (l *look) remember(tx store.Tx) error {
	key := func(f schema.Firing) [3]string { return [3]string{f.Role, f.Grant, f.Trigger} }
	known := map[[3]string]schema.Firing{}
	for _, f := range l.facts.Firings {
		known[key(f)] = f
	}
	for _, f := range l.access.Firings {
		was, ok := known[key(f)]
		delete(known, key(f))
		if ok && was == f {
			continue
		}
		if err := store.Firings.Put(tx, f); err != nil {
			return err
		}
		if !ok && f.Settled.IsZero() && l.book.Asks(f) {
			if err := notifyTriggered(tx, l.book, l.facts, f); err != nil {
				return err
			}
		}
	}
	for _, f := range known {
		if l.spared("role/" + f.Role) { // its grace is over, and does not begin anew
			continue
		}
		if err := store.Firings.Delete(tx, f.Identity, f.Role, f.Grant, f.Trigger); err != nil {
			return err
		}
	}
	return nil
}

// bind keeps the names by which a machine may be told of as a workload. It is
// looked at again when one is new: it may have been told of under that name while
// nobody knew whom it was about. So are others that go by a name that is new, or is
// this one's no longer, because a name is to be one machine's alone (NHI9).
func (l *look) bind(tx store.Tx) error {
	id := l.facts.Identity
	var names, gone []string
	if l.book.Depends(schema.TopicWorkload) && !id.Gone() && l.facts.Into == "" {
		names = l.book.WorkloadNames(l.facts)
	}
	for b, err := range store.Bindings.By(tx, store.BoundTo, id.ID) {
		if err != nil {
			return err
		}
		if i := slices.Index(names, b.Name); i >= 0 {
			names = slices.Delete(names, i, i+1)
			continue
		}
		if err := store.Bindings.Delete(tx, b.Name, b.Machine); err != nil {
			return err
		}
		gone = append(gone, b.Name)
	}
	for _, name := range names {
		if err := store.Bindings.Put(tx, store.Bound{Name: name, Machine: id.ID}); err != nil {
			return err
		}
	}
	for _, name := range append(names, gone...) {
		for b, err := range store.Bindings.All(tx, name) {
			if err != nil {
				return err
			}
			if err := tx.Wake(LaneIdentity, b.Machine, tx.Now()); err != nil {
				return err
			}
		}
	}
	return nil
}
