package access

import (
	"context"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

const (
	renewEvery  = 24 * time.Hour       // how often a finding about a credential that stays is renewed
	forgetUse   = 400 * 24 * time.Hour // after which it is forgotten that a credential was used
	forgetEnded = 30 * 24 * time.Hour  // and of a certificate that ended, or a token that is no more
)

// ReviewCredentials makes the findings about credentials what they should be, and
// returns how all of them stand, and which of them nobody was told of before.
// Where nothing changed, nothing is written.
func ReviewCredentials(ctx context.Context, s *store.Store, book *policy.Book, warnBefore time.Duration, further ...Credential) (all, news []Credential, err error) {
	var work reviewWork
	err = s.View(ctx, func(r store.Reader) (err error) {
		if all, err = Credentials(r, book, warnBefore, further...); err != nil {
			return err
		}
		work, err = reviewOf(r, all)
		return err
	})
	if err != nil || work.nothing() {
		return all, nil, err
	}
	return all, work.news, s.Update(store.Background(ctx), func(tx store.Tx) error { return work.do(tx, book) })
}

// reviewWork is what is to be changed.
type reviewWork struct {
	raise, resolve []schema.Finding
	forget         []string // ids of uses
	news           []Credential
}

func (w reviewWork) nothing() bool { return len(w.raise)+len(w.resolve)+len(w.forget) == 0 }

func reviewOf(r store.Reader, all []Credential) (w reviewWork, err error) {
	open := map[string]schema.Finding{} // by object
	for f, err := range store.Findings.All(r, findingCredential) {
		if err != nil {
			return w, err
		}
		open[f.Object] = f
	}
	for _, c := range all {
		if c.forgettable(r.Now()) {
			w.forget = append(w.forget, c.ID)
		}
		f, known := open[c.ID]
		if c.Problem == "" {
			continue
		}
		delete(open, c.ID)
		if known && f.Reason == c.Problem+": "+c.Reason && r.Now().Sub(f.Last) < renewEvery {
			continue
		}
		w.raise = append(w.raise, schema.Finding{Kind: findingCredential, Subject: c.Holder, Object: c.ID, Reason: c.Problem + ": " + c.Reason})
		if !known || c.Kind == ShownCredential && f.Reason != c.Problem+": "+c.Reason { // it came closer, or is over
			w.news = append(w.news, c)
		}
	}
	for _, f := range open {
		w.resolve = append(w.resolve, f)
	}
	return w, nil
}

// forgettable reports whether what is remembered of a credential says nothing any
// more.
func (c Credential) forgettable(now time.Time) bool {
	switch c.Kind {
	case ClientCertificate:
		return now.Sub(c.Expires) > forgetEnded
	case SignedToken:
		return now.Sub(c.Used) > forgetUse
	default:
		return false // it goes with the token, or with the configuration
	}
}

func (w reviewWork) do(tx store.Tx, book *policy.Book) error {
	for _, id := range w.forget {
		if err := store.CredentialUses.Delete(tx, id); err != nil {
			return err
		}
	}
	for _, f := range w.resolve {
		if err := resolve(tx, f); err != nil {
			return err
		}
	}
	for _, f := range w.raise {
		if err := Report(tx, book, "bridge", f); err != nil {
			return err
		}
	}
	return nil
}
