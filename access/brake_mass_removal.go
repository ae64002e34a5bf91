package access

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A source that ends identities by the dozen has probably lost them: a filter was
// changed, a file came short. Its document says how many ends are believed in an
// hour and in a day (massChange); those beyond are withheld. What the source said
// is stored and answered as ever, but policy goes by the identity as it was, until
// two people let it through (brake_release.go) or the source takes it back. The single
// leaver, well within the limits, is not kept waiting.

// withhold settles whether the brake on its source holds a change that ends an
// identity, or held an earlier one. It is called with the change already stored,
// while its memberships are still there.
func withhold(tx store.Tx, p Provenance, old, id schema.Identity, ends bool) (bool, error) {
	if old.ID == "" {
		return false, nil
	}
	if !ends {
		return false, takeBack(tx, p, id)
	}
	if _, err := p.approved(); err != nil {
		return false, err
	}
	why, err := brake(tx, p.Book, p.Source, endings)
	if err != nil || why == "" {
		return false, err
	}
	held := store.Withheld{Identity: old, Since: tx.Now(), Reason: why}
	if held.Round, err = holdEnd(tx, p.Source, id.ID, why); err != nil {
		return false, err
	}
	if err := wakeAfterTheHour(tx, p.Source, HoldID("source/"+p.Source), endings); err != nil {
		return false, err
	}
	if held.Groups, err = groupNames(tx, id.ID); err != nil {
		return false, err
	}
	if err := store.WithheldIdentities.Put(tx, held); err != nil {
		return false, err
	}
	_, err = tx.Record(schema.Decision{
		Actor: p.actor(), Verb: schema.Held, Subject: id.Base(), Object: "source/" + p.Source, Because: because(p), Reason: why, Policy: p.Book.Digest(),
	})
	if err != nil {
		return false, err
	}
	return true, Report(tx, p.Book, p.actor(), schema.Finding{Kind: findingMassChange, Subject: "source/" + p.Source, Reason: why})
}

// holdEnd adds one more end to the hold on its source, whose plan is made anew
// with each that comes or goes. It returns the round that it belongs to.
func holdEnd(tx store.Tx, source, identity, why string) (round int, err error) {
	subject := "source/" + source
	h, err := store.Holds.Get(tx, HoldID(subject))
	if err != nil && !schema.IsNotFound(err) {
		return 0, err
	}
	if h.Count == 0 { // nothing was held, or all that was is released
		h.ID, h.Kind, h.Subject = HoldID(subject), schema.SourceHold, subject
		h.Since, h.Reason = tx.Now(), why
	}
	h.Count++
	h.Plan = planAfter(h.Plan, "held", identity, tx.Now())
	return h.Round, store.Holds.Put(tx, h)
}

// freeEnd takes one from it.
func freeEnd(tx store.Tx, held store.Withheld) error {
	h, err := store.Holds.Get(tx, HoldID("source/"+held.Identity.Source))
	if schema.IsNotFound(err) || err == nil && held.Round < h.Round {
		return nil // it was released, with all those of its round
	}
	if err != nil {
		return err
	}
	h.Count--
	h.Plan = planAfter(h.Plan, "free", held.Identity.ID, tx.Now())
	return store.Holds.Put(tx, h)
}

// planAfter is the plan of a source after one more came or went: no two sets that
// were ever held of a source have the same, and nobody has to walk them to tell.
func planAfter(plan, what, identity string, at time.Time) string {
	next := NewIntent(plan)
	next.Add(identity, what+" "+at.UTC().Format(time.RFC3339Nano))
	return next.Hold(schema.SourceHold, "", "").Plan
}

// takeBack lets go of what is withheld of an identity that its source wants after
// all.
func takeBack(tx store.Tx, p Provenance, id schema.Identity) error {
	if n, err := store.WithheldIdentities.Count(tx); err != nil || n == 0 || p.Book.Leaves(id, tx.Now().Add(foresight)) {
		return err
	}
	held, err := store.WithheldIdentities.Get(tx, id.ID)
	if schema.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return letGo(tx, p.Book, p.actor(), held, "its source took the end back")
}

// A tally is how many identities a source ended lately. An hour and a day begin
// with the first that falls into them.
type tally struct {
	Hour   time.Time `json:"hour"`
	InHour int       `json:"inHour"`
	Day    time.Time `json:"day"`
	InDay  int       `json:"inDay"`

	AtLeast int       `json:"atLeast"`          // how many identities the source has at least
	Counted time.Time `json:"counted,omitzero"` // when they were counted to the end
}

// A braking is what the brake on a source counts.
type braking struct {
	setting string // before the source's name: where its tally is
	did     string // to, what a source does to them
	of      func(r store.Reader, book *policy.Book, source string, most int) (int, error)
}

// What is counted: ends of identities, and people who lose something without leaving.
var (
	endings = braking{"ended/", "ended more than %s identities in %s", identitiesOf}
	losses  = braking{"lost/", "took something from more than %s people in %s", concernedBy}
)

func identitiesOf(r store.Reader, _ *policy.Book, source string, most int) (int, error) {
	return store.IdentityUserName.Count(r, most, source)
}

