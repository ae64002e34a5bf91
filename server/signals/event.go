package signals

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"drawbridge/schema"
)

// A Refusal is why a Security Event Token is not taken, as RFC 8935 has it.
type Refusal struct { //nolint:errname // RFC 8935 says that a token is refused, and so do its readers
	Code        string // invalid_request, invalid_key, invalid_issuer, invalid_audience, authentication_failed, access_denied
	Description string
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Description }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Description: fmt.Sprintf(format, args...)}
}

// token takes one Security Event Token. What it is about and is not known here is
// taken too: its sender could do nothing about it.
func (h *Handler) token(c echo.Context, token string) error {
	told, err := h.read(c, token)
	if err == nil {
		err = h.tell(c, told, &Answer{})
	}
	var r *Refusal
	switch {
	case err == nil:
		return c.NoContent(http.StatusAccepted)
	case errors.As(err, &r):
	case errors.Is(err, schema.ErrForbidden):
		r = refuse("access_denied", "%v", err)
	case errors.Is(err, schema.ErrInvalid):
		r = refuse("invalid_request", "%v", err)
	default:
		return err
	}
	c.Response().Header().Set("Content-Language", "en")
	return c.JSON(http.StatusBadRequest, map[string]string{"err": r.Code, "description": r.Description})
}

func (h *Handler) read(c echo.Context, token string) ([]schema.Signal, error) {
	if h.Verify == nil {
		return nil, refuse("invalid_issuer", "no issuer of Security Event Tokens is configured")
	}
	claims, err := h.Verify(c.Request().Context(), h.Source(c), token)
	if err != nil {
		return nil, err
	}
	return signalsOf(claims)
}

// A set is what a Security Event Token claims (RFC 8417).
type set struct {
	ID       string                     `json:"jti"`
	Issuer   string                     `json:"iss"`
	Issued   float64                    `json:"iat"`
	Occurred float64                    `json:"toe"`
	Subject  identifier                 `json:"sub_id"`
	Sub      string                     `json:"sub"`
	Events   map[string]json.RawMessage `json:"events"`
}

// signalsOf returns what a token says, a signal for each of its events.
func signalsOf(claims []byte) ([]schema.Signal, error) {
	var s set
	if err := json.Unmarshal(claims, &s); err != nil {
		return nil, refuse("invalid_request", "the claims are not those of a Security Event Token")
	}
	switch {
	case s.ID == "":
		return nil, refuse("invalid_request", "there is no jti")
	case len(s.Events) == 0 || len(s.Events) > mostEvents:
		return nil, refuse("invalid_request", "events has %d members; one is usual, and more than %d are too many", len(s.Events), mostEvents)
	case s.Issued <= 0:
		return nil, refuse("invalid_request", "there is no iat")
	}
	var told []schema.Signal
	for i, uri := range slices.Sorted(maps.Keys(s.Events)) {
		sig, err := s.signal(uri, s.Events[uri])
		if err != nil {
			return nil, err
		}
		sig.ID = s.ID
		if i > 0 {
			sig.ID = fmt.Sprintf("%s#%d", s.ID, i)
		}
		told = append(told, sig)
	}
	return told, nil
}

const mostEvents = 8

// A payload is what events of CAEP and RISC say, as far as anything follows from
// it here.
type payload struct {
	Timestamp  float64    `json:"event_timestamp"`
	Subject    identifier `json:"subject"`
	Initiating string     `json:"initiating_entity"`
	Change     string     `json:"change_type"`
	Direction  string     `json:"change_direction"`
	Status     string     `json:"current_status"`
	Level      string     `json:"current_level"`
}

// signal returns what one event comes to. One that means nothing here says only
// that its sender is alive.
func (s *set) signal(uri string, text json.RawMessage) (schema.Signal, error) {
	var p payload
	if err := json.Unmarshal(text, &p); err != nil {
		return schema.Signal{}, refuse("invalid_request", "event %s is not as its specification has it", uri)
	}
	sig := schema.Signal{Topic: schema.TopicAlive, Occurred: moment(p.Timestamp, s.Occurred, s.Issued)}
	sig.Risk = meaning(uri, p)
	if sig.Risk == nil {
		return sig, nil
	}
	sig.Topic = schema.TopicRisk
	for _, named := range []identifier{p.Subject, s.Subject, {Subject: s.Sub}} {
		if sig.Subject = named.subject(s.Issuer); !sig.Subject.IsZero() {
			break
		}
	}
	return sig, nil
}

