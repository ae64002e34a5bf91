package access

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A source takes away without ending anybody: it empties a group, deletes it, writes
// another department into everybody's record, says that thousands of workloads are gone
// or closes all tickets. What counts is who loses
// something by that, and so it is counted when that is known: what a source did leaves
// a mark on whom it concerns, and when they are looked at, those beyond the source's
// limit keep what they would lose until two people let it through, or the source takes
// it back. Leavers do not wait for that: who is ended, by whatever, ends.

// restrain returns the difference, and keeps of what ends what the brakes on sources
// hold.
func (l *look) restrain(tx store.Tx) (difference, error) {
	c, d := &l.compared, l.differs.clone()
	held := map[string]store.Loss{}
	if !l.book.Brakes() && len(d.ended) == 0 {
		return d, nil
	}
	if !l.book.Brakes() { // no source leaves marks; what an earlier policy held goes
		if n, err := store.WithheldLosses.Count(tx); err != nil || n == 0 {
			return d, err
		}
	}
	marks, err := l.affectedBy(tx, len(d.ended) > 0)
	if err != nil || l.facts.Into != "" {
		return d, l.passMarks(tx, marks, err)
	}
	for loss, err := range store.WithheldLosses.All(tx, l.facts.Identity.ID) {
		if err != nil {
			return d, err
		}
		held[loss.Source] = loss
		marks.add(loss.Source, loss.Parted)
	}
	for _, source := range slices.Sorted(maps.Keys(marks)) {
		lines := slices.DeleteFunc(slices.Clone(d.ended), func(line schema.Assignment) bool { return !c.by(source, marks[source], line) })
		loss, known := held[source]
		loss.Source, loss.Parted = source, marks[source]
		if loss.Released { // whatever the source did since: people decided about that
			lines = slices.DeleteFunc(lines, func(line schema.Assignment) bool { return slices.Contains(loss.What, line.Ref()) })
			known = false
			if err := store.WithheldLosses.Delete(tx, loss.Identity, loss.Source); err != nil {
				return d, err
			}
		}
		keep, err := l.keeps(tx, loss, known, lines)
		if err != nil {
			return d, err
		}
		if keep == "" {
			continue
		}
		for _, line := range lines {
			d.ended = slices.Delete(d.ended, index(d.ended, line), index(d.ended, line)+1)
			d.lines = append(d.lines, line)
			d.kept = append(d.kept, keptLine{line: line, why: keep, braked: true})
		}
	}
	return d, l.markAgain(tx, marks)
}

// by reports whether a line that ends does so by what a source may say, be it that a
// rule matches no longer or that a trigger looks at it, and for no reason of the
// identity's own. Of a source that parted records it is whatever a rule says no longer.
func (c *comparison) by(source string, parted bool, line schema.Assignment) bool {
	if ended(c.book, c.facts, c.now) {
		return false
	}
	if byPolicy(c.facts, c.access, line, c.now) {
		return slices.ContainsFunc(line.Roles(), func(role string) bool {
			_, stands := c.book.Role(role)
			return c.book.Concerns(source, role) || parted && stands
		})
	}
	if line.Mode != schema.Enforce {
		return false
	}
	for _, v := range c.access.Verdicts { // the source knows it no more, and another one does
		if v.Trigger == policy.SourceDeleted && slices.Contains(line.Roles(), v.Role) && c.book.Concerns(source, v.Role) {
			return true
		}
	}
	return slices.ContainsFunc(c.access.Fired, func(f policy.Fired) bool {
		takes := f.Action == "revoke" || f.Action == "suspend"
		return takes && !f.Due.After(c.now) && !f.Silent && slices.Contains(line.Roles(), f.Role) && c.book.EndsBy(source, f.Role, f.Trigger)
	})
}

// spared reports whether a brake keeps something that is held because of a role or a
// grant.
func (l *look) spared(because string) bool {
	return slices.ContainsFunc(l.held, func(line schema.Assignment) bool {
		return l.stays[line.Ref()] != "" && slices.Contains(line.Because, because)
	})
}