// concernedBy counts those whom a source may take something from: its own, and, of one
// that tells signals, those who hold something by tickets or go by a workload's name.
func concernedBy(r store.Reader, book *policy.Book, source string, most int) (n int, err error) {
	if book.Tells(source, schema.TopicTicket) {
		if n, err = store.GrantTicket.Count(r, most); err != nil {
			return 0, err
		}
	}
	if book.Tells(source, schema.TopicWorkload) {
		machines, err := store.BoundTo.Count(r, most)
		if err != nil {
			return 0, err
		}
		n += machines
	}
	own, err := identitiesOf(r, book, source, most)
	return min(n+own, most), err
}

// brake counts one more, or says why it is beyond what its source may do.
func brake(tx store.Tx, book *policy.Book, source string, what braking) (why string, err error) {
	src, ok := book.Source(source)
	if !ok || !book.Braked(source) {
		return "", nil
	}
	limits := src.Spec.MassChange
	t, err := readTally(tx, source, what)
	if err != nil {
		return "", err
	}
	now := tx.Now()
	if now.Sub(t.Hour) >= time.Hour {
		t.Hour, t.InHour = now, 0
	}
	if now.Sub(t.Day) >= 24*time.Hour {
		t = tally{Hour: t.Hour, InHour: t.InHour, Day: now}
	}
	if n := limits.DeactivationsPerHour; n > 0 && t.InHour >= n {
		why = "the source " + fmt.Sprintf(what.did, strconv.Itoa(n), "an hour")
	} else if few, err := t.tooFew(tx, book, source, limits.PercentPerDay, what); err != nil {
		return "", err
	} else if few {
		why = "the source " + fmt.Sprintf(what.did, fmt.Sprintf("%g%% of its", limits.PercentPerDay), "a day")
	} else {
		t.InHour, t.InDay = t.InHour+1, t.InDay+1
	}
	value, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	return why, store.Settings.Put(tx, store.Setting{Name: what.setting + source, Value: string(value)})
}

func readTally(r store.Reader, source string, what braking) (t tally, err error) {
	row, err := store.Settings.Get(r, what.setting+source)
	if schema.IsNotFound(err) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal([]byte(row.Value), &t); err != nil {
		return t, fmt.Errorf("setting %s%s: %w", what.setting, source, err)
	}
	return t, nil
}

// handful is how many may end in a day whatever the percentage: so few are people,
// and not a mistake.
const handful = 5

// recount is how long a count to the end is good for: a source that goes live today
// has very many more in an hour.
const recount = 5 * time.Minute

// tooFew reports whether the source has too few identities for one more to end
// today. A handful may always. They are counted only as far as is needed, and not at
// once again for the next ones.
func (t *tally) tooFew(r store.Reader, book *policy.Book, source string, percent float64, what braking) (bool, error) {
	if percent <= 0 || t.InDay < handful {
		return false, nil
	}
	need := int(math.Floor(float64(t.InDay)*100/percent)) + 1
	if now := r.Now(); need > t.AtLeast && now.Sub(t.Counted) >= recount {
		n, err := what.of(r, book, source, 2*need)
		if err != nil {
			return false, err
		}
		t.AtLeast = n + t.InDay // those deleted today count
		if n < 2*need {
			t.Counted = now
		}
	}
	return need > t.AtLeast, nil
}

// makeWay lets an end through that was withheld from an identity whose userName
// its source gives to a new one: the old one is not to linger beside it.
func makeWay(tx store.Tx, p Provenance, userName string) error {
	if n, err := store.WithheldIdentities.Count(tx); err != nil || n == 0 {
		return err
	}
	former, err := byFormerName(tx, store.Fold(userName))
	if err != nil {
		return err
	}
	for _, id := range former {
		if id.Source != p.Source {
			continue
		}
		held, err := store.WithheldIdentities.Get(tx, id.ID)
		if err == nil {
			err = letGo(tx, p.Book, p.actor(), held, "its source has a new identity of that name")
		}
		if err != nil && !schema.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// letGo lets the end of an identity through that was withheld: from now on policy
// goes by what its source says.
func letGo(tx store.Tx, book *policy.Book, by string, held store.Withheld, reason string) error {
	id, source := held.Identity.ID, held.Identity.Source
	is, err := store.Identities.Get(tx, id)
	if err != nil {
		return err
	}
	if err := store.WithheldIdentities.Delete(tx, id); err != nil {
		return err
	}
	if err := freeEnd(tx, held); err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: by, Verb: schema.Released, Subject: is.Base(), Object: "source/" + source, Reason: reason, Policy: book.Digest(),
	})
	if err != nil {
		return err
	}
	left, err := store.WithheldSource.Count(tx, 1, source)
	if err != nil {
		return err
	}
	if left == 0 {
		if err := store.Holds.Delete(tx, HoldID("source/"+source)); err != nil {
			return err
		}
		if err := resolve(tx, schema.Finding{Kind: findingMassChange, Subject: "source/" + source}); err != nil {
			return err
		}
	}
	for _, record := range []string{id, is.Base()} { // people let through what that takes, too
		if err := store.AffectedRecords.Delete(tx, record, source); err != nil {
			return err
		}
	}
	if is.Gone() { // it went with others until now
		c := newCorrelation(tx, book, by, nil)
		touched, err := c.keep(is)
		if err != nil {
			return err
		}
		if err := c.look(&is, touched); err != nil {
			return err
		}
	}
	return tx.WakeUrgent(LaneIdentity, is.Base())
}
