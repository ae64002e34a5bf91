// Package demo plays the whole road in one process: an identity provider pushes
// people over HTTP, governed roles decide, targets are told, access ends, and
// the log proves it. Everything in it but the cast is the product itself, run
// from the shipped policy; the targets are on loopback and forget.
package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/configs"
	"drawbridge/connectors"
)

// Options say how to play.
type Options struct {
	Listen  string    // host:port of the bridge
	Once    bool      // end with the story, instead of staying up until ctx is done
	Out     io.Writer // where the story is told
	Colour  bool      // Out is a terminal
	Log     *slog.Logger
	Version string

	// Explain prints an explanation as the command line does.
	Explain func(access.Explanation) func(io.Writer) error
}

// errDiffers is the end of a demo whose targets are not as policy says.
var errDiffers = errors.New("the targets do not hold what policy says")

// errStopped is the end of a demo that somebody stopped.
var errStopped = errors.New("demo: stopped before its end; nothing is left behind")

// source is the name by which the shipped policy approves the identity provider.
const source = "workday"

// A stage is what the story is played on.
type stage struct {
	Options
	teller
	dir     string
	cfg     *configs.Config
	targets *targets
	bridge  *bridge.Bridge
	idp     *idp
	admin   string // the token of the person at the console
	stop    context.CancelFunc
	ended   chan error
}

// Run plays the demo. It returns an error if the targets do not hold exactly what
// policy says at its end, or if anything on the way failed.
func Run(ctx context.Context, o Options) (err error) {
	dir, err := os.MkdirTemp("", "drawbridge-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	s := &stage{Options: o, teller: teller{w: o.Out, colour: o.Colour}, dir: dir}
	defer func() { err = errors.Join(err, s.strike()) }()
	if err := s.raise(ctx); err != nil {
		return err
	}
	if err := s.play(ctx); err != nil {
		return err
	}
	if o.Once {
		return s.err
	}
	s.invite()
	select {
	case <-ctx.Done():
	case err := <-s.ended: // the bridge could not go on
		s.ended <- nil
		return err
	}
	return s.err
}

// raise starts the targets and the bridge.
func (s *stage) raise(ctx context.Context) (err error) {
	downstream, upstream := rand.Text(), rand.Text()
	s.admin = rand.Text()
	if s.targets, err = startTargets(ctx, s.dir, downstream); err != nil {
		return err
	}
	s.cfg = s.config(upstream)
	policies, err := documents()
	if err != nil {
		return err
	}
	s.bridge, err = bridge.Open(ctx, s.cfg, bridge.Options{Log: s.Log, Policy: policies, Version: s.Version})
	if err != nil {
		return err
	}
	s.idp = newIDP(s.bridge.URL()+"/scim/v2", upstream, cast())
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop, s.ended = stop, make(chan error, 1)
	go func() { s.ended <- s.bridge.Run(running) }()
	return nil
}

// config is what a configuration file would say of all this.
func (s *stage) config(upstream string) *configs.Config {
	cfg := configs.Default()
	cfg.Listen = s.Listen
	cfg.Store.Path = filepath.Join(s.dir, "drawbridge.db")
	cfg.Audit.Key = filepath.Join(s.dir, "audit.key")
	cfg.Audit.CheckpointEvery = time.Second
	cfg.Shutdown.Grace = 5 * time.Second
	cfg.Sources = []configs.Source{{Name: source, Token: connectors.Secret(upstream)}}
	cfg.Admin.Tokens = []configs.AdminToken{{Name: "console", Role: "admin", Secret: connectors.Secret(s.admin)}}
	cfg.Connectors = slices.Clone(s.targets.configs)
	for _, name := range []string{"directory", "erp"} { // which the policy has too, and nothing is seen of
		cfg.Connectors = append(cfg.Connectors, connectors.Config{Name: name, Kind: "memory", Profile: connectors.DefaultProfile()})
	}
	for i := range cfg.Sweeps {
		if cfg.Sweeps[i].Name == "expiry" {
			cfg.Sweeps[i].Schedule = "@every 1s"
		}
	}
	return &cfg
}

// strike takes everything down and leaves nothing behind.
func (s *stage) strike() error {
	var problems []error
	if s.stop != nil {
		s.stop()
		problems = append(problems, <-s.ended)
	}
	if s.bridge != nil {
		problems = append(problems, s.bridge.Close())
	}
	if s.targets != nil {
		problems = append(problems, s.targets.close())
	}
	return errors.Join(append(problems, os.RemoveAll(s.dir))...)
}

// documents returns the shipped policy, with a role among it that is refused, and one that
// gives accounts at a target which deletes for good.
func documents() (fs.FS, error) {
	shipped, err := fs.Sub(configs.Shipped, "policy")
	if err != nil {
		return nil, err
	}
	refused, err := fs.Sub(configs.Shipped, "demo/refused")
	if err != nil {
		return nil, err
	}
	alerts, err := fs.Sub(configs.Shipped, "demo/alerts")
	if err != nil {
		return nil, err
	}
	return both{shipped, both{refused, alerts}}, nil
}
