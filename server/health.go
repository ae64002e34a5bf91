package server

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"drawbridge/access"
	"drawbridge/store"
)

type health struct {
	Status     string `json:"status"`
	Halted     bool   `json:"halted,omitempty"`     // somebody stopped what is written to targets, or to one
	Unreadable bool   `json:"unreadable,omitempty"` // this version of the program cannot read the policy in force
}

// alive says that the process lives. It looks at nothing, so that a store in
// trouble is no reason to end the process.
func alive(c echo.Context) error { return c.JSON(http.StatusOK, health{Status: "ok"}) }

// ready says whether the bridge can be given traffic: its store can be read and
// what runs it agrees. Why not is in the log: anyone may ask. A bridge that is halted
// takes in what it is told, and is ready; so is one that cannot read its policy: out of
// its load balancer, it would not hear of leavers, whom it ends all the same.
func ready(o Options) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, cancel := context.WithTimeout(c.Request().Context(), 2*time.Second)
		defer cancel()
		halted, unreadable := int64(0), false
		err := o.Store.View(ctx, func(r store.Reader) (err error) {
			if _, err = store.LogSize(r); err == nil {
				halted, err = store.Halts.Count(r)
			}
			if err == nil {
				unreadable, err = access.Unreadable(r)
			}
			return err
		})
		if err == nil && o.Ready != nil {
			err = o.Ready(ctx)
		}
		if err != nil {
			o.Log.WarnContext(ctx, "not ready", "error", err)
			return c.JSON(http.StatusServiceUnavailable, health{Status: "not ready"})
		}
		return c.JSON(http.StatusOK, health{"ready", halted > 0, unreadable})
	}
}
