package erasure

import (
	"slices"

	"drawbridge/schema"
	"drawbridge/store"
)

// wordsForgotten stands where somebody's words stood.
const wordsForgotten = "(forgotten)"

// forgetWords takes people's own words out of the records of what an identity asked for,
// was given and lost: why, and what approvers said. Who decided what, and when, stays. A
// bypass that is not settled keeps them until it is: those who review it need them.
func forgetWords(tx store.Tx, identity string) error {
	for _, forget := range []func(store.Tx, string) error{forgetGrants, forgetRequests, forgetExceptions, forgetBypasses, forgetTombstones, forgetItems} {
		if err := forget(tx, identity); err != nil {
			return err
		}
	}
	return nil
}

// unsay takes out what somebody said; nothing stays nothing.
func unsay(said *string) {
	if *said != "" {
		*said = wordsForgotten
	}
}

func wordsOf(approvals []schema.Approval) []schema.Approval {
	approvals = slices.Clone(approvals)
	for i := range approvals {
		unsay(&approvals[i].Reason)
	}
	return approvals
}

func forgetGrants(tx store.Tx, identity string) error {
	for g, err := range store.Grants.All(tx, identity) {
		if err != nil {
			return err
		}
		unsay(&g.Reason)
		g.Approvals = wordsOf(g.Approvals)
		if err := store.Grants.Put(tx, g); err != nil {
			return err
		}
	}
	return nil
}

func forgetRequests(tx store.Tx, identity string) error {
	for q, err := range store.Requests.By(tx, store.RequestIdentity, identity) {
		if err != nil {
			return err
		}
		unsay(&q.Reason)
		q.Approvals = wordsOf(q.Approvals)
		if err := store.Requests.Put(tx, q); err != nil {
			return err
		}
	}
	return nil
}

func forgetExceptions(tx store.Tx, identity string) error {
	for e, err := range store.Exceptions.By(tx, store.ExceptionIdentity, identity) {
		if err != nil {
			return err
		}
		unsay(&e.Reason)
		unsay(&e.Approval.Reason)
		if err := store.Exceptions.Put(tx, e); err != nil {
			return err
		}
	}
	return nil
}

func forgetBypasses(tx store.Tx, identity string) error {
	for b, err := range store.Bypasses.By(tx, store.BypassIdentity, identity) {
		if err != nil {
			return err
		}
		if !b.Settled() {
			continue
		}
		unsay(&b.Reason)
		unsay(&b.Unverified)
		b.Reviews, b.Evidence = wordsOf(b.Reviews), slices.Clone(b.Evidence)
		for i := range b.Evidence {
			unsay(&b.Evidence[i].Text)
		}
		if err := store.Bypasses.Put(tx, b); err != nil {
			return err
		}
	}
	return nil
}

func forgetTombstones(tx store.Tx, identity string) error {
	for t, err := range store.Tombstones.All(tx, identity) {
		if err != nil {
			return err
		}
		unsay(&t.Reason)
		if err := store.Tombstones.Put(tx, t); err != nil {
			return err
		}
	}
	return nil
}

// forgetItems takes out what reviewers said of what an identity held, where they decided.
func forgetItems(tx store.Tx, identity string) error {
	for i, err := range store.ReviewItems.By(tx, store.ItemIdentity, identity) {
		if err != nil {
			return err
		}
		unsay(&i.Reason)
		i.Department = ""
		if err := store.ReviewItems.Put(tx, i); err != nil {
			return err
		}
	}
	return nil
}
