package notice_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"drawbridge/connectors"
	"drawbridge/connectors/webhook"
	"drawbridge/notice"
)

// TestHook posts to a listener, signed as Standard Webhooks has it.
func TestHook(t *testing.T) {
	secret := []byte("0123456789abcdef01234567")
	status, calls := 200, 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(r.Header.Get("Webhook-Id") + "." + r.Header.Get("Webhook-Timestamp") + "." + string(body)))
		if got, want := r.Header.Get("Webhook-Signature"), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
			t.Errorf("it is signed %q, want %q", got, want)
		}
		var said struct {
			Type string
			Data struct {
				To, Address string
				Items       []notice.Item
			}
		}
		if err := json.Unmarshal(body, &said); err != nil || said.Type != "notice" || said.Data.Address != "bob@example.com" || len(said.Data.Items) != 2 {
			t.Errorf("it says %s, %v", body, err)
		}
		w.WriteHeader(status)
	}))
	defer s.Close()
	keys, err := webhook.ParseKeys(connectors.Secret("whsec_" + base64.StdEncoding.EncodeToString(secret)))
	if err != nil {
		t.Fatal(err)
	}
	h := &notice.Hook{Title: "siem", URL: connectors.Secret(s.URL + "/secret-path"), Keys: keys, Client: notice.Client()}
	if err := h.Send(t.Context(), two); err != nil {
		t.Error(err)
	}
	status = 500
	if err := h.Send(t.Context(), two); err == nil || err.Error() != "it answered 500" {
		t.Errorf("got %v", err)
	}
	status = 422
	if _, ok := errors.AsType[*notice.Refusal](h.Send(t.Context(), two)); !ok {
		t.Error("what is refused for good is tried again")
	}
	if calls != 3 {
		t.Errorf("%d calls", calls)
	}
	s.Close()
	if err := h.Send(t.Context(), two); err == nil || strings.Contains(err.Error(), "secret-path") {
		t.Errorf("got %v", err)
	}
}

// TestSlack posts what the operators are told, and nobody else's.
func TestSlack(t *testing.T) {
	var text string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var said struct{ Text string }
		if err := json.NewDecoder(r.Body).Decode(&said); err != nil {
			t.Error(err)
		}
		text = said.Text
	}))
	defer s.Close()
	c := &notice.Slack{Title: "slack", URL: connectors.Secret(s.URL), Templates: templates(t, nil), Client: notice.Client()}
	if c.Reaches(two.To) || !c.Reaches(notice.To{Operators: true}) {
		t.Error("it reaches others than the operators")
	}
	if err := c.Send(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text, "• Zoë is to have role admin, if you agree (by 2026-11-26 14:00 UTC) <https://bridge.example.com/console/approvals|look>") {
		t.Errorf("it says %s", text)
	}
	hostile := notice.Message{To: two.To, Items: []notice.Item{{What: "<!channel> & <https://evil.example|Approve> is to have it"}}}
	if err := c.Send(t.Context(), hostile); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, "<") || !strings.Contains(text, "&lt;!channel&gt; &amp; ") {
		t.Errorf("a name is more than text: %s", text)
	}
	if hostile.Items[0].What[0] != '<' {
		t.Error("the message itself was changed")
	}
}
