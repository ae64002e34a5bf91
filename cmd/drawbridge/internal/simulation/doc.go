// Package simulation tries the bridge against bad days that nobody wrote down.
//
// From a seed it makes up a history of some hours: people are hired, moved, renamed,
// suspended, deleted and told of again, join groups and leave them, are granted roles
// and have them revoked, ask for one and are answered in time or too late, policies
// come into force, somebody halts everything, edits accounts at a target by hand, and
// the bridge dies between any two commits and is started again. Meanwhile its targets
// fail, each in its own way: calls time out before they did anything and after, answers
// are cut off, throttled, refused or garbage, tokens end, pages repeat, skip or end
// early, searches are behind, names are not unique, a batch is done by half, every clock
// is another. Two targets are of one vendor, and have one limit between them. What the
// bridge stands on is a file or memory, has one writer or several, and may run
// transactions again.
//
// All of it happens in a bubble of testing/synctest, so that hours take
// milliseconds. Whatever the bridge does at a target is judged when it does it:
//
//   - nobody's accounts, and protected ones, are never touched, and of an adopted one
//     nothing is taken that nobody gave;
//   - nothing is given that nobody decided, nor again after its removal was answered
//     with success, unless it was decided anew;
//   - an account is never taken from somebody who is there;
//   - nobody is made twice, unless two searches did not show the first;
//   - nobody holds by request what they may not, or what was agreed to too late;
//   - the targets that share a limit are not called more often than it says.
//
// In the end the faults cease, and after some sweeps each target must have what an
// oracle says: a model of the policy that is a page long and has nothing in common
// with package policy. What was made for somebody is theirs then, also where several have
// one name; only of two, of which two searches did not show the first, one may be an orphan,
// and only if the bridge reports it with the id that it has. Nor does anybody go without an
// account, for a name that somebody else has, unless the bridge gave them up for that.
// Where sessions end by a call of their own, nobody who is disabled is signed in still.
// The decision log must be whole, and explain every write.
//
// There is nothing in it but tests:
//
//	make simulate SEEDS=5000 FIRST=1      that many seeds, from a first one
//	make simulate SEED=4711               one again, with its history
//
// The history of a seed is always the same, and so are the faults that each call
// meets. In which order goroutines run within one instant is Go's to choose, so that
// a failure may take more than one run to be seen again.
package simulation
