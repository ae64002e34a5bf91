package access

import (
	"cmp"
	"fmt"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// join makes the records of a party those of one identity.
func (c *correlation) join(p party) error {
	base, err := c.base(p)
	if err != nil {
		return err
	}
	vouched := false
	for _, rec := range p.records {
		vouched = vouched || c.vouches(rec)
	}
	for _, rec := range p.records {
		if c.settled[rec.ID] {
			continue
		}
		c.settled[rec.ID] = true
		place := schema.Counts
		switch {
		case !c.book.InScope(rec):
			place = schema.OutOfScope
		case p.why[rec.ID] != "":
			place = schema.Ambiguous
		case !vouched:
			place = schema.Waiting
		}
		if err := c.put(rec, base, place, p); err != nil {
			return err
		}
	}
	return nil
}

// placeAlone is the place of a record with which nobody else goes.
func placeAlone(book *policy.Book, rec schema.Identity) schema.Place {
	switch {
	case rec.Place == schema.Ambiguous || rec.Of != "" || rec.Gone():
		return rec.Place
	case !book.InScope(rec):
		return schema.OutOfScope
	case book.Trust(rec.Source) != policy.Authoritative:
		return schema.Waiting
	}
	return schema.Counts
}

// base chooses the id that an identity goes by: of those that its records have, the
// one that most hangs on, and then the oldest.
func (c *correlation) base(p party) (string, error) {
	best, weight := "", -1
	for _, rec := range p.records {
		base := rec.Base()
		w, err := c.weight(p, rec, base)
		if err != nil {
			return "", err
		}
		if w > weight || w == weight && base < best {
			best, weight = base, w
		}
	}
	if weight < 0 { // none of them may go on under the id that it had
		for _, rec := range p.records {
			w, err := c.weight(p, rec, rec.ID)
			if err != nil {
				return "", err
			}
			if w > weight || w == weight && rec.ID < best {
				best, weight = rec.ID, w
			}
		}
	}
	return best, nil
}

// weight says how much hangs on an id that a record has, or -1 if it can not go by
// that any more.
func (c *correlation) weight(p party, rec schema.Identity, base string) (int, error) {
	trusted, own := c.vouches(rec), false
	for _, r := range p.records {
		if r.ID == base {
			own, trusted = true, c.vouches(r)
		}
	}
	if !own {
		first, err := store.Identities.Get(c.tx, base)
		if err != nil {
			return -1, err
		}
		if there, err := c.lives(first); err != nil || there || !trusted {
			return -1, err // it is another's, or it ended with who vouched for it
		}
		if heir, err := c.heir(base); err != nil || heir != rec.ID {
			return -1, err
		}
	}
	if granted, err := c.granted(base); err != nil || granted {
		return 3, err
	}
	for _, err := range store.Assignments.All(c.tx, base) {
		return 2, err
	}
	if trusted {
		return 1, nil
	}
	return 0, nil
}

// heir returns which of the records of an identity keeps its id when the record is gone
// that it began with: the oldest of those that vouch for it.
func (c *correlation) heir(identity string) (heir string, err error) {
	for row, err := range store.Identities.By(c.tx, store.IdentityOf, identity) {
		if err != nil {
			return "", err
		}
		there, err := c.lives(row)
		if err != nil {
			return "", err
		}
		if there && c.vouches(row) && (heir == "" || row.ID < heir) {
			heir = row.ID
		}
	}
	return heir, nil
}

// vouches reports whether a record is of an authoritative source that may speak of
// such an identity.
func (c *correlation) vouches(rec schema.Identity) bool {
	return c.book.Trust(rec.Source) == policy.Authoritative && c.book.InScope(rec)
}

// put stores where a record belongs, if that is news, and has everybody looked at
// whom it concerns.
func (c *correlation) put(rec schema.Identity, base string, place schema.Place, p party) error {
	was, wasPlace := rec.Base(), rec.Place
	if was == base && wasPlace == place {
		return nil
	}
	rec.Of, rec.Place = base, place
	if base == rec.ID {
		rec.Of = ""
	}
	if err := store.Identities.Put(c.tx, rec); err != nil {
		return err
	}
	if err := c.report(rec, wasPlace, p.why[rec.ID]); err != nil || was == base {
		return err
	}
	verb, why := schema.Correlated, "what it says agrees with the identity's other records"
	switch {
	case base == rec.ID:
		verb, why = schema.Split, "no other record agrees with it any more"
		if p.why[rec.ID] != "" {
			why = p.why[rec.ID]
		}
	case p.by[rec.ID] != "":
		why = "by " + p.by[rec.ID] + ", with " + c.others(rec, p)
	}
	return c.move(rec, was, verb, c.actor, why, nil)
}

// others names the records of a party but for one.
func (c *correlation) others(rec schema.Identity, p party) string {
	var names []string
	for _, r := range p.records {
		if r.ID != rec.ID {
			names = append(names, "record "+r.ID+" of source "+r.Source)
		}
	}
	return strings.Join(names, " and ")
}

// move records that a record went from one identity to another, takes along what
// was decided against it, and has both looked at. One that was an identity of its
// own brings its accounts.
func (c *correlation) move(rec schema.Identity, was string, verb schema.Verb, by, why string, detail []byte) error {
	subject := rec.Base()
	if verb == schema.Split {
		subject = was
	}
	d, err := c.tx.Record(schema.Decision{
		Actor: by, Verb: verb, Subject: subject, Object: "record/" + rec.ID, Because: c.because,
		Reason: fmt.Sprintf("record of source %s: %s", rec.Source, why), Policy: c.book.Digest(), Detail: detail,
	})
	if err != nil {
		return err
	}
	if was == rec.ID || c.vouches(rec) { // else it would bring what stands against one to whomever its source likes
		if err := c.carryTombstones(was, rec.Base(), d.ID); err != nil {
			return err
		}
		if err := c.carryRisks(was, rec.Base()); err != nil {
			return err
		}
	}
	if err := agree(c.tx, was); err != nil {
		return err
	}
	if source, ok := strings.CutPrefix(by, "source/"); ok { // what the record gave the one it may lose, and the other by what it says
		for _, identity := range []string{was, rec.Base()} {
			if err := affects(c.tx, c.book, rec.Source, identity); err != nil {
				return err
			}
			if err := parts(c.tx, c.book, source, identity); err != nil {
				return err
			}
		}
	}
	if err := c.carryAccounts(rec, was, d.ID); err != nil {
		return err
	}
	if err := c.tx.WakeUrgent(LaneIdentity, was); err != nil {
		return err
	}
	if governs(c.book, rec, rec) {
		if err := wakeGovernance(c.tx); err != nil {
			return err
		}
	}
	return c.tx.Wake(LaneIdentity, rec.Base(), c.tx.Now())
}

// agree resolves what sources disagreed about of an identity, when one of them says
// nothing of it any more. What they still disagree about is found again.
func agree(tx store.Tx, identity string) error {
	for f, err := range store.Findings.All(tx, noticeConflict, "", identity) {
		if err != nil {
			return err
		}
		if err := resolve(tx, f); err != nil {
			return err
		}
	}
	return nil
}

// carryTombstones puts what stands against roles of one identity against those of
// another: what people took away does not come back by a record's going over.
func (c *correlation) carryTombstones(from, to, because string) error {
	for stone, err := range store.Tombstones.All(c.tx, from) {
		if err != nil {
			return err
		}
		if _, err := store.Tombstones.Get(c.tx, to, stone.Role); err == nil {
			continue
		} else if !schema.IsNotFound(err) {
			return err
		}
		stone.Identity = to
		if err := store.Tombstones.Put(c.tx, stone); err != nil {
			return err
		}
		_, err = c.tx.Record(schema.Decision{
			Actor: "bridge", Verb: schema.Revoked, Subject: to, Object: "role/" + stone.Role, Because: []string{because},
			Reason: "it was revoked from identity " + from + ", of which it has a record", Policy: c.book.Digest(),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// carryRisks opens what is open about one identity about another too, unless that was
// told of later there.
func (c *correlation) carryRisks(from, to string) error {
	for risk, err := range store.Risks.All(c.tx, from) {
		if err != nil {
			return err
		}
		if !risk.Open {
			continue
		}
		risk.Identity = to
		is, err := store.Risks.Get(c.tx, to, risk.Source, risk.Kind)
		if err != nil && !schema.IsNotFound(err) {
			return err
		}
		if err == nil && !is.Occurred.Before(risk.Occurred) {
			continue
		}
		if err := store.Risks.Put(c.tx, risk); err != nil {
			return err
		}
	}
	return nil
}

// carryAccounts hands accounts over with a record that went from one identity to
// another, where that has none: those of an identity that became a record of another,
// and those that it once brought along, which it takes with it again. So a mistake
// lasts no longer than what was said by mistake.
func (c *correlation) carryAccounts(rec schema.Identity, from, because string) error {
	to := rec.Base()
	for _, connector := range c.book.Connectors() {
		name := connector.Metadata.Name
		a, err := store.Accounts.Get(c.tx, name, from)
		if schema.IsNotFound(err) || err == nil && (a.RemoteID == "" || from != rec.ID && a.From != rec.ID) {
			continue
		}
		if err != nil {
			return err
		}
		is, err := account(c.tx, name, to)
		if err != nil {
			return err
		}
		if is.RemoteID != "" {
			continue // it has one: the other is disabled, as that of who left
		}
		if err := letAccountGo(c.tx, c.book.Digest(), a, to); err != nil {
			return err
		}
		if a.From = cmp.Or(a.From, from); a.From == to {
			a.From = ""
		}
		a.Identity, a.State = to, schema.Pending
		a.Due = a.Due.Join(schema.Change{Received: c.tx.Now(), Decided: c.tx.Now(), Because: []string{because}})
		if err := store.Accounts.Put(c.tx, a); err != nil {
			return err
		}
		if err := c.tx.WakeUrgent(LaneAccount(name), to); err != nil {
			return err
		}
	}
	return nil
}

// report raises a finding about a record that became ambiguous, and resolves that
// about one that is so no more.
func (c *correlation) report(rec schema.Identity, was schema.Place, why string) error {
	f := schema.Finding{Kind: findingAmbiguous, Subject: rec.ID, Object: "source/" + rec.Source, Reason: why}
	switch {
	case rec.Place == schema.Ambiguous:
		return Report(c.tx, c.book, c.actor, f)
	case was == schema.Ambiguous:
		return resolve(c.tx, f)
	}
	return nil
}

// settingCorrelation says by what the records that are stored were correlated.
const settingCorrelation = "correlation"

// correlateAll settles records anew where policy correlates them by something else
// than it did, or a source is believed otherwise. It is part of a rollout.
func correlateAll(tx store.Tx, book *policy.Book, rows []schema.Identity) error {
	was, err := store.Settings.Get(tx, settingCorrelation)
	if err != nil && !schema.IsNotFound(err) {
		return err
	}
	if was.Value == book.CorrelationDigest() {
		return nil
	}
	for _, rec := range rows {
		c := newCorrelation(tx, book, "bridge", nil)
		touched, err := c.keep(rec)
		if err != nil {
			return err
		}
		if err := c.look(&rec, touched); err != nil {
			return err
		}
	}
	return nil
}

// correlated notes that all records are correlated as the policy says that was
// rolled out.
func correlated(tx store.Tx, book *policy.Book, rolledOut string) error {
	if book.Digest() != rolledOut {
		return nil
	}
	digest := book.CorrelationDigest()
	was, err := store.Settings.Get(tx, settingCorrelation)
	if err != nil && !schema.IsNotFound(err) || was.Value == digest {
		return err
	}
	return store.Settings.Put(tx, store.Setting{Name: settingCorrelation, Value: digest})
}
