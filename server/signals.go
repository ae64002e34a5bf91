package server

import (
	"context"
	"errors"

	"github.com/labstack/echo/v4"

	"drawbridge/server/issuer"
	"drawbridge/server/signals"
)

const signalsRoot = "/signals"

// newSignals returns where signals are taken in, from whoever the gate let in.
func newSignals(o Options) *signals.Handler {
	return signals.New(signals.Options{
		Store: o.Store, Rules: o.Rules,
		Source: func(c echo.Context) string {
			source, _ := c.Get(keySource).(string)
			return source
		},
		Request: func(c echo.Context) string { return c.Request().Header.Get(requestHeader) },
		Verify: func(ctx context.Context, source, token string) ([]byte, error) {
			claims, err := o.Issuers.Event(ctx, source, token)
			return claims, refusal8935(err)
		},
	})
}

// refusal8935 says in the words of RFC 8935 what is wrong with a Security Event
// Token. What is nobody's fault but the bridge's stays as it is.
func refusal8935(err error) error {
	for _, known := range []struct {
		is   error
		code string
	}{{issuer.ErrIssuer, "invalid_issuer"}, {issuer.ErrAudience, "invalid_audience"}, {issuer.ErrKey, "invalid_key"}} {
		if errors.Is(err, known.is) {
			return &signals.Refusal{Code: known.code, Description: err.Error()}
		}
	}
	if r, ok := errors.AsType[*issuer.Refusal](err); ok {
		code := "invalid_request"
		if r.Forged {
			code = "authentication_failed"
		}
		return &signals.Refusal{Code: code, Description: r.Why}
	}
	return err
}
