package bridge

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"os"
	"time"

	"drawbridge/access"
	"drawbridge/access/tokens"
	"drawbridge/configs"
	"drawbridge/policy"
	"drawbridge/store"
)

const (
	keepUses    = time.Minute      // how often it is written down which credentials were shown
	reviewEvery = 10 * time.Minute // how often it is looked at how they stand
)

// watchCredentials keeps what is known of credentials, and tells of those that end
// soon or are old: in the log once, as findings, and in metrics.
func (b *Bridge) watchCredentials(ctx context.Context) error {
	tick := time.NewTicker(keepUses)
	defer tick.Stop()
	_, _ = b.review(ctx) // it logs what is wrong
	reviewed := time.Now()
	for ended := false; !ended; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			ended = true
		}
		if err := b.uses.Keep(context.WithoutCancel(ctx), b.store); err != nil {
			b.Log.ErrorContext(ctx, "when credentials were used could not be written down", "error", err)
		}
		if err := b.hearing.Keep(context.WithoutCancel(ctx), b.store); err != nil {
			b.Log.ErrorContext(ctx, "when sources were heard could not be written down", "error", err)
		}
		if !ended && time.Since(reviewed) >= reviewEvery {
			_, _ = b.review(ctx)
			reviewed = time.Now()
		}
	}
	return nil
}

// lookAtCredentials says how credentials stand, for the sweep of them; a dry run writes
// nothing, also not which of them were shown a moment ago.
func (b *Bridge) lookAtCredentials(ctx context.Context, dry bool) (all []access.Credential, err error) {
	if !dry {
		return b.review(ctx)
	}
	err = b.store.View(ctx, func(r store.Reader) (err error) {
		all, err = access.Credentials(r, b.rules.Book(), b.cfg.Credentials.WarnBefore, b.further()...)
		return err
	})
	return all, err
}

func (b *Bridge) review(ctx context.Context) ([]access.Credential, error) {
	all, news, err := access.ReviewCredentials(ctx, b.store, b.rules.Book(), b.cfg.Credentials.WarnBefore, b.further()...)
	if err != nil {
		if ctx.Err() == nil {
			b.Log.ErrorContext(ctx, "how credentials stand could not be looked at", "error", err)
		}
		return nil, err
	}
	b.metrics.Credentials(all)
	for _, c := range news {
		b.Log.WarnContext(ctx, "a credential wants attention", "credential", c.ID, "holder", c.Holder, "owner", c.Owner, "problem", c.Problem, "reason", c.Reason)
	}
	return all, nil
}

// standing says how credentials stand now, those included that were shown since it
// was last written down.
func (b *Bridge) standing(ctx context.Context) ([]access.Credential, error) {
	if err := b.uses.Keep(ctx, b.store); err != nil {
		return nil, err
	}
	return b.lookAtCredentials(ctx, true)
}

// further are the credentials that the bridge shows itself.
func (b *Bridge) further() []access.Credential {
	return append(b.ownCertificates(), Shown(b.cfg, b.rules.Book())...)
}

// Shown are the credentials by which the bridge is known to its targets: whose each is,
// and when it ends, where that is declared, or the credential says it. Of one whose
// profile says how long such a one lives it is reckoned from when it was first used.
func Shown(cfg *configs.Config, book *policy.Book) (all []access.Credential) {
	for _, c := range cfg.Connectors {
		if c.Auth.Secret == "" {
			continue
		}
		holder := "connector/" + c.Name
		shown := access.Credential{
			ID: tokens.ConfiguredID(holder), Kind: access.ShownCredential, Holder: holder,
			Owner: c.Auth.Owner, Expires: c.Auth.End(), Life: c.Profile.Token.Life, Tied: c.Profile.Token.Owner,
		}
		if document, ok := book.Connector(c.Name); ok && shown.Owner == "" {
			shown.Owner = document.Metadata.Owner.User
		}
		all = append(all, shown)
	}
	return all
}

// ownCertificates are the one that the bridge shows, and those of the authorities
// whose client certificates it believes.
func (b *Bridge) ownCertificates() []access.Credential {
	s := b.tls.Load()
	if s == nil {
		return nil
	}
	own := func(name string, c *x509.Certificate) access.Credential {
		return access.Credential{ID: "listener/" + name, Kind: access.OwnCertificate, Holder: "bridge/" + name, Since: c.NotBefore, Expires: c.NotAfter}
	}
	all := []access.Credential{own("certificate", s.Certificate.Leaf)}
	for _, ca := range s.ClientCAs {
		sum := sha256.Sum256(ca.Raw)
		all = append(all, own("clientCA-"+hex.EncodeToString(sum[:8]), ca))
	}
	return all
}

// noteSecrets takes note of which secrets are configured, so that their age is
// known as far as it can be.
func (b *Bridge) noteSecrets(ctx context.Context, cfg *configs.Config) error {
	var all []tokens.Configured
	for _, t := range cfg.Admin.Tokens {
		all = append(all, tokens.Configured{Holder: "token/" + t.Name, Secret: t.Secret.Reveal(), Since: written(t.From)})
	}
	for _, s := range cfg.Sources {
		if s.Token != "" {
			all = append(all, tokens.Configured{Holder: "source/" + s.Name, Secret: s.Token.Reveal(), Since: written(s.From)})
		}
	}
	for _, c := range cfg.Connectors {
		if c.Auth.Secret != "" {
			all = append(all, tokens.Configured{Holder: "connector/" + c.Name, Secret: c.Auth.Secret.Reveal()})
		}
	}
	return tokens.NoteConfigured(ctx, b.store, b.tokenKey, all)
}

// written returns when a secret's file was written; zero of one that is in none.
func written(from configs.Reference) time.Time {
	path, ok := from.File()
	if !ok {
		return time.Time{}
	}
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime().UTC()
}
