package issuer

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"drawbridge/schema"
	"drawbridge/server/issuer/issuertest"
)

// A fake is an issuer without a network, for time that is not real.
type fake struct {
	key *ecdsa.PrivateKey

	mu      sync.Mutex
	asked   []time.Duration // since start
	start   time.Time
	fails   bool
	hangs   bool
	control string
}

func (f *fake) RoundTrip(req *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.asked = append(f.asked, time.Since(f.start))
	fails, hangs, control := f.fails, f.hangs, f.control
	f.mu.Unlock()
	if hangs {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	if fails {
		return nil, errors.New("connection refused")
	}
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: f.key.Public(), KeyID: "k"}}})
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Cache-Control": {control}}, Body: io.NopCloser(bytes.NewReader(text))}, err
}

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) times() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.asked
	f.asked = nil
	return got
}

// within runs a test in a bubble, with an issuer whose keys are kept fresh.
func within(t *testing.T, control string, test func(t *testing.T, f *fake, s *Set)) {
	synctest.Test(t, func(t *testing.T) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		f := &fake{key: key, start: time.Now(), control: control}
		s, err := New([]Config{{
			Name: "idp", Issuer: "https://idp.example.com", JWKS: "https://idp.example.com/keys", Audience: []string{audience},
			Algorithms: []string{"ES256"}, Leeway: time.Minute, Refresh: 15 * time.Minute, Stale: 24 * time.Hour, MaxLife: 240 * time.Hour,
			Caller: "sub", Sources: []Source{{"hr", map[string]string{"sub": "client-1"}}},
		}}, Options{Transport: f})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go s.Run(ctx)
		synctest.Wait()
		test(t, f, s)
		cancel()
		synctest.Wait()
	})
}

func (f *fake) token(t *testing.T, kid string) string {
	return issuertest.Sign(t, jose.ES256, jose.JSONWebKey{Key: f.key, KeyID: kid}, map[string]any{
		"iss": "https://idp.example.com", "aud": audience, "sub": "client-1", "exp": time.Now().Add(200 * time.Hour).Unix(),
	}, nil)
}

func wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func check(t *testing.T, what string, got []time.Duration, want ...time.Duration) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: keys were fetched at %v, want %v", what, got, want)
		return
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s: keys were fetched at %v, want %v", what, got, want)
			return
		}
	}
}

func TestKeysAreRefreshed(t *testing.T) {
	within(t, "", func(t *testing.T, f *fake, _ *Set) {
		wait(31 * time.Minute)
		check(t, "as configured", f.times(), 0, 15*time.Minute, 30*time.Minute)
	})
	within(t, "public, max-age=120", func(t *testing.T, f *fake, _ *Set) {
		wait(5 * time.Minute)
		check(t, "as the issuer says", f.times(), 0, 2*time.Minute, 4*time.Minute)
	})
	within(t, "max-age=1", func(t *testing.T, f *fake, _ *Set) {
		wait(150 * time.Second)
		check(t, "not more often than each minute", f.times(), 0, time.Minute, 2*time.Minute)
	})
	within(t, "max-age=86400", func(t *testing.T, f *fake, _ *Set) {
		wait(16 * time.Minute)
		check(t, "not less often than configured", f.times(), 0, 15*time.Minute)
	})
}

// TestAnIssuerThatIsDown locks nobody out until its keys are stale.
func TestAnIssuerThatIsDown(t *testing.T) {
	within(t, "", func(t *testing.T, f *fake, s *Set) {
		known, later := f.token(t, "k"), f.token(t, "k")
		if _, err := s.Verify(t.Context(), known); err != nil {
			t.Fatal(err)
		}
		f.set(func() { f.fails = true; f.asked = nil })
		wait(15*time.Minute + 40*time.Second)
		check(t, "after it failed", f.times(), 900*time.Second, 905*time.Second, 915*time.Second, 935*time.Second)
		wait(23*time.Hour + 40*time.Minute)
		for _, token := range []string{known, later} {
			if _, err := s.Verify(t.Context(), token); err != nil {
				t.Errorf("before its keys are stale: %v", err)
			}
		}
		if got := f.times(); len(got) > 24*60/5+5 {
			t.Errorf("an issuer that is down was asked %d times in a day", len(got))
		}
		wait(10 * time.Minute)
		for _, token := range []string{known, later} {
			if _, err := s.Verify(t.Context(), token); !errors.Is(err, schema.ErrUnavailable) {
				t.Errorf("once they are stale: %v, want that they are unavailable", err)
			}
		}
		f.set(func() { f.fails = false })
		wait(mostRetry)
		if _, err := s.Verify(t.Context(), known); err != nil {
			t.Errorf("once it is there again: %v", err)
		}
	})
}

func TestASlowIssuer(t *testing.T) {
	within(t, "", func(t *testing.T, f *fake, s *Set) {
		f.set(func() { f.hangs = true })
		wait(time.Minute)
		started := time.Now()
		var all sync.WaitGroup
		for range 3 * mostWaiting {
			all.Go(func() {
				if _, err := s.Verify(t.Context(), f.token(t, "unknown")); err == nil {
					t.Error("a key that is not known is believed")
				}
			})
		}
		all.Wait()
		if took := time.Since(started); took != patience {
			t.Errorf("requests waited for %v, want %v", took, patience)
		}
		if _, err := s.Verify(t.Context(), f.token(t, "k")); err != nil || time.Since(started) != patience {
			t.Errorf("a key that is known waited for %v, or is refused: %v", time.Since(started)-patience, err)
		}
		wait(time.Minute)
		if n := len(f.times()); n > 6 {
			t.Errorf("it was asked %d times", n)
		}
	})
}

// TestAskingIsLimited has somebody show unknown keys all the time.
func TestAskingIsLimited(t *testing.T) {
	within(t, "", func(t *testing.T, f *fake, s *Set) {
		f.times()
		for range 300 {
			if _, err := s.Verify(t.Context(), f.token(t, "unknown")); err == nil {
				t.Fatal("a key that is not known is believed")
			}
			wait(time.Second)
		}
		if n := len(f.times()); n < 8 || n > 10 {
			t.Errorf("keys were fetched %d times in five minutes, want each %v", n, askAgain)
		}
	})
}
