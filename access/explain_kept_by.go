package access

import (
	"slices"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// What somebody has only because a brake holds its end looks like anything else that
// they have. An explanation and a plan say so, and by which hold.

// keptBy adds to an explanation why nothing but a hold keeps the entitlement.
func (e *Explanation) keptBy(r store.Reader, book *policy.Book) error {
	if e.Line == nil {
		return nil
	}
	losses, err := lossesOf(r, book, e.Identity)
	if err != nil {
		return err
	}
	for _, loss := range losses {
		if slices.Contains(loss.What, e.Line.Ref()) {
			e.Kept, e.Hold = loss.Reason, lossHold(loss.Source)
			return nil
		}
	}
	held, ok, err := endHeld(r, e.Identity)
	if err != nil {
		return err
	}
	if ok {
		e.Kept, e.Hold = held.Reason, HoldID("source/"+held.Identity.Source)
		return nil
	}
	f, err := store.Findings.Get(r, noticeKept, "", e.Identity, e.Line.Ref())
	if schema.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	e.Kept = f.Reason
	if w, err := readWeight(r); err != nil || w.Reason == "" || w.Reason != f.Reason {
		return err
	}
	e.Hold = HoldID("policy/" + book.Digest())
	return nil
}

// kept says it in half a sentence.
func (e *Explanation) kept() string {
	switch {
	case e.Kept == "":
		return ""
	case e.Hold == "":
		return "; it stays for no more than this: " + e.Kept
	}
	return "; it stays only because its end is held (" + e.Hold + ": " + e.Kept + ")"
}

// endHeld returns the end of an identity that the brake on one of its sources holds.
func endHeld(r store.Reader, identity string) (held store.Withheld, ok bool, err error) {
	if n, err := store.WithheldIdentities.Count(r); err != nil || n == 0 {
		return held, false, err
	}
	records := []string{identity}
	for rec, err := range store.Identities.By(r, store.IdentityOf, identity) {
		if err != nil {
			return held, false, err
		}
		records = append(records, rec.ID)
	}
	for _, id := range records {
		held, err = store.WithheldIdentities.Get(r, id)
		if !schema.IsNotFound(err) {
			return held, err == nil, err
		}
	}
	return held, false, nil
}

// lossesOf returns what the brakes on sources hold that an identity would lose.
func lossesOf(r store.Reader, book *policy.Book, identity string) (held []store.Loss, err error) {
	if n, err := store.WithheldLosses.Count(r); err != nil || n == 0 {
		return nil, err
	}
	for loss, err := range store.WithheldLosses.All(r, identity) {
		if err != nil {
			return nil, err
		}
		let, err := passed(r, loss)
		if err != nil {
			return nil, err
		}
		if !loss.Released && !let && book.Braked(loss.Source) {
			held = append(held, loss)
		}
	}
	return held, nil
}

// brakedBy keeps of what a plan would end what the brake on a source holds already.
func (c *comparison) brakedBy(d difference) difference {
	for _, loss := range c.losses {
		for _, line := range slices.Clone(d.ended) {
			if !slices.Contains(loss.What, line.Ref()) || !c.by(loss.Source, loss.Parted, line) {
				continue
			}
			d.ended = slices.DeleteFunc(d.ended, func(l schema.Assignment) bool { return l.Ref() == line.Ref() })
			d.lines = append(d.lines, line)
			d.kept = append(d.kept, keptLine{line: line, why: loss.Reason + "; it is held as " + lossHold(loss.Source), braked: true})
		}
	}
	return d
}
