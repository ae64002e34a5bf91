package webhook_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/webhook"
)

// R-NHI-3, R-NHI-9: a secret is changed by whoever keeps it, who says when; no secret is
// in what is sent, and one who says nothing of it did not change it.
func TestRotate(t *testing.T) {
	at := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		status int
		answer string
		kind   connectors.Kind
		fine   bool
	}{
		"changed":              {200, `{"rotated": "2026-11-26T09:00:00Z"}`, 0, true},
		"understood nothing":   {200, `{}`, connectors.Permanent, false},
		"said nothing":         {204, ``, connectors.Permanent, false},
		"knows no such secret": {404, `{"detail": "no such path, hunter2"}`, connectors.Gone, false},
		"is not there now":     {503, ``, connectors.Transient, false},
	} {
		t.Run(name, func(t *testing.T) {
			var ids []string
			var sent struct {
				Type   string
				Rotate map[string]string
				Data   any
			}
			target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if !verified(secret, r.Header, body) || json.Unmarshal(body, &sent) != nil {
					t.Errorf("got %s, which is not signed", body)
				}
				ids = append(ids, r.Header.Get("webhook-id"))
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}))
			defer target.Close()
			o := connectors.Options{Config: connectors.Config{Name: "vault", BaseURL: target.URL, Options: map[string]string{"rotates": "true"}}}
			o.Auth.Secret = connectors.Secret(secret)
			o.Profile.Auth.Scheme = connectors.AuthSigned
			s, err := webhook.Open(o)
			if err != nil {
				t.Fatal(err)
			}
			keeper, ok := s.(connectors.Rotator)
			if !ok || !keeper.Rotates() {
				t.Fatal("it changes no secrets")
			}
			asked := connectors.Rotation{ID: "1", Machine: "svc-billing", Account: "42", Credential: "key", Ref: "vault:billing"}
			for range 2 {
				got, err := keeper.Rotate(t.Context(), asked)
				switch {
				case c.fine && (err != nil || !got.Equal(at)):
					t.Errorf("changed at %s, %v", got, err)
				case !c.fine && (err == nil || connectors.KindOf(err) != c.kind || strings.Contains(err.Error(), "hunter2")):
					t.Errorf("%v, of kind %v", err, connectors.KindOf(err))
				}
			}
			if ids[0] == "" || ids[0] != ids[1] {
				t.Errorf("the same was asked for as %v", ids)
			}
			if sent.Type != "credential.rotate" || sent.Rotate["credential"] != "key" || sent.Rotate["id"] != "42" || sent.Rotate["machine"] != "svc-billing" || sent.Data != nil {
				t.Errorf("sent %+v", sent)
			}
		})
	}
	o := connectors.Options{Config: connectors.Config{Name: "vault", BaseURL: "http://127.0.0.1:1"}}
	o.Auth.Secret, o.Profile.Auth.Scheme = connectors.Secret(secret), connectors.AuthSigned
	s, err := webhook.Open(o)
	if err != nil || s.(connectors.Rotator).Rotates() {
		t.Errorf("without the option: %v", err)
	}
	o.Options = map[string]string{"rotates": "sometimes"}
	if _, err := webhook.Open(o); err == nil || !strings.Contains(err.Error(), "rotates") {
		t.Errorf("an option that is neither: %v", err)
	}
}
