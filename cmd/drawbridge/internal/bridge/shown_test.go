package bridge

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
)

// TestShownCredentials lists by what the bridge is known to its targets: whose each is,
// from the policy where the configuration does not say, and when it ends. Never what it is.
func TestShownCredentials(t *testing.T) {
	cfg := config(t)
	cfg.Connectors[0].Auth.Secret = "hunter2-hunter2"
	cfg.Connectors[0].Auth.Expires = time.Now().Add(20 * 24 * time.Hour)
	b, _ := running(t, cfg, Options{Kinds: newTarget().kinds()})
	all, err := b.standing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(c access.Credential) bool { return c.Kind == access.ShownCredential })
	if i < 0 {
		t.Fatalf("credentials are %+v, and none is shown to a target", all)
	}
	c := all[i]
	document, _ := b.Rules().Book().Connector("wiki")
	if c.Holder != "connector/wiki" || c.Owner != document.Metadata.Owner.User || c.Since.IsZero() || c.Problem != "expiring" || !strings.Contains(c.Reason, "30 days") {
		t.Errorf("the credential is %+v, want it expiring, and the connector's owner to answer for it", c)
	}
	if text, err := json.Marshal(all); err != nil || strings.Contains(string(text), "hunter2") {
		t.Errorf("%v, or the secret is told: %s", err, text)
	}
}
