package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"time"

	"drawbridge/access"
	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/server"
	"drawbridge/server/api"
	"drawbridge/server/issuer"
	"drawbridge/server/metrics"
	"drawbridge/server/scim"
	"drawbridge/store"
	"drawbridge/store/bolt"
	"drawbridge/store/keyfile"
)

func (b *Bridge) openStore(context.Context) (err error) {
	b.store, err = OpenStore(b.cfg, bolt.Options{NoSync: b.NoSync}, store.WithLog(b.Log))
	return err
}

// OpenStore opens the store of a bridge that is stopped, with people's keys. Who may only
// read it may do so before there are any.
func OpenStore(cfg *configs.Config, o bolt.Options, opts ...store.Option) (*store.Store, error) {
	engine, err := bolt.Open(cfg.Store.Path, o)
	if err != nil {
		return nil, err
	}
	keys, err := keyfile.Open(cfg.Store.KeysFile(), o.ReadOnly)
	switch {
	case err == nil:
		opts = append(opts, store.WithKeys(keys))
	case !o.ReadOnly || !errors.Is(err, os.ErrNotExist):
		return nil, errors.Join(err, engine.Close())
	}
	return store.Open(engine, opts...)
}

func (b *Bridge) openKey(ctx context.Context) (err error) {
	if b.signer, err = openKey(ctx, b.cfg.Audit, b.store); err != nil {
		return err
	}
	b.tokenKey, err = TokenKey(b.cfg.Audit)
	return err
}

func (b *Bridge) openPolicy(ctx context.Context) error {
	folder, err := ReadPolicy(b.Policy)
	if err == nil {
		b.rules = access.NewRules(folder.Book, b.cfg.Protected())
		return b.takeUp(ctx, folder)
	}
	now, wrong := InForce(ctx, b.store)
	if errors.Is(wrong, schema.ErrNotFound) { // nothing was ever in force, and nothing else is to be
		return err
	}
	if wrong != nil {
		return wrong
	}
	b.Log.ErrorContext(ctx, "the policy folder cannot be read, and what is in force stays", "error", err)
	b.rules = access.NewRules(now.Book, b.cfg.Protected())
	return b.noteReadable(ctx)
}

func (b *Bridge) openMetrics(context.Context) error {
	b.metrics = metrics.New(b.store, b.names())
	b.metrics.Breakers(func(connector string) bool { return b.breakers[connector].State().Open })
	return nil
}

// names returns the connectors' names as the configuration has them.
func (b *Bridge) names() []string {
	names := make([]string, len(b.cfg.Connectors))
	for i, c := range b.cfg.Connectors {
		names[i] = c.Name
	}
	return names
}

// openConnectors opens every connector there is, so that all that is wrong with
// them is told at once. Whether a target is there, its lane will find out.
func (b *Bridge) openConnectors(context.Context) error {
	var problems []error
	rates := connectors.Rates{}
	for _, c := range b.cfg.Connectors {
		target, err := b.Kinds.Open(connectors.Options{
			Config: c, Rate: rates.Of(c), Log: b.Log.With("connector", c.Name), Transport: b.Transport,
			Catalogue: func() []string { return catalogue(b.rules.Book(), c.Name) },
			Observe:   func(method string, status int, took time.Duration) { b.metrics.Request(c.Name, method, status, took) },
		})
		if err != nil {
			problems = append(problems, err)
			continue
		}
		b.targets[c.Name], b.breakers[c.Name] = target, scheduler.NewBreaker(failuresInARow, quick)
	}
	return errors.Join(problems...)
}

// noteEndings has the store know how accounts end at each connector.
func (b *Bridge) noteEndings(ctx context.Context) error {
	var all []schema.Ending
	for _, c := range b.cfg.Connectors {
		all = append(all, schema.Ending{
			Connector: c.Name, ForGood: connectors.EndsForGood(b.targets[c.Name], c.Profile), Allowed: c.AllowIrreversible,
			Protected: b.cfg.CareOf(c.Name).Protected,
		})
	}
	return access.NoteEndings(ctx, b.store, all)
}

// catalogue are the entitlements that a connector's document names, by the target's
// names.
func catalogue(book *policy.Book, connector string) (targets []string) {
	document, ok := book.Connector(connector)
	if !ok {
		return nil
	}
	for _, e := range document.Spec.Entitlements {
		targets = append(targets, e.Target)
	}
	return targets
}

// open returns the connectors that are open, with their profiles.
func (b *Bridge) open() map[string]api.Target {
	all := map[string]api.Target{}
	for _, c := range b.cfg.Connectors {
		all[c.Name] = api.Target{Connector: b.targets[c.Name], Profile: c.Profile, Verify: b.cfg.CareOf(c.Name).Verify}
	}
	return all
}

