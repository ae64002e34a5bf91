package policy

import (
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// A LastUse is what is known of the use of one entitlement of somebody.
type LastUse struct {
	Last time.Time // zero: never, as far as anybody told
	By   string    // who told of it, as schema.Use has it
	Seen bool      // use would have been seen: only then does it mean something that there was none

	later  time.Duration // how much later than Last it may have been used, and be told already
	behind time.Duration // for how long until now nobody can have told yet
}

// TargetUseStep is how much later a use that a target tells of must be to be kept at once.
// A lesser step is kept when it is as old itself: the last one there was is never lost.
const TargetUseStep = 24 * time.Hour

// unlisted is in what steps the time since a listing counts, rounded up: what is to be
// looked at again because of it is, at most that often.
const unlisted = time.Hour

// Reckoned returns as of when it counts as used last, where what is held began at a time:
// the latest that is possible by what was told, and what nobody can have told of yet.
func (u LastUse) Reckoned(began, now time.Time) time.Time {
	at := later(began, u.Last.Add(u.later)).Add(u.behind)
	if at.After(now) {
		return now
	}
	return at
}

// LastUse returns when an entitlement was used last; of none, the account itself.
//
// A sign-in is use of the account, and so of everything that it holds, except of what
// is told of by itself: where the source that told of that very entitlement still tells
// of use there, only that counts. Targets tell of accounts alone, and of no use since
// they were listed. Where one says something of an account that cannot be right, its use
// would not have been seen.
func (b *Book) LastUse(uses []schema.Use, feeds []schema.Feed, connector, entitlement string, now time.Time) LastUse {
	var account, own schema.Use
	for _, u := range uses {
		switch {
		case u.Connector != connector:
		case u.Entitlement == "":
			account = u
		case u.Entitlement == entitlement:
			own = u
		}
	}
	t := b.toldOf(connector, feeds, now)
	counts, used := account, LastUse{Seen: len(t.sources) > 0}
	if !used.Seen && !t.listed.IsZero() && !account.Unclear {
		used.Seen, used.behind = true, (max(now.Sub(t.listed), 0) + unlisted - 1).Truncate(unlisted)
	}
	if !own.LastUsed.IsZero() && (slices.Contains(t.sources, own.By) || own.LastUsed.After(account.LastUsed)) {
		counts = own
	}
	if strings.HasPrefix(counts.By, schema.OfTarget) && t.listed.Sub(counts.LastUsed) < 2*TargetUseStep {
		used.later = TargetUseStep
	}
	used.Last, used.By = counts.LastUsed, counts.By
	return used
}

// Sees reports whether somebody tells of the use of a connector's accounts, and did so
// lately: only then does it mean something that one was not used.
func (b *Book) Sees(connector string, feeds []schema.Feed, now time.Time) bool {
	t := b.toldOf(connector, feeds, now)
	return len(t.sources) > 0 || !t.listed.IsZero()
}

// tellers are who tells of use at a connector, and did so lately.
type tellers struct {
	sources []string  // as schema.Use has them
	listed  time.Time // when the target told last; zero: it does not
}

// toldOf returns who tells of use at a connector.
func (b *Book) toldOf(connector string, feeds []schema.Feed, now time.Time) (t tellers) {
	for _, f := range feeds {
		if f.Topic != schema.TopicUse || f.Connector != connector || !b.freshUse(f, now) {
			continue
		}
		if f.Source == schema.OfTarget {
			t.listed = f.Heard
		} else {
			t.sources = append(t.sources, "source/"+f.Source)
		}
	}
	return t
}

// freshUse reports whether who tells of use was heard lately.
func (b *Book) freshUse(f schema.Feed, now time.Time) bool {
	return b.Tells(f.Source, schema.TopicUse) && now.Before(f.Heard.Add(b.StaleAfter(f.Source)))
}
