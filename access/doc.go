// Package access holds every way in which someone's access changes: one verb,
// one function, one transaction, which changes the record, wakes the work and
// records why.
//
// The life of a change:
//
//	a source speaks       Admit · Remove · AdmitGroup · RemoveGroup · ─┐
//	                      JoinAll · LeaveAll · Tell                    │
//	a person decides      Request · Approve · Revoke · BreakGlass ·    │ wake the identity,
//	                      Except · Judge · Choose · Assign             │ before everyone else
//	time passes           ExpireAll · Attend · Watch · Freshen         │ where access ends
//	a policy takes over   TakeUp · PublishPlanned · PublishNow ·       │
//	                      Rollout · Regroup · Govern                  ─┘
//	                                    │
//	Reconcile   facts ─► policy.Evaluate ─► assignments ±, with a decision for each line,
//	                                    │   and the account woken at each connector touched
//	                                    ▼
//	WorkFor     desired minus observed: the scheduler carries it out, and comes back with
//	Observe     what is there now and what came of it, or
//	Ask         to have people do it who tend the system
//
//	what may hold it      Release, after a brake on mass change · Halt · Resume ·
//	                      SetRamp · Climb · the mode of what it is about
//	what nobody said      Drift · Inspections · RecordRun, as sweeps find it
//	what is only looked   Explain · ExplainAt · SavePlan · Ready
//
// The background half of a verb is the function of a lane (lanes.go): it looks, and
// returns a Finish, which ends its lease in the transaction that writes what came of it.
//
// Above this package nothing but how far a sweep has come is written to the store.
// Functions take the transaction they work in, may be run more than once, and use
// nothing but it.
//
// The credentials that the bridge issues are below it, in access/tokens; what finds,
// shows, measures and forgets what was written here is above it, in access/search,
// access/nhi, access/exposure, access/erasure and access/pruning; and access/unmapped
// counts what of sources nothing here looks at.
package access
