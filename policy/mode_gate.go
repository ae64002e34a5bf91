package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"drawbridge/schema"
)

// GateModes is the gate before a mode that is raised, as a PolicySet demands it of
// publications (publication.require) and exceptions waive it (waives.gate).
const GateModes = "modes"

// standardObservation is for how long a role is observed before its mode is raised, where
// nothing is said.
const standardObservation = 14 * 24 * time.Hour

// GatesModes reports whether a policy set demands that raising a mode passes the gate.
func (p Publication) GatesModes() bool { return p.Requires(GateModes) }

// ungated warns of a policy under which something is written, and more of it may be at a
// word: neither is raising a mode gated, nor did anybody write why not.
func (c *compiler) ungated() {
	set := c.set.Policy
	if set == nil || c.bad[set.Ref()] || set.Spec.Publication.GatesModes() || set.Spec.Publication.Ungated != "" {
		return
	}
	for _, r := range c.compiled {
		for _, h := range r.holdings {
			if h.mode == schema.Enforce && !c.bad[r.Ref()] {
				c.report(&set.Header, CodeUngated, in("spec", "publication"), "role %q is enforced at %s, and the next one may be at a word", r.Metadata.Name, h.Connector).
					hint("write modes in publication.require, or publication.ungatedBecause: why not")
				return
			}
		}
	}
}

// Observation returns for how long a role is observed, as it is, before its mode is
// raised.
func (p Publication) Observation() time.Duration {
	if p.ObserveFor == nil {
		return standardObservation
	}
	return time.Duration(*p.ObserveFor)
}

// Reach returns the effective modes of a role in force, by the connectors where it gives
// something.
func (b *Book) Reach(role string) map[string]schema.Mode {
	r, ok := b.byName[role]
	if !ok {
		return nil
	}
	reach := map[string]schema.Mode{}
	for _, h := range r.Spec.Grants {
		reach[h.Connector] = b.Mode(role, h.Connector)
	}
	return reach
}

// Substance names what a role in force does: who qualifies, what they hold, what ends it.
// Its mode, its title and who answers for it do not count.
func (b *Book) Substance(role string) string {
	r, ok := b.byName[role]
	if !ok {
		return ""
	}
	spec := r.Spec
	spec.Mode = ""
	text, err := json.Marshal(spec)
	if err != nil {
		return "" // it is plain
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
