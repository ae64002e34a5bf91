package issuer

import (
	"errors"
	"testing"
	"time"

	"drawbridge/schema"
	"drawbridge/server/issuer/issuertest"
)

// FuzzVerify shows whatever comes, some of it made from a right token, to issuers
// whose keys are known. Nothing but that token is anybody's.
func FuzzVerify(f *testing.F) {
	i := issuertest.New(f)
	s, err := New([]Config{config(i)}, Options{})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := s.byIssuer[i.URL].refresh(f.Context()); err != nil {
		f.Fatal(err)
	}
	s.byIssuer[i.URL].fetcher.http.CloseIdleConnections()
	s.byIssuer[i.URL].attempted = time.Now().Add(24 * time.Hour) // nobody waits for keys that nobody fetches
	good := i.Sign(i.Claims(audience, map[string]any{"exp": time.Now().Add(23 * time.Hour).Unix()}))
	if _, err := s.Verify(f.Context(), good); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "..", good, good + ".", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJSUzI1NiIsImtpZCI6IiJ9.bnVsbA.AA", "dbs_a_b_c", "ey\x00.\xff.a"} {
		f.Add(seed, 0, "")
	}
	f.Add("", 10, "A")
	f.Add("", 100, "eyJ")
	f.Add("", len(good)-3, "")
	f.Add("", len(good), "\r") // decoders of base64 pass over it
	f.Fuzz(func(t *testing.T, token string, at int, with string) {
		if token == "" { // the right one, with something else in it
			at = min(max(at, 0), len(good))
			token = good[:at] + with + good[min(len(good), at+len(with)):]
		}
		h, err := s.Verify(t.Context(), token)
		refused, is := errors.AsType[*Refusal](err)
		switch {
		case err == nil && token != good:
			t.Errorf("%q is taken for %+v", token, h)
		case err != nil && !is && !errors.Is(err, ErrNoRule) && !errors.Is(err, schema.ErrUnavailable):
			t.Errorf("%q: an error of no kind: %v", token, err)
		case is && refused.Why == "":
			t.Errorf("%q is refused without a reason", token)
		}
	})
}
