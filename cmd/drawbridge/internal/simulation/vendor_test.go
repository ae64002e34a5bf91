package simulation

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"drawbridge/connectors"
)

// A vendor has several targets, of one organisation, which are called with one token
// that lives for a while, and within one limit.
type vendor struct {
	limit connectors.RateLimit
	broke func(format string, args ...any)

	mu     sync.Mutex
	life   *life
	issued int
	tokens map[string]time.Time // until when each is good
	since  time.Time
	left   float64 // of the burst
}

const tokenLife = 10 * time.Minute

// count counts a call that one of the bridge's connectors makes, by the bucket that the
// limit is. A bridge that starts begins with a full one.
func (v *vendor) count(l *life) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	if v.life != l {
		v.life, v.since, v.left = l, now, float64(v.limit.Burst)
	}
	v.left = min(float64(v.limit.Burst), v.left+now.Sub(v.since).Seconds()*v.limit.PerSecond)
	v.since = now
	if v.left--; v.left < -1e-6 {
		v.broke("the targets of one vendor are called more often than %g times a second, %d at once, together", v.limit.PerSecond, v.limit.Burst)
		v.left = 0
	}
}

// issue answers a request for a token.
func (v *vendor) issue(req *http.Request) *http.Response {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.issued++
	token := fmt.Sprint("token-", v.issued)
	if v.tokens == nil {
		v.tokens = map[string]time.Time{}
	}
	v.tokens[token] = time.Now().Add(tokenLife)
	resp := answer(req, http.StatusOK, fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer","expires_in":%d}`, token, int(tokenLife.Seconds())))
	resp.Header.Set("Content-Type", "application/json")
	return resp
}

// admits reports whether a request shows a token that is good.
func (v *vendor) admits(req *http.Request) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return time.Now().Before(v.tokens[strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")])
}

// recall has none of the tokens be good any more.
func (v *vendor) recall() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tokens = map[string]time.Time{}
}
