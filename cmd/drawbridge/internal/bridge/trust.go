package bridge

import (
	"context"
	"errors"
	"slices"
	"time"

	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/server"
	"drawbridge/server/issuer"
)

// credentials are those that the configuration names.
func credentials(cfg *configs.Config) []server.Credential {
	var all []server.Credential
	for _, t := range cfg.Admin.Tokens {
		all = append(all, server.Credential{Name: t.Name, Role: t.Role, Secret: t.Secret})
	}
	for _, c := range cfg.Admin.Certificates {
		all = append(all, server.Credential{Name: c.Name, Role: c.Role, Certificate: server.ClientCertificate(c.Certificate)})
	}
	for _, s := range cfg.Sources {
		if s.Token != "" || s.Certificate.Says() {
			all = append(all, server.Credential{Name: s.Name, Source: s.Name, Secret: s.Token, Certificate: server.ClientCertificate(s.Certificate)})
		}
	}
	return all
}

// issuers are those whose signed tokens the configuration trusts.
func issuers(cfg *configs.Config) []issuer.Config {
	var all []issuer.Config
	for _, i := range cfg.Issuers {
		c := issuer.Config{
			Name: i.Name, Issuer: i.Issuer, Audience: i.Audience, JWKS: i.JWKSURL, Algorithms: i.Algorithms,
			Leeway: i.Leeway, Refresh: i.Refresh, Stale: i.Stale, MaxLife: i.MaxLife, Caller: i.Caller, Events: i.Events,
		}
		for _, s := range i.Sources {
			c.Sources = append(c.Sources, issuer.Source(s))
		}
		for _, r := range i.Roles {
			c.Roles = append(c.Roles, issuer.Role(r))
		}
		all = append(all, c)
	}
	return all
}

// keepKeys keeps the keys of issuers fresh.
func (b *Bridge) keepKeys(ctx context.Context) error {
	b.issuers.Run(ctx)
	<-ctx.Done()
	return nil
}

// rereadEvery is how often files of certificates and secrets are looked at. They
// are few and small, so they are read, which finds what a time of change on a
// mounted volume hides.
const rereadEvery = 10 * time.Second

// reread takes up files that changed, until ctx is done. One that cannot be used,
// such as a certificate whose new key is not there yet, is told of once and leaves
// what is in force as it is.
func (b *Bridge) reread(ctx context.Context) error {
	tick := time.NewTicker(rereadEvery)
	defer tick.Stop()
	for told := ""; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		problem := ""
		if err := errors.Join(b.rereadFiles(ctx)...); err != nil {
			problem = err.Error()
		}
		if problem != "" && problem != told {
			b.Log.ErrorContext(ctx, "a file changed and cannot be used: what was read before stays", "error", problem)
		}
		told = problem
	}
}

// rereadFiles reads the files of certificates and secrets once more.
func (b *Bridge) rereadFiles(ctx context.Context) (problems []error) {
	b.rereading.Lock()
	defer b.rereading.Unlock()
	if b.cfg.TLS.On() {
		changed, err := b.loadTLS()
		if err != nil {
			problems = append(problems, err)
		}
		if changed {
			b.Log.InfoContext(ctx, "the certificate, or who may sign those of clients, is another one", "expires", b.tls.Load().Certificate.Leaf.NotAfter)
		}
	}
	return append(problems, b.rereadSecrets(ctx)...)
}

// rereadSecrets takes up the secrets in files that changed. If one of them cannot
// be used, none is.
func (b *Bridge) rereadSecrets(ctx context.Context) (problems []error) {
	now := *b.secrets
	now.Admin.Tokens, now.Sources = slices.Clone(now.Admin.Tokens), slices.Clone(now.Sources)
	var changed []string
	look := func(name string, from configs.Reference, secret *connectors.Secret) {
		if _, ok := from.File(); !ok {
			return
		}
		read, err := from.Reread()
		switch {
		case err != nil:
			problems = append(problems, err)
		case read != *secret:
			*secret, changed = read, append(changed, name)
		}
	}
	for i := range now.Admin.Tokens {
		look(now.Admin.Tokens[i].Name, now.Admin.Tokens[i].From, &now.Admin.Tokens[i].Secret)
	}
	for i := range now.Sources {
		look(now.Sources[i].Name, now.Sources[i].From, &now.Sources[i].Token)
	}
	if len(problems) > 0 || len(changed) == 0 {
		return problems
	}
	if err := b.server.Use(credentials(&now)); err != nil {
		return append(problems, err)
	}
	b.secrets = &now
	b.Log.InfoContext(ctx, "secrets were changed in their files, and those before them are nobody's now", "credentials", changed)
	if err := b.noteSecrets(ctx, &now); err != nil {
		problems = append(problems, err)
	}
	return problems
}
