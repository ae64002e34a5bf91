package access

import (
	"slices"
	"strings"

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
	if err != nil && !notFound(err) {
		return "", err
	}
	known := err == nil
	if known && slices.Contains(loss.What, riskPrefix+k.Kind) {
		return loss.Reason, nil
	}
	if !known {
		if why, err = brake(tx, p.Book, k.Source, distrust); err != nil || why == "" {
			return "", err
		}
		return why, withholdLoss(tx, p.Book, store.Loss{Identity: k.Identity, Source: k.Source, What: []string{riskPrefix + k.Kind}, Since: tx.Now(), Reason: why})
	}
	loss.What = schema.Sorted(append(loss.What, riskPrefix+k.Kind)...)
	if loss.Round, err = holdLoss(tx, loss, false); err != nil {
		return "", err
	}
	return loss.Reason, store.WithheldLosses.Put(tx, loss)
}

// trusts lets go of a risk that was not acted on and is over.
func trusts(tx store.Tx, k schema.Risk) error {
	loss, err := store.WithheldLosses.Get(tx, k.Identity, k.Source)
	if notFound(err) || err == nil && !slices.Contains(loss.What, riskPrefix+k.Kind) {
		return nil
	}
	if err != nil {
		return err
	}
	loss.What = slices.DeleteFunc(loss.What, func(what string) bool { return what == riskPrefix+k.Kind })
	if len(loss.What) == 0 {
		return freeLoss(tx, loss, "its source took it back")
	}
	return store.WithheldLosses.Put(tx, loss)
}

const riskPrefix = "risk/"

// riskOf reports whether a loss is of a signal that is not acted on, and of which.
func riskOf(loss store.Loss) (kind string, signals bool) {
	if len(loss.What) == 0 {
		return "", false
	}
	return strings.CutPrefix(loss.What[0], riskPrefix)
}

// distrust is what the brake on a source of signals counts.
var distrust = braking{"distrusted/", "distrusted more than %s identities in %s", func(r store.Reader, _ string, most int) (int, error) {
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
		for _, what := range loss.What {
			if kind, ok := strings.CutPrefix(what, riskPrefix); ok {
				held[[2]string{loss.Source, kind}] = true
			}
		}
	}
	return held, nil
}
