package rest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"drawbridge/connectors"
)

// R-NHI-3, R-NHI-9: a declaration says how whoever keeps a secret is asked to change it.
func TestRotate(t *testing.T) {
	const vault = "  rotate: { post: '/rotate/{credential.name}', body: '{\"ref\": credential.ref, \"for\": credential.machine, \"account\": id}' }\n"
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	status, got := 0, ""
	target := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.Path + " " + string(body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"ok": true, "secret": "not to be kept"}`)
	})
	clock := func(o *connectors.Options) { o.Now = func() time.Time { return now } }
	keeper := open(t, profile(t, rules+vault), target, clock).(connectors.Rotator)
	if !keeper.Rotates() || open(t, profile(t, rules), target).(connectors.Rotator).Rotates() {
		t.Error("whether secrets can be changed is not what the declaration says")
	}
	for _, c := range []struct {
		status int
		fine   bool
	}{{200, true}, {503, false}, {404, false}} {
		status = c.status
		at, err := keeper.Rotate(t.Context(), connectors.Rotation{Machine: "svc-billing", Account: "42", Credential: "key", Ref: "vault:billing"})
		if (err == nil) != c.fine || err == nil && !at.Equal(now) {
			t.Errorf("%d: changed at %s, %v", c.status, at, err)
		}
		if err != nil && strings.Contains(err.Error(), "not to be kept") {
			t.Errorf("%d: a secret is in %v", c.status, err)
		}
		if want := `POST /v1/rotate/key {"account":"42","for":"svc-billing","ref":"vault:billing"}`; got != want {
			t.Errorf("%d: sent %s, want %s", c.status, got, want)
		}
	}
}
