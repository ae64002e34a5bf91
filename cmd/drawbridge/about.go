package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/configs"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// serverVariable is the variable of the environment that has the URL of a running
// bridge, for commands that name none.
const serverVariable = "DRAWBRIDGE_SERVER"

// about says which bridge a command is about: one that runs, by its URL, or one
// that is stopped, by its configuration.
type about struct{ server, config string }

func (a *about) flags(cmd *cobra.Command) {
	a.configFlag(cmd)
	a.serverFlag(cmd)
}

// serverFlag is of what only a bridge that runs can do.
func (a *about) serverFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.server, "server", "", "URL of a running bridge; left out, DRAWBRIDGE_SERVER. The token is in DRAWBRIDGE_TOKEN")
}

func (a *about) configFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.config, "config", "", "configuration file of a stopped bridge")
}

// running reports whether it is a bridge that runs. One of the two must be named;
// the environment counts where neither is.
func (a *about) running() (bool, error) {
	if a.server == "" && a.config == "" {
		a.server = os.Getenv(serverVariable)
	}
	if (a.server == "") == (a.config == "") {
		return false, fmt.Errorf("%w: say which bridge: --server URL (or %s) of one that runs, or --config FILE of one that is stopped", errUsage, serverVariable)
	}
	return a.server != "", nil
}

// client returns a client of the bridge that is meant, nil if it is stopped.
func (a *about) client() (*client, error) {
	running, err := a.running()
	if err != nil || !running {
		return nil, err
	}
	return a.ask()
}

// configuration reads the configuration of a bridge that is stopped, without its
// secrets: nobody is spoken to.
func (a *about) configuration() (*configs.Config, error) {
	if a.config == "" {
		return nil, fmt.Errorf("%w: --config names the configuration file of a bridge", errUsage)
	}
	return configs.Load(a.config, nil)
}

// stopped is a bridge that is stopped.
type stopped struct {
	cfg   *configs.Config
	store *store.Store
}

// read opens the store of a stopped bridge to be looked at.
func (a *about) read(look func(stopped) error) error {
	return a.open(bolt.Options{ReadOnly: true}, look)
}

// change opens it to be changed, and for a dry run also: what is tried is tried
// in full, and then nothing of it stays.
func (a *about) change(fn func(stopped) error) error { return a.open(bolt.Options{}, fn) }

// try runs fn in a transaction; of a dry run nothing stays.
func (s stopped) try(ctx context.Context, dryRun bool, fn func(store.Tx) error) error {
	if dryRun {
		return s.store.Try(ctx, fn)
	}
	return s.store.Update(ctx, fn)
}

func (a *about) open(o bolt.Options, use func(stopped) error) error {
	cfg, err := a.configuration()
	if err != nil {
		return err
	}
	if err := thereIs(cfg.Store.Path); err != nil {
		return hint(err, "the bridge has not run yet with this configuration, or its store is elsewhere")
	}
	s, err := bridge.OpenStore(cfg, o)
	if err != nil {
		return err
	}
	return errors.Join(use(stopped{cfg, s}), s.Close())
}

// rules are what the stopped bridge decided by when it last ran.
func (s stopped) rules(ctx context.Context) (*access.Rules, error) {
	p, err := bridge.InForce(ctx, s.store)
	if err != nil {
		return nil, err
	}
	return access.NewRules(p.Book, s.cfg.Protected()), nil
}

// sweeps are the names of those that are configured.
func (s stopped) sweeps() []string {
	var names []string
	for _, c := range s.cfg.Sweeps {
		names = append(names, c.Name)
	}
	return names
}
