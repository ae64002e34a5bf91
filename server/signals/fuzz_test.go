package signals

import (
	"testing"

	"drawbridge/schema"
)

// FuzzParse reads whatever is sent: what is taken says what it is about.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"id":"1","occurredAt":"2026-01-02T03:04:05Z","alive":true}`,
		`{"signals":[{"id":"1","occurredAt":"2026-01-02T03:04:05Z","ticket":{"id":"CHG-1","priority":1}}]}`,
		`{"id":"1","use":{"connector":"wiki","account":"a"},"subject":null}`, `{"signals":null}`, `[]`, `null`, `{"signals":[null]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		told, err := parse(text)
		if err != nil {
			return
		}
		for _, s := range told {
			if s.Topic == "" || (s.Topic == schema.TopicTicket) != (s.Ticket != nil) || (s.Topic == schema.TopicRisk) != (s.Risk != nil) {
				t.Errorf("got %+v", s)
			}
		}
	})
}

// FuzzClaims reads whatever a trusted issuer signs.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		`{"jti":"1","iss":"i","iat":1,"sub_id":{"format":"email","email":"a@b"},"events":{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{"event_timestamp":1.5}}}`,
		`{"jti":"1","iat":1e300,"events":{"https://schemas.openid.net/secevent/risc/event-type/account-disabled":{"subject":{"subject_type":"iss-sub","iss":"i","sub":"s"}}}}`,
		`{"jti":"1","iat":1,"sub_id":{"format":"aliases","identifiers":[{"format":"aliases","identifiers":[{}]},{"format":"opaque","id":"x"}]},"events":{"x":{}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		told, err := signalsOf(text)
		if err == nil && (len(told) == 0 || told[0].ID == "") {
			t.Errorf("got %+v", told)
		}
	})
}

// TestMeaning says what events of CAEP and RISC open and close (R-REV-5).
func TestMeaning(t *testing.T) {
	for _, test := range []struct {
		uri  string
		says payload
		kind string // none: nothing
		open bool
	}{
		{risc + "account-disabled", payload{}, "account-disabled", true},
		{risc + "account-enabled", payload{}, "account-disabled", false},
		{risc + "credential-compromise", payload{}, "credential-compromise", true},
		{caep + "credential-change", payload{Change: "update", Initiating: "admin"}, "credential-compromise", false},
		{caep + "credential-change", payload{Change: "update", Initiating: "user"}, "", false},
		{caep + "credential-change", payload{Change: "delete", Initiating: "admin"}, "", false},
		{caep + "session-revoked", payload{}, "session-revoked", true},
		{caep + "session-established", payload{}, "session-revoked", false},
		{caep + "device-compliance-change", payload{Status: "not-compliant"}, "device-not-compliant", true},
		{caep + "device-compliance-change", payload{Status: "compliant"}, "device-not-compliant", false},
		{caep + "assurance-level-change", payload{Direction: "decrease"}, "assurance-level-change", true},
		{caep + "risk-level-change", payload{Level: "HIGH"}, "risk-level", true},
		{caep + "risk-level-change", payload{Level: "LOW"}, "risk-level", false},
		{caep + "token-claims-change", payload{}, "", false},
		{"https://example.com/other", payload{}, "", false},
	} {
		got := meaning(test.uri, test.says)
		if got == nil && test.kind == "" {
			continue
		}
		if got == nil || got.Kind != test.kind || got.Open != test.open {
			t.Errorf("%s %+v: got %+v, want %s open %v", test.uri, test.says, got, test.kind, test.open)
		}
	}
}
