package access

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Bounds on what signals say and leave behind.
const (
	clockSkew    = 5 * time.Minute // how far ahead of ours a source's clock may be
	receiptTime  = 720 * time.Hour // how long a signal is known to have come
	receiptPrune = 4               // old receipts that go when a new one comes
	feedTime     = time.Minute     // how exactly it is kept when a feed was heard
	targetTime   = time.Hour       // and when a target told of use, which it does with every listing
)

// Tell takes in what a source says from outside of the directory, once, and wakes
// exactly the identities that it concerns, those first whose access may end by it.
// What is older than what is known changes nothing. It reports whether the signal
// was new.
//
// It says nothing of whom or what is unknown: a ticket that no grant is bound to
// and a workload that no identity is are kept, for they may come to matter; of a
// subject that nobody is nothing can be kept, and the log says so.
//
// What the source has no trust or authority for is logged as ignored. The errors
// are ErrForbidden (no Source document with protocol signals) and ErrInvalid.
func Tell(tx store.Tx, p Provenance, sig schema.Signal) (fresh bool, err error) {
	if src, ok := p.Book.Source(p.Source); !ok || src.Spec.Protocol != policy.ProtocolSignals {
		return false, fmt.Errorf("source %s: no Source document with protocol: %s approves it: %w", p.Source, policy.ProtocolSignals, schema.ErrForbidden)
	}
	if err := sound(tx, sig); err != nil {
		return false, err
	}
	if fresh, err = receive(tx, p, sig); err != nil || !fresh {
		return false, err
	}
	if sig.Topic != schema.TopicAlive && !p.Book.Tells(p.Source, sig.Topic) {
		return true, p.ignored(tx, "no authority for "+string(sig.Topic)+"; signal "+sig.ID)
	}
	switch sig.Topic { //nolint:exhaustive // no signal is of records
	case schema.TopicTicket:
		err = tellTicket(tx, p, sig)
	case schema.TopicWorkload:
		err = tellWorkload(tx, p, sig)
	case schema.TopicRisk:
		err = tellRisk(tx, p, sig)
	case schema.TopicUse:
		err = tellUse(tx, p, sig)
	case schema.TopicAlive:
		err = alive(tx, p)
	}
	return true, err
}

// sound checks that a signal says what its topic is about, and when.
func sound(tx store.Tx, sig schema.Signal) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("signal %s: %s: %w", sig.ID, fmt.Sprintf(format, args...), schema.ErrInvalid)
	}
	switch {
	case sig.ID == "":
		return fmt.Errorf("a signal without an id: %w", schema.ErrInvalid)
	case !slices.Contains(schema.Topics(), sig.Topic):
		return wrong("there is no topic %q", sig.Topic)
	case sig.Occurred.IsZero():
		return wrong("it does not say when it occurred")
	case sig.Occurred.After(tx.Now().Add(clockSkew)):
		return wrong("it is to occur at %s, which is yet to come", sig.Occurred.UTC().Format(time.RFC3339))
	case sig.Topic == schema.TopicTicket && (sig.Ticket == nil || sig.Ticket.ID == ""):
		return wrong("it does not say of which ticket")
	case sig.Topic == schema.TopicWorkload && (sig.Workload == nil || sig.Workload.Name == ""):
		return wrong("it does not say of which workload")
	case sig.Topic == schema.TopicRisk && (sig.Risk == nil || sig.Risk.Kind == ""):
		return wrong("it does not say which risk")
	case sig.Topic == schema.TopicUse && (sig.Use == nil || sig.Use.Connector == "" || sig.Use.Account == "" && sig.Subject.IsZero()):
		return wrong("it does not say which account was used")
	case sig.Topic == schema.TopicUse && sig.Use.Entitlement != "" && !latest(sig.Use.Disabled, sig.Use.Enabled).IsZero():
		return wrong("an account is disabled as a whole, and no entitlement of it")
	case sig.Topic == schema.TopicUse && sig.Use.Newest().After(tx.Now().Add(clockSkew)):
		return wrong("it says that the account is to be used or changed, which is yet to come")
	}
	return nil
}

// receive notes that a signal came, and lets go of some that came long ago. It
// reports whether this is the first time.
func receive(tx store.Tx, p Provenance, sig schema.Signal) (bool, error) {
	_, err := store.Receipts.Get(tx, p.Source, sig.ID)
	if err == nil {
		return false, nil
	}
	if !schema.IsNotFound(err) {
		return false, err
	}
	var old []schema.SignalReceipt
	for r, err := range store.Receipts.Until(tx, store.ReceiptTime, tx.Now().Add(-receiptTime)) {
		if err != nil {
			return false, err
		}
		if old = append(old, r); len(old) == receiptPrune {
			break
		}
	}
	for _, r := range old {
		if err := store.Receipts.Delete(tx, r.Source, r.ID); err != nil {
			return false, err
		}
	}
	if err := store.Receipts.Put(tx, schema.SignalReceipt{Source: p.Source, ID: sig.ID, Received: tx.Now()}); err != nil {
		return false, err
	}
	connector := ""
	if sig.Topic == schema.TopicUse {
		connector = sig.Use.Connector
	}
	return true, heard(tx, p.Book, schema.Feed{Source: p.Source, Topic: sig.Topic, Connector: connector})
}

