package policy

import (
	"fmt"
	"slices"
	"time"

	"cel.dev/cel-go/common/types"

	"drawbridge/schema"
)

// What a source pushed stands for as long as the source is there: whoever has nothing
// new to say of somebody says nothing of them. So what it said ages by when it was last
// heard at all. Beyond an attribute's maxAge, or while its source is stale and holds
// (freshness.staleAfter, onStale: hold), nothing may be concluded from it, be it there
// or not. What is known of employment is the exception: an end that was told of stands.

// A staleness is the error of reading what nobody may rely on any more.
type staleness struct {
	attribute, source string
	age, counts       time.Duration
	alone             bool // nobody answers for the source
}

func (s *staleness) Error() string {
	if s.alone {
		return fmt.Sprintf("%s is from %s, which nobody answers for", s.attribute, s.source)
	}
	return fmt.Sprintf("%s is from %s, which was last heard %s ago; it counts for %s",
		s.attribute, s.source, Duration(s.age.Truncate(time.Minute)), Duration(s.counts))
}

// holdsStale returns for how long a source may be silent before nothing is concluded
// from what it said; zero if its document does not say.
func (s *Source) holdsStale() time.Duration {
	if s.Spec.Freshness.OnStale != "hold" {
		return 0
	}
	return time.Duration(s.Spec.Freshness.StaleAfter)
}

// Silences returns after how long a silence of a source that tells of identities
// something is concluded otherwise, or people are to hear of it; none where nothing
// depends on it.
func (b *Book) Silences(source string) []time.Duration { return b.views[source].silences }

func (b *Book) silencesOf(source string) (after []time.Duration) {
	s, ok := b.sources[source]
	if !ok || s.Spec.Protocol == ProtocolSignals {
		return nil
	}
	if at := time.Duration(s.Spec.Freshness.StaleAfter); at > 0 {
		after = append(after, at)
	}
	for name, a := range b.declared() {
		if a.MaxAge > 0 && b.Authority(source, name) {
			after = append(after, time.Duration(a.MaxAge))
		}
	}
	slices.Sort(after)
	return slices.Compact(after)
}

// expire takes out of what rules read what nobody may rely on any more: what a stale
// source said, and one that nobody answers for.
func (e *evaluation) expire() {
	if len(e.book.quarantined) == 0 && !slices.ContainsFunc(e.facts.Feeds, func(f schema.Feed) bool { return f.Topic == schema.TopicRecords }) {
		return
	}
	var origins map[string]Origin
	for _, rec := range e.book.counting(e.facts) {
		v, s := e.book.views[rec.Source], e.book.sources[rec.Source]
		if s == nil {
			continue
		}
		heard, alone := e.awaited(rec.Source), e.book.Unanswered(s.Ref()) != ""
		if heard.IsZero() && !alone {
			continue // it was never waited for
		}
		held, age := s.holdsStale(), e.now.Sub(heard)
		expire := func(slot int, name string) {
			counts := time.Duration(e.book.declared()[name].MaxAge)
			if held > 0 && (counts == 0 || held < counts) {
				counts = held
			}
			if !alone && (counts == 0 || age < counts) {
				return
			}
			if origins == nil {
				origins = e.book.Origins(e.facts)
			}
			path := "identity." + name
			if e.in.identity.slots[slot] == nil || slices.Contains(origins[path].Sources, rec.Source) {
				e.in.identity.slots[slot] = stale(&staleness{path, rec.Source, age, counts, alone})
			}
		}
		for _, f := range v.identity {
			expire(f.slot, f.name)
		}
		if v.groups >= 0 {
			expire(v.groups, "groups")
		}
	}
}

// awaited returns since when nothing was heard of a source; zero where that is not
// known.
func (e *evaluation) awaited(source string) time.Time {
	for _, f := range e.facts.Feeds {
		if f.Source == source && f.Topic == schema.TopicRecords {
			return later(f.Heard, f.Since)
		}
	}
	return time.Time{}
}

func stale(s *staleness) *types.Err {
	err, _ := types.WrapErr(s).(*types.Err)
	return err
}