func (b *Bridge) openListener(ctx context.Context) (err error) {
	if b.cfg.TLS.On() {
		if _, err := b.loadTLS(); err != nil {
			return err
		}
	}
	b.listener = b.Listener
	if b.listener == nil {
		if b.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", b.cfg.Listen); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	b.url, err = publicURL(b.cfg, b.Addr())
	return err
}

// publicURL is how the bridge is reached: as configured, but for a port that was
// left to the system.
func publicURL(cfg *configs.Config, addr string) (string, error) {
	if cfg.PublicURL == "" {
		if cfg.TLS.On() {
			return "https://" + addr, nil
		}
		return "http://" + addr, nil
	}
	u, err := url.Parse(cfg.PublicURL)
	if err != nil {
		return "", fmt.Errorf("publicURL: %w: %w", schema.ErrInvalid, err)
	}
	if u.Port() == "0" {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return "", fmt.Errorf("listen: %w", err)
		}
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	return u.String(), nil
}

func (b *Bridge) openServer(ctx context.Context) (err error) {
	l := b.cfg.Limits
	if b.issuers, err = issuer.New(issuers(b.cfg), issuer.Options{Log: b.Log, Observe: b.metrics.Issuer}); err != nil {
		return err
	}
	if b.notices, err = b.openNotices(); err != nil {
		return err
	}
	b.server, err = server.New(server.Options{
		Store: b.store, Rules: b.rules, Log: b.Log, PublicURL: b.url, Version: b.Version,
		Credentials: credentials(b.cfg), Issuers: b.issuers, Authorities: b.authorities(), TokenKey: b.tokenKey, Metrics: b.metrics, Sweeps: b.sweepNames(), Connectors: b.names(), Targets: b.open(), Ready: b.ready, Breaker: b.breaker,
		Limits:    server.Limits{Source: l.SourceRate, API: l.APIRate, Failed: l.FailedRate, Discovery: l.DiscoveryRate},
		Discovery: scim.Discovery(b.cfg.Discovery),
		Pages:     b.pages(),
		SCIM: scim.Limits{
			UserBody: l.UserBody, GroupBody: l.GroupBody, Operations: l.Operations, Depth: l.Depth, Scan: l.Scan,
			BulkBody: l.BulkBody, BulkOperations: l.BulkOperations,
		},
		Extensions: b.cfg.Extensions, GroupExtensions: b.cfg.GroupExtensions, Catalogues: b.cfg.Catalogues, Unmapped: &b.unmapped, Uses: &b.uses, Hearing: &b.hearing, Exposure: &b.exposure, Standing: b.standing,
		Signer:  b.signer,
		Preview: b.preview,
		Sign:    b.sign,
		Trial:   b.notices.Try,
	})
	if err != nil {
		return err
	}
	b.handler, b.secrets = b.server, b.cfg
	return b.noteSecrets(ctx, b.cfg)
}

// breaker says how a connector's breaker stands.
func (b *Bridge) breaker(connector string) api.BreakerView {
	s := b.breakers[connector].State()
	v := api.BreakerView{State: "closed", Since: s.Since, Next: s.Next, Failures: s.Failures, Problem: s.Problem}
	if s.Open {
		v.State = "open"
	}
	return v
}

// sign signs the log, as far as it is.
func (b *Bridge) sign(ctx context.Context) error {
	return scheduler.Checkpoint(ctx, b.store, b.signer, b.cfg.Audit.Origin)
}

func (b *Bridge) sweepNames() []string {
	var names []string
	for _, s := range b.cfg.Sweeps {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// ready says why the bridge is not to be sent anything now, or nil.
func (b *Bridge) ready(context.Context) error {
	if !b.running.Load() {
		return fmt.Errorf("the bridge is starting or stopping: %w", schema.ErrUnavailable)
	}
	return nil
}

// announce says what is worth knowing before anything runs.
func (b *Bridge) announce(ctx context.Context) {
	warnings := slices.Concat(b.cfg.Warnings(), Joins(b.cfg, b.rules.Book()))
	for key, file := range map[string]string{"audit.key": b.cfg.Audit.Key, "store.keys": b.cfg.Store.KeysFile()} {
		if exposed(file) {
			warnings = append(warnings, key+": "+file+" can be read by others than its owner: chmod 600")
		}
	}
	for _, warning := range warnings {
		b.Log.WarnContext(ctx, "configuration", "warning", warning)
	}
	b.Log.InfoContext(ctx, "open", "store", b.cfg.Store.Path, "policy", b.rules.Book().Digest(),
		"roles", len(b.rules.Book().Roles()), "refused", len(b.rules.Book().Refused()),
		"connectors", slices.Sorted(maps.Keys(b.targets)), "sources", len(b.cfg.Sources))
}