// heard notes that a feed still speaks, about when. Where it told nothing of use
// for so long that nothing could be concluded, everyone is looked at again.
func heard(tx store.Tx, book *policy.Book, f schema.Feed) error {
	known, err := store.Feeds.Get(tx, f.Source, string(f.Topic), f.Connector)
	if err != nil && !schema.IsNotFound(err) {
		return err
	}
	exact := feedTime
	if f.Source == schema.OfTarget {
		exact = targetTime
	}
	if err == nil && tx.Now().Sub(known.Heard) < exact {
		return nil
	}
	f.Heard = tx.Now()
	if err := store.Feeds.Put(tx, f); err != nil {
		return err
	}
	if f.Topic != schema.TopicUse || !book.Tells(f.Source, f.Topic) || tx.Now().Sub(known.Heard) < book.StaleAfter(f.Source) {
		return nil
	}
	return wakeEveryone(tx)
}

// alive notes that everything a source told of stands as it was told.
func alive(tx store.Tx, p Provenance) error {
	var feeds []schema.Feed
	for f, err := range store.Feeds.All(tx, p.Source) {
		if err != nil {
			return err
		}
		feeds = append(feeds, f)
	}
	for _, topic := range schema.Topics() {
		if topic != schema.TopicUse && p.Book.Tells(p.Source, topic) {
			feeds = append(feeds, schema.Feed{Source: p.Source, Topic: topic})
		}
	}
	for _, f := range feeds {
		if err := heard(tx, p.Book, f); err != nil {
			return err
		}
	}
	return nil
}

// ignored records what a source said that is not applied.
func (p Provenance) ignored(tx store.Tx, reason string) error {
	_, err := tx.Record(schema.Decision{
		Actor: p.actor(), Verb: schema.Ignored, Subject: "source/" + p.Source, Reason: reason, Because: because(p), Policy: p.Book.Digest(),
	})
	return err
}

// signalled records what a source said that is.
func (p Provenance) signalled(tx store.Tx, subject, object, reason string) error {
	_, err := tx.Record(schema.Decision{
		Actor: p.actor(), Verb: schema.Signalled, Subject: subject, Object: object, Reason: reason, Because: because(p), Policy: p.Book.Digest(),
	})
	return err
}

// tellTicket keeps how a ticket stands, and wakes whoever has access by it.
func tellTicket(tx store.Tx, p Provenance, sig schema.Signal) error {
	t := *sig.Ticket
	t.System, t.Occurred, t.Received = p.Source, sig.Occurred, tx.Now()
	old, err := store.Tickets.Get(tx, store.Fold(t.ID), t.System)
	if err != nil && !schema.IsNotFound(err) || t.Occurred.Before(old.Occurred) {
		return err
	}
	if err := store.Tickets.Put(tx, t); err != nil {
		return err
	}
	changed := !sameTicket(old, t)
	concerns := func(identity string) error {
		if changed {
			if err := affects(tx, p.Book, p.Source, identity); err != nil {
				return err
			}
		}
		return wakeFor(tx, identity, changed)
	}
	if changed {
		if err := p.signalled(tx, "ticket/"+t.System+"/"+t.ID, "", "state "+orUnknown(t.State)+", was "+orUnknown(old.State)); err != nil {
			return err
		}
	}
	for g, err := range store.Grants.By(tx, store.GrantTicket, store.Fold(t.ID)) {
		if err != nil {
			return err
		}
		if system := p.Book.TicketSystem(g.Role); system != "" && system != t.System {
			continue
		}
		if err := concerns(g.Identity); err != nil {
			return err
		}
	}
	return nil
}

func sameTicket(a, b schema.Ticket) bool {
	priority := func(p *int64) int64 {
		if p == nil {
			return -1
		}
		return *p
	}
	same := priority(a.Priority) == priority(b.Priority) && (a.Priority == nil) == (b.Priority == nil) &&
		a.WindowStart.Equal(b.WindowStart) && a.WindowEnd.Equal(b.WindowEnd)
	return same && a.Kind == b.Kind && a.State == b.State && a.Assignee == b.Assignee
}

