package api

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"
)

// TestExtendReachesTheConnection streams for longer than its server gives an
// answer: without more time, the client gets nothing.
func TestExtendReachesTheConnection(t *testing.T) {
	const given = 50 * time.Millisecond
	for _, extends := range []bool{false, true} {
		e := echo.New()
		h := humaecho.New(e, (&API{}).config())
		huma.Register(h, get("/slow", "slow"), func(context.Context, *struct{}) (*huma.StreamResponse, error) {
			return &huma.StreamResponse{Body: func(hc huma.Context) {
				if extends {
					extend(hc, time.Minute)
				}
				<-time.After(3 * given)
				_, _ = io.WriteString(hc.BodyWriter(), "done")
			}}, nil
		})
		srv := httptest.NewUnstartedServer(e)
		srv.Config.WriteTimeout = given
		srv.Start()
		got := ""
		if res, err := http.Get(srv.URL + "/slow"); err == nil {
			body, _ := io.ReadAll(res.Body)
			got = string(body)
			res.Body.Close()
		}
		srv.Close()
		if (got == "done") != extends {
			t.Errorf("extended %v: got %q", extends, got)
		}
	}
}
