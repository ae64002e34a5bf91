// Package access holds every way in which someone's access changes: one verb,
// one function, one transaction, which changes the record, wakes the work and
// records why.
//
// The life of a change:
//
//	a source speaks        Admit · Remove · Join · Leave ─┐
//	a person decides       Grant · Revoke ────────────────┤ wake the identity
//	time passes            Expire · Next of the last look ┤
//	policy is published    Publish ───────────────────────┘
//	                                                      │
//	Reconcile   facts ─► policy.Evaluate ─► assignments ± │ with a decision for each line
//	                                                      ▼
//	                                   wake the account at each connector touched,
//	                                   urgently where access ends
//	                                                      │
//	Desired minus observed is the work; the scheduler does it and comes back with
//	Observe, which stores what is there now and records the outcome.
//
// Nothing else changes the store. Functions take the transaction they work in,
// may be run more than once, and use nothing but it.
package access
