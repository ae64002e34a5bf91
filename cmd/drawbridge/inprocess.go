package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/server/paths"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// What can be asked of a bridge that runs can be asked of the store of one that is
// stopped: the same API answers, in this process, and knows whoever asks by their
// account at the machine.

// with has a client of the bridge that is meant do something.
func (w *who) with(ctx context.Context, do func(c *client) error) error {
	c, err := w.client()
	if err != nil {
		return err
	}
	if c != nil {
		return do(c)
	}
	return w.open(bolt.Options{}, func(s stopped) error {
		p, err := bridge.InForce(ctx, s.store)
		rules := access.NewRules(nil, s.cfg.Protected())
		switch {
		case err == nil:
			rules.Use(p.Book)
		case !errors.Is(err, schema.ErrNotFound):
			return err
		}
		e := echo.New()
		paths.Decode(e)
		api.New(api.Options{Store: s.store, Rules: rules, Issuers: s.cfg.IssuerNames(), Version: versionOf()}).Mount(e)
		caller := api.Caller{Name: local(), Role: schema.Admin, Person: w.as, Auth: api.AuthLocal}
		if w.key != "" {
			if err := s.store.View(ctx, func(r store.Reader) error {
				by, err := w.keyed(s, r, rules.Book())
				caller.Person, caller.Auth = by.Identity, by.Auth
				return err
			}); err != nil {
				return err
			}
		}
		return do(&client{http: &http.Client{Transport: api.InProcess(e, caller)}, url: "http://stopped"})
	})
}
