package access

import (
	"slices"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A source of signals can have everybody suspended by distrusting them. Those beyond
// its limit are not distrusted until two people say so, or the source takes it back:
// such a risk is stored, and not acted on. It is held with what sources take
// otherwise.

// distrusts counts one more whom a source of signals distrusts, and says why that is
// not acted on, if that is beyond its limit.
func distrusts(tx store.Tx, p Provenance, k schema.Risk) (why string, err error) {
	loss, err := store.WithheldLosses.Get(tx, k.Identity, k.Source)
	if err != nil && !schema.IsNotFound(err) {
		return "", err
	}
	known := err == nil && !loss.Released
	if known && slices.Contains(loss.Risks, k.Kind) {
		return loss.Reason, nil
	}
	if !known {
		if why, err = brake(tx, p.Book, k.Source, distrust); err != nil || why == "" {
			return "", err
		}
		return why, withholdLoss(tx, p.Book, store.Loss{Identity: k.Identity, Source: k.Source, Risks: []string{k.Kind}, Since: tx.Now(), Reason: why})
	}
	loss.Risks = schema.Sorted(append(loss.Risks, k.Kind)...)
	if loss.Round, err = holdLoss(tx, loss, false); err != nil {
		return "", err
	}
	return loss.Reason, store.WithheldLosses.Put(tx, loss)
}

// trusts lets go of a risk that was not acted on and is over.
func trusts(tx store.Tx, k schema.Risk) error {
	loss, err := store.WithheldLosses.Get(tx, k.Identity, k.Source)
	if schema.IsNotFound(err) || err == nil && !slices.Contains(loss.Risks, k.Kind) {
		return nil
	}
	if err != nil {
		return err
	}
	loss.Risks = slices.DeleteFunc(loss.Risks, func(kind string) bool { return kind == k.Kind })
	if len(loss.Risks) == 0 && len(loss.What) == 0 {
		return freeLoss(tx, loss, "its source took it back")
	}
	return store.WithheldLosses.Put(tx, loss)
}

// distrust is what the brake on a source of signals counts.
var distrust = braking{"distrusted/", "distrusted more than %s identities in %s", func(r store.Reader, _ *policy.Book, _ string, most int) (int, error) {
	n, err := store.Identities.Count(r)
	return int(min(n, int64(most))), err
}}

// unbelieved returns the risks of an identity that the brakes on their sources hold.
func unbelieved(r store.Reader, identity string) (held map[[2]string]bool, err error) {
	if n, err := store.WithheldLosses.Count(r); err != nil || n == 0 {
		return nil, err
	}
	held = map[[2]string]bool{}
	for loss, err := range store.WithheldLosses.All(r, identity) {
		if err != nil {
			return nil, err
		}
		for _, kind := range loss.Risks {
			held[[2]string{loss.Source, kind}] = true
		}
	}
	return held, nil
}
