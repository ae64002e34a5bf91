package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"drawbridge/schema"
)

// GateModes is the gate before a mode that is raised. Every publication passes it; exceptions
// waive it (waives.gate), and a PolicySet may say that it is there (publication.require).
const GateModes = "modes"

// standardObservation is for how long a role is observed before its mode is raised, where
// nothing is said.
const standardObservation = 14 * 24 * time.Hour

// Ungates reports whether an exception lets a role's mode be raised past the gate: one of
// that role, or of the policy set, which lets all of them pass.
func (w Waiver) Ungates(role string) bool {
	return w.Gate == GateModes && (w.Role == role || w.Role == "" && w.Document != "")
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
