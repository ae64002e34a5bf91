package server

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"drawbridge/store"
)

type health struct {
	Status string `json:"status"`
}

// alive says that the process lives. It looks at nothing, so that a store in
// trouble is no reason to end the process.
func alive(c echo.Context) error { return c.JSON(http.StatusOK, health{"ok"}) }

// ready says whether the bridge can be given traffic: its store can be read and
// what runs it agrees. Why not is in the log: anyone may ask.
func ready(o Options) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, cancel := context.WithTimeout(c.Request().Context(), 2*time.Second)
		defer cancel()
		err := o.Store.View(ctx, func(r store.Reader) error {
			_, err := store.LogSize(r)
			return err
		})
		if err == nil && o.Ready != nil {
			err = o.Ready(ctx)
		}
		if err != nil {
			o.Log.WarnContext(ctx, "not ready", "error", err)
			return c.JSON(http.StatusServiceUnavailable, health{"not ready"})
		}
		return c.JSON(http.StatusOK, health{"ready"})
	}
}
