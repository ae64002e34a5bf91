package server_test

import (
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/server"
)

// TestWhoIsHeard has a source send a request, whatever is answered.
func TestWhoIsHeard(t *testing.T) {
	h := &access.Hearing{}
	w := newWorld(t, func(o *server.Options) { o.Hearing = h })
	w.do(t, "GET", "/scim/v2/Users", "wrong-secret-0123456789", "")
	w.do(t, "GET", "/api/v1/sources", viewerSecret, "")
	if at := h.Last("hr"); !at.IsZero() {
		t.Errorf("heard at %v, and nobody spoke", at)
	}
	w.do(t, "GET", "/scim/v2/Nothing", sourceSecret, "")
	if h.Last("hr").IsZero() {
		t.Error("the source was not heard")
	}
	if _, body := w.do(t, "GET", "/api/v1/sources", viewerSecret, ""); !strings.Contains(body, `"heard":"2`) {
		t.Errorf("the API does not say when it was heard: %s", body)
	}
}
