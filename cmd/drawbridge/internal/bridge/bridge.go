// Package bridge is the running bridge: every part of it, wired by hand.
//
// Open puts the parts together in an order that reads as a list, and starts
// nothing. Run serves and schedules until it is told to stop, and then stops in
// the order in which nothing is lost:
//
//	no new requests ─► those under way end ─► the lanes end ─► last checkpoint
//
// Close lets go of what Open took. What Run could not finish is in the store,
// and is done after the next start.
package bridge

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/note"

	"drawbridge/access"
	"drawbridge/access/exposure"
	"drawbridge/access/tokens"
	"drawbridge/access/unmapped"
	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/connectors/builtin"
	"drawbridge/scheduler"
	"drawbridge/server"
	"drawbridge/server/issuer"
	"drawbridge/server/metrics"
	"drawbridge/store"
)

// Options are what a configuration does not say. The zero value is right for
// production.
type Options struct {
	Log       *slog.Logger      // nil: none
	Kinds     connectors.Kinds  // nil: those that are built in
	Transport http.RoundTripper // of connectors that speak HTTP; nil: one each
	Listener  net.Listener      // nil: one at the configured address; closed by the bridge
	Policy    fs.FS             // nil: the configured folder
	Version   string            // of the program, for the API
	NoSync    bool              // commits do not survive the machine: for tests and demonstrations
}

func (o Options) defaults(cfg *configs.Config) Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Kinds == nil {
		o.Kinds = builtin.Kinds()
	}
	if o.Policy == nil {
		o.Policy = os.DirFS(cfg.Policy.Path)
	}
	return o
}

// A Bridge is everything that runs together on one store.
type Bridge struct {
	Options
	cfg *configs.Config

	store    *store.Store
	signer   note.Signer
	tokenKey tokens.Key
	rules    *access.Rules
	metrics  *metrics.Metrics
	unmapped unmapped.Counter
	uses     tokens.Uses
	hearing  access.Hearing
	exposure exposure.Meter
	targets  map[string]connectors.Connector // by name
	breakers map[string]*scheduler.Breaker   // likewise
	feeds    map[string]*scheduler.Feed      // likewise
	listener net.Listener
	url      string // the public one
	server   *server.Server
	handler  http.Handler // what the listener is answered by: the server
	issuers  *issuer.Set
	notices  *scheduler.Notify
	tls      atomic.Pointer[spoken] // nil where the bridge speaks no TLS
	running  atomic.Bool            // from when Run serves until it is told to stop

	rereading sync.Mutex      // held while files are read again
	secrets   *configs.Config // as their files were last; of it, nothing else counts

	closed bool
}

// Open puts a bridge together. It reads and compiles the policy, opens the
// store, every connector and the port, and starts nothing. A policy that cannot
// be used is an error that says why.
func Open(ctx context.Context, cfg *configs.Config, o Options) (*Bridge, error) {
	b := &Bridge{Options: o.defaults(cfg), cfg: cfg, targets: map[string]connectors.Connector{}, breakers: map[string]*scheduler.Breaker{}}
	for _, open := range []func(context.Context) error{
		b.openStore,
		b.openKey,
		b.openPolicy,
		b.openMetrics,
		b.openFeeds,
		b.openConnectors,
		b.noteEndings,
		b.openListener,
		b.openServer,
	} {
		if err := open(ctx); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	b.announce(ctx)
	return b, nil
}

// Handler answers what the bridge is asked over HTTP.
func (b *Bridge) Handler() http.Handler { return b.handler }

// Addr returns where the bridge listens, as host:port.
func (b *Bridge) Addr() string { return b.listener.Addr().String() }

// URL returns how the bridge is reached from outside.
func (b *Bridge) URL() string { return b.url }

// Store returns what the bridge knows.
func (b *Bridge) Store() *store.Store { return b.store }

// Rules returns what the bridge decides by.
func (b *Bridge) Rules() *access.Rules { return b.rules }

// Connector returns an open connector, or nil.
func (b *Bridge) Connector(name string) connectors.Connector { return b.targets[name] }

// Close lets go of the port, the connectors and the store, in this order. It may
// be called twice, and not while Run is running.
func (b *Bridge) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	var problems []error
	if b.listener != nil {
		if err := b.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			problems = append(problems, err)
		}
	}
	for _, target := range b.targets {
		if c, ok := target.(connectors.Closer); ok {
			problems = append(problems, c.Close())
		}
	}
	for _, f := range b.feeds {
		problems = append(problems, f.Sink.Close())
	}
	if b.store != nil {
		problems = append(problems, b.store.Close())
	}
	return errors.Join(problems...)
}
