package web_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/web"
)

// A slowToken is a service whose tokens take their time. It notes when it is called.
type slowToken struct {
	mu    sync.Mutex
	calls []time.Time
}

func (s *slowToken) RoundTrip(req *http.Request) (*http.Response, error) {
	text := "{}"
	if strings.HasSuffix(req.URL.Path, "/token") {
		time.Sleep(3 * time.Second) //nolint:forbidigo // of the bubble's own time
		text = `{"access_token": "t", "token_type": "Bearer", "expires_in": 3600}`
	} else {
		s.mu.Lock()
		s.calls = append(s.calls, time.Now())
		s.mu.Unlock()
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)), Request: req,
	}, nil
}

// Calls that wait for a token do not go out together once it is there: each waits for
// its turn after that.
func TestTurnsComeAfterTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowToken{}
		o := connectors.Options{Transport: s, Config: connectors.Config{
			Name: "wiki", BaseURL: "http://127.0.0.1:1/api", Profile: connectors.DefaultProfile(),
			Auth: connectors.Auth{User: "bridge", Secret: secret}, Options: map[string]string{"timeout": "10s"},
		}}
		o.Profile.Auth = connectors.AuthScheme{Scheme: connectors.AuthClient, TokenURL: "http://127.0.0.1:1/token"}
		o.Profile.Rate = connectors.RateLimit{PerSecond: 2, Burst: 2}
		o.Rate = connectors.NewRate(o.Profile.Rate)
		c, err := web.New(o.Defaults())
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				if _, err := c.Do(t.Context(), web.Request{Method: http.MethodGet, Path: "/thing"}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		c.Close()
		for i := 1; i < len(s.calls); i++ {
			if apart := s.calls[i].Sub(s.calls[i-1]); apart < 500*time.Millisecond {
				t.Errorf("call %d comes %v after the one before, want half a second", i, apart)
			}
		}
	})
}
