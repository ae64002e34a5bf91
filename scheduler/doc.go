// Package scheduler runs what is due.
//
// All work is an item in a lane, due at a time: a woken identity, an account
// that differs, a grant that ends on Friday, a sweep's next run. A Loop serves
// one lane:
//
//	wait ─► lease ─► handle ─► finish and done, in one transaction ─┐
//	  ▲                 │                                           │
//	  │                 └─ error ─► retry later, with backoff ──────┤
//	  └─────────────────────────────────────────────────────────────┘
//
// It waits for the lane's next due time or for a hint that something became due
// sooner, so that an idle bridge neither polls nor writes. If a worker dies its
// lease runs out and the item comes back; handlers look at how things are, not
// at what happened, so coming back is harmless.
package scheduler