// wakeFor has an identity looked at, before the others where something changed.
func wakeFor(tx store.Tx, identity string, urgent bool) error {
	if urgent {
		return tx.WakeUrgent(LaneIdentity, identity)
	}
	return tx.Wake(LaneIdentity, identity, tx.Now())
}

// tellWorkload keeps how a workload stands, and wakes the machines that go by its
// name. A state that comes without a time at which the workload was seen saw it
// when it occurred.
func tellWorkload(tx store.Tx, p Provenance, sig schema.Signal) error {
	w := *sig.Workload
	w.Name, w.Source, w.Occurred, w.Received = store.Fold(w.Name), p.Source, sig.Occurred, tx.Now()
	if w.LastSeen.IsZero() {
		w.LastSeen = sig.Occurred
	}
	old, err := store.Workloads.Get(tx, w.Name, w.Source)
	if err != nil && !schema.IsNotFound(err) || w.Occurred.Before(old.Occurred) {
		return err
	}
	if err := store.Workloads.Put(tx, w); err != nil {
		return err
	}
	changed := old.State != w.State
	if changed {
		if err := p.signalled(tx, "workload/"+w.Name, "", "state "+orUnknown(w.State)+", was "+orUnknown(old.State)); err != nil {
			return err
		}
	}
	for b, err := range store.Bindings.All(tx, w.Name) {
		if err != nil {
			return err
		}
		if changed || w.Issuer != old.Issuer || w.Audience != old.Audience || w.Subject != old.Subject {
			if err := affects(tx, p.Book, p.Source, b.Machine); err != nil {
				return err
			}
		}
		if err := wakeFor(tx, b.Machine, changed); err != nil {
			return err
		}
	}
	return nil
}

// tellRisk opens or closes one reason to distrust whoever the subject is.
func tellRisk(tx store.Tx, p Provenance, sig schema.Signal) error {
	who, err := subjects(tx, p.Book, sig.Subject)
	if err != nil {
		return err
	}
	if len(who) == 0 {
		return p.ignored(tx, "nobody is the subject of signal "+sig.ID+" ("+sig.Risk.Kind+")")
	}
	for _, id := range who {
		if err := risk(tx, p, sig, id); err != nil {
			return err
		}
	}
	return nil
}

func risk(tx store.Tx, p Provenance, sig schema.Signal, identity string) error {
	k := *sig.Risk
	k.Identity, k.Source, k.Occurred, k.Received, k.Since, k.Closed = identity, p.Source, sig.Occurred, tx.Now(), sig.Occurred, ""
	old, err := store.Risks.Get(tx, identity, k.Source, k.Kind)
	if err != nil && !schema.IsNotFound(err) || k.Occurred.Before(old.Occurred) {
		return err
	}
	if k.Open && old.Open {
		k.Since = old.Since
	}
	if !k.Open {
		k.Closed = p.actor()
	}
	if err := store.Risks.Put(tx, k); err != nil || !k.Open && !old.Open {
		return err
	}
	says := "closed"
	if k.Open {
		says = "open"
	}
	if k.Level != "" {
		says += ", level " + k.Level
	}
	if err := p.signalled(tx, identity, "risk/"+k.Kind, says); err != nil {
		return err
	}
	if !k.Open {
		err = trusts(tx, k)
	} else if !old.Open {
		_, err = distrusts(tx, p, k)
	}
	if err != nil {
		return err
	}
	return tx.WakeUrgent(LaneIdentity, identity)
}

// CloseRisk closes every risk that is open of an identity, which a person decided.
// It returns how many there were. A source that tells of one again opens it again.
func CloseRisk(tx store.Tx, book *policy.Book, identity, by, reason string) (closed int, err error) {
	if by == "" || reason == "" {
		return 0, fmt.Errorf("risk of %s: say who decided and why: %w", identity, schema.ErrInvalid)
	}
	if _, err := store.Identities.Get(tx, identity); err != nil {
		return 0, err
	}
	var open []schema.Risk
	for k, err := range store.Risks.All(tx, identity) {
		if err != nil {
			return 0, err
		}
		if k.Open {
			open = append(open, k)
		}
	}
	detail, err := json.Marshal(map[string]string{"reason": reason})
	if err != nil {
		return 0, err
	}
	for _, k := range open {
		k.Open, k.Closed = false, by
		if k.Occurred.Before(tx.Now()) {
			k.Occurred = tx.Now() // what was said before the decision does not undo it
		}
		if err := store.Risks.Put(tx, k); err != nil {
			return 0, err
		}
		_, err = tx.Record(schema.Decision{
			Actor: by, Verb: schema.Signalled, Subject: identity, Object: "risk/" + k.Kind, Reason: "closed by a person",
			Policy: book.Digest(), Detail: detail,
		})
		if err != nil {
			return 0, err
		}
	}
	return len(open), tx.Wake(LaneIdentity, identity, tx.Now())
}
