package policy

import (
	"time"

	"drawbridge/schema"
)

// A LastUse is what is known of the use of one entitlement of somebody.
type LastUse struct {
	Last time.Time // zero: never, as far as anybody told
	By   string    // who told of it, as schema.Use has it
	Seen bool      // use would have been seen: only then does it mean something that there was none
}

// LastUse returns when an entitlement was used last; of none, the account itself.
//
// A sign-in is use of the account, and so of everything that it holds, except of what
// is told of by itself: where a source still tells of use there, and told of that very
// entitlement, only that counts. Targets tell of accounts alone. Where one says
// something of an account that cannot be right, its use would not have been seen.
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
	bySource, byTarget := b.toldOf(connector, feeds, now)
	counts, seen := account, bySource || byTarget && !account.Unclear
	if !own.LastUsed.IsZero() && (bySource || own.LastUsed.After(account.LastUsed)) {
		counts = own
	}
	return LastUse{Last: counts.LastUsed, By: counts.By, Seen: seen}
}

// Sees reports whether somebody tells of the use of a connector's accounts, and did so
// lately: only then does it mean something that one was not used.
func (b *Book) Sees(connector string, feeds []schema.Feed, now time.Time) bool {
	bySource, byTarget := b.toldOf(connector, feeds, now)
	return bySource || byTarget
}

// toldOf reports whether use at a connector is told of, by a source and by the target.
func (b *Book) toldOf(connector string, feeds []schema.Feed, now time.Time) (bySource, byTarget bool) {
	for _, f := range feeds {
		if f.Topic != schema.TopicUse || f.Connector != connector || !b.freshUse(f, now) {
			continue
		}
		if f.Source == schema.OfTarget {
			byTarget = true
		} else {
			bySource = true
		}
	}
	return bySource, byTarget
}

// freshUse reports whether who tells of use was heard lately.
func (b *Book) freshUse(f schema.Feed, now time.Time) bool {
	return b.Tells(f.Source, schema.TopicUse) && now.Before(f.Heard.Add(b.StaleAfter(f.Source)))
}