// keeps settles whether the brake on a source holds the lines that end by it, and
// returns why. What it held before, and ends no more, it lets go of.
func (l *look) keeps(tx store.Tx, loss store.Loss, known bool, lines []schema.Assignment) (why string, err error) {
	var what []string
	for _, line := range lines {
		what = append(what, line.Ref())
	}
	what = schema.Sorted(what...)
	if known {
		released, err := passed(tx, loss)
		if err != nil {
			return "", err
		}
		if released || !l.book.Braked(loss.Source) || len(what) == 0 && len(loss.Risks) == 0 {
			return "", l.freed(tx, loss)
		}
		if !slices.Equal(what, loss.What) {
			loss.What = what
			if loss.Round, err = holdLoss(tx, loss, false); err != nil {
				return "", err
			}
			return loss.Reason, store.WithheldLosses.Put(tx, loss)
		}
		return loss.Reason, nil
	}
	if len(what) == 0 {
		return "", nil
	}
	if why, err = brake(tx, l.book, loss.Source, losses); err != nil || why == "" {
		return "", err
	}
	return why, withholdLoss(tx, l.book, store.Loss{
		Identity: l.facts.Identity.ID, Source: loss.Source, Parted: loss.Parted, What: what, Since: tx.Now(), Reason: why,
	})
}

// freed lets go of what was held of an identity that is being looked at, and has it
// looked at again where it was not distrusted until now.
func (l *look) freed(tx store.Tx, loss store.Loss) error {
	if err := freeLoss(tx, loss, "held no more"); err != nil || len(loss.Risks) == 0 {
		return err
	}
	return tx.WakeUrgent(LaneIdentity, loss.Identity)
}

// would says what a loss is of.
func would(loss store.Loss) string {
	var all []string
	if len(loss.What) > 0 {
		all = append(all, "loses "+joinLimited(loss.What, firstDeeds))
	}
	if len(loss.Risks) > 0 {
		all = append(all, "is distrusted: "+joinLimited(loss.Risks, firstDeeds))
	}
	return strings.Join(all, "; ")
}

// withholdLoss keeps a loss from happening until people let it through.
func withholdLoss(tx store.Tx, book *policy.Book, loss store.Loss) (err error) {
	if loss.Round, err = holdLoss(tx, loss, true); err != nil {
		return err
	}
	if err := store.WithheldLosses.Put(tx, loss); err != nil {
		return err
	}
	subject := "source/" + loss.Source
	_, err = tx.Record(schema.Decision{
		Actor: "bridge", Verb: schema.Held, Subject: loss.Identity, Object: subject, Policy: book.Digest(),
		Reason: "it " + would(loss) + ", unless that is held; " + loss.Reason,
	})
	if err != nil {
		return err
	}
	return Report(tx, book, "bridge", schema.Finding{Kind: findingLosses, Subject: subject, Reason: loss.Reason})
}

// lossHold is the id of the hold on what people would lose by a source.
func lossHold(source string) string { return HoldID(string(schema.LossHold) + "/" + source) }

// holdLoss adds a loss to the hold on its source, or one that became another. The
// plan is another with each. It returns the round that the loss belongs to.
func holdLoss(tx store.Tx, loss store.Loss, news bool) (round int, err error) {
	h, err := store.Holds.Get(tx, lossHold(loss.Source))
	if err != nil && !schema.IsNotFound(err) {
		return 0, err
	}
	if h.Count == 0 {
		h.ID, h.Kind, h.Subject = lossHold(loss.Source), schema.LossHold, "source/"+loss.Source
		h.Since, h.Reason = tx.Now(), loss.Reason
		if err := wakeAfterTheHour(tx, loss.Source, h.ID, losses); err != nil {
			return 0, err
		}
	}
	if news {
		h.Count++
	}
	h.Plan = planAfter(h.Plan, "loses "+strings.Join(loss.What, " ")+" risks "+strings.Join(loss.Risks, " "), loss.Identity, tx.Now())
	return h.Round, store.Holds.Put(tx, h)
}

// passed reports whether people let a loss through.
func passed(r store.Reader, loss store.Loss) (bool, error) {
	h, err := store.Holds.Get(r, lossHold(loss.Source))
	if schema.IsNotFound(err) {
		return true, nil
	}
	return err == nil && loss.Round < h.Round, err
}

