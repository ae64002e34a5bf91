package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"drawbridge/connectors"
)

// Keys sign messages, each with every one of them.
type Keys []key

// ParseKeys reads signing secrets as Standard Webhooks writes them: whsec_ and base64,
// several with spaces or lines between.
func ParseKeys(secret connectors.Secret) (Keys, error) { return parseKeys(secret) }

// Sign returns the headers of a message that is sent at a time.
func (k Keys) Sign(id string, at time.Time, content []byte) http.Header {
	h := http.Header{}
	stamp := strconv.FormatInt(at.Unix(), 10)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", stamp)
	var signatures []string
	for _, one := range k {
		mac := hmac.New(sha256.New, one)
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(content)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	if len(signatures) > 0 {
		h.Set("Webhook-Signature", strings.Join(signatures, " "))
	}
	return h
}