// moment returns the first of the times, in seconds since 1970, that is there.
func moment(seconds ...float64) time.Time {
	for _, s := range seconds {
		if s > 0 && s < 1<<40 {
			whole, part := math.Modf(s)
			return time.Unix(int64(whole), int64(part*1e9)).UTC()
		}
	}
	return time.Time{}
}

// The families of events.
const (
	risc = "https://schemas.openid.net/secevent/risc/event-type/"
	caep = "https://schemas.openid.net/secevent/caep/event-type/"
)

// meaning returns the risk that an event opens or closes; nil if it does neither.
//
// What only a stranger may have done closes nothing: a credential that its own
// user changed after it was compromised may have been changed by who has it.
func meaning(uri string, p payload) *schema.Risk {
	open := func(kind string) *schema.Risk { return &schema.Risk{Kind: kind, Open: true} }
	over := func(kind string) *schema.Risk { return &schema.Risk{Kind: kind} }
	either := func(kind string, opens bool) *schema.Risk { return &schema.Risk{Kind: kind, Open: opens} }
	switch uri {
	case risc + "account-disabled":
		return open("account-disabled")
	case risc + "account-enabled":
		return over("account-disabled")
	case risc + "account-purged":
		return open("account-purged")
	case risc + "account-credential-change-required", risc + "credential-compromise":
		return open("credential-compromise")
	case risc + "identifier-recycled":
		return open("identifier-recycled")
	case risc + "sessions-revoked", caep + "session-revoked":
		return open("session-revoked")
	case caep + "session-established":
		return over("session-revoked")
	case caep + "credential-change":
		if p.Change != "delete" && slices.Contains([]string{"admin", "policy", "system"}, p.Initiating) {
			return over("credential-compromise")
		}
	case caep + "assurance-level-change":
		return either("assurance-level-change", p.Direction != "increase")
	case caep + "device-compliance-change":
		return either("device-not-compliant", p.Status != "compliant")
	case caep + "risk-level-change":
		k := either("risk-level", !strings.EqualFold(p.Level, "LOW"))
		k.Level = strings.ToLower(p.Level)
		return k
	}
	return nil
}

// An identifier names the subject of an event (RFC 9493), alone, as one of several
// aliases, or as the user of a complex subject.
type identifier struct {
	Format      string       `json:"format"`
	SubjectType string       `json:"subject_type"` // as drafts had it
	Email       string       `json:"email"`
	URI         string       `json:"uri"`
	ID          string       `json:"id"`
	Issuer      string       `json:"iss"`
	Subject     string       `json:"sub"`
	Identifiers []identifier `json:"identifiers"`
	User        *identifier  `json:"user"`
}

// subject returns whom an identifier names, as far as names of its format are
// known here. A sub is a name within its issuer: another's is nobody's.
func (i identifier) subject(issuer string) schema.Subject {
	format := strings.ReplaceAll(strings.ToLower(i.Format+i.SubjectType), "-", "_")
	account, isAccount := strings.CutPrefix(i.URI, "acct:")
	switch {
	case i.User != nil:
		i.User.User = nil
		return i.User.subject(issuer)
	case format == "aliases":
		for _, one := range i.Identifiers {
			one.Identifiers, one.User = nil, nil
			if s := one.subject(issuer); !s.IsZero() {
				return s
			}
		}
	case format == "email":
		return schema.Subject{Email: i.Email}
	case format == "account" && isAccount:
		return schema.Subject{UserName: account}
	case format == "opaque":
		return schema.Subject{ID: i.ID}
	case i.Subject != "" && (i.Issuer == "" || i.Issuer == issuer):
		return schema.Subject{ID: i.Subject}
	}
	return schema.Subject{}
}