// freeLoss lets go of a loss, and of the hold when it was the last one.
func freeLoss(tx store.Tx, loss store.Loss, reason string) error {
	if err := store.WithheldLosses.Delete(tx, loss.Identity, loss.Source); err != nil {
		return err
	}
	h, err := store.Holds.Get(tx, lossHold(loss.Source))
	if err != nil && !schema.IsNotFound(err) {
		return err
	}
	if err == nil && loss.Round == h.Round {
		h.Count--
		h.Plan = planAfter(h.Plan, "free", loss.Identity, tx.Now())
		if err := store.Holds.Put(tx, h); err != nil {
			return err
		}
	}
	subject := "source/" + loss.Source
	if _, err := tx.Record(schema.Decision{
		Actor: "bridge", Verb: schema.Released, Subject: loss.Identity, Object: subject, Reason: reason,
	}); err != nil {
		return err
	}
	left, err := store.LossSource.Count(tx, 1, loss.Source)
	if err != nil || left > 0 {
		return err
	}
	if err := store.Holds.Delete(tx, lossHold(loss.Source)); err != nil {
		return err
	}
	return resolve(tx, schema.Finding{Kind: findingLosses, Subject: subject})
}

// firstLosers returns some of those who would lose something by a source.
func firstLosers(r store.Reader, source string) (first []schema.Deed, err error) {
	for loss, err := range store.WithheldLosses.By(r, store.LossSource, source) {
		if err != nil {
			return nil, err
		}
		if first = append(first, schema.Deed{Identity: loss.Identity, What: would(loss)}); len(first) == firstDeeds {
			break
		}
	}
	return first, nil
}

// carryOutLosses lets through what two people released, a chunk at a time.
func carryOutLosses(ctx context.Context, s *store.Store, h schema.Hold) (Finish, error) {
	for after := ""; ; {
		looked, last := 0, after
		err := s.Update(ctx, func(tx store.Tx) error {
			looked, last = 0, after
			for loss, err := range store.WithheldLosses.ByFrom(tx, store.LossSource, []string{lossSourceOf(h)}, after, lossSourceOf(h)) {
				if err != nil {
					return err
				}
				if loss.Round < h.Round {
					if err := letLossThrough(tx, loss, releasedBy+actors(h)); err != nil {
						return err
					}
				}
				last = loss.Identity
				if looked++; looked == chunk {
					break
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if after = last; looked < chunk {
			return func(tx store.Tx) (time.Time, error) { return time.Time{}, reopen(tx, h) }, nil
		}
	}
}

func lossSourceOf(h schema.Hold) string { return strings.TrimPrefix(h.Subject, "source/") }

// letLossThrough frees a loss and has it happen. That people let it through is known
// until it did: what its source does before that is no reason to ask them again.
func letLossThrough(tx store.Tx, loss store.Loss, reason string) error {
	if err := freeLoss(tx, loss, reason); err != nil {
		return err
	}
	if len(loss.What) > 0 {
		loss.Risks, loss.Released = nil, true
		if err := store.WithheldLosses.Put(tx, loss); err != nil {
			return err
		}
	}
	return tx.WakeUrgent(LaneIdentity, loss.Identity)
}

// lossStragglers lets those lose what they would who are held for no more than that
// others lost something in the same hour.
func lossStragglers(book *policy.Book, source string) Finish {
	return func(tx store.Tx) (time.Time, error) {
		src, approved := book.Source(source)
		if !approved || src.Spec.MassChange.DeactivationsPerHour <= 0 {
			return time.Time{}, nil
		}
		var held []store.Loss
		for loss, err := range store.WithheldLosses.By(tx, store.LossSource, source) {
			if err != nil {
				return time.Time{}, err
			}
			if held = append(held, loss); len(held) > src.Spec.MassChange.DeactivationsPerHour {
				return time.Time{}, nil // that is a mass
			}
		}
		slices.SortStableFunc(held, func(x, y store.Loss) int { return x.Since.Compare(y.Since) })
		for _, loss := range held {
			why, err := brake(tx, book, source, losses)
			if err != nil {
				return time.Time{}, err
			}
			if why != "" {
				return afterTheHourOf(tx, source, lossHold(source), losses)
			}
			if err := letLossThrough(tx, loss, "the hour is over in which its source took too much, and so few are no mass"); err != nil {
				return time.Time{}, err
			}
		}
		return time.Time{}, nil
	}
}
