// Package signals is where other systems tell what is not about people's records:
// how a ticket or a workload stands, that somebody is at risk, that an account was
// used. It takes two forms at one address, /signals/v1/events:
//
//	application/json          our own, for whatever can send a webhook
//	application/secevent+jwt  Security Event Tokens (RFC 8417), pushed as RFC 8935
//	                          has it, with events of CAEP and RISC
//
// It reads what was sent and hands it to access, once; what follows from it is
// decided there, by policy.
package signals

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// Bounds on one request.
const (
	mostBody    = 1 << 20
	mostSignals = 1000
)

// Options are what signals are taken in with.
type Options struct {
	Store *store.Store
	Rules *access.Rules

	// Source returns the source whose credential a request showed.
	Source func(c echo.Context) string
	// Request returns the id of a request, for the log.
	Request func(c echo.Context) string
	// Verify, where it is not nil, returns the claims of a Security Event Token that
	// one whom the source may speak for has signed. Its error is a *Refusal, or the
	// bridge's own.
	Verify func(ctx context.Context, source, token string) (claims []byte, err error)
}

// A Handler takes signals in.
type Handler struct{ Options }

// New returns the handler.
func New(o Options) *Handler { return &Handler{o} }

// Mount mounts it below a group.
func (h *Handler) Mount(g *echo.Group) { g.POST("/events", h.events) }

func (h *Handler) events(c echo.Context) error {
	kind, _, _ := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, mostBody))
	if _, cut := errors.AsType[*http.MaxBytesError](err); cut {
		return echo.NewHTTPError(http.StatusRequestEntityTooLarge, fmt.Sprintf("One request tells %d bytes at most; send several.", mostBody))
	}
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, "The body could not be read to its end.")
	}
	switch strings.ToLower(kind) {
	case "application/json":
		return h.json(c, body)
	case "application/secevent+jwt":
		return h.token(c, strings.TrimSpace(string(body)))
	}
	return echo.NewHTTPError(http.StatusUnsupportedMediaType, "Send application/json, or application/secevent+jwt.")
}

// An Answer says what became of what was sent.
type Answer struct {
	Accepted int `json:"accepted"` // of these, those that were new
	Repeated int `json:"repeated"` // came before, and changed nothing
}

func (h *Handler) json(c echo.Context, body []byte) error {
	told, err := parse(body)
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, err.Error())
	}
	var answer Answer
	err = h.tell(c, told, &answer)
	if errors.Is(err, schema.ErrInvalid) {
		return echo.NewHTTPError(http.StatusBadRequest, err.Error())
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, answer)
}

// tell hands over all signals of a request, or none.
func (h *Handler) tell(c echo.Context, told []schema.Signal, answer *Answer) error {
	return h.Store.Update(c.Request().Context(), func(tx store.Tx) error {
		*answer = Answer{}
		p := access.Provenance{Source: h.Source(c), Received: tx.Now(), Request: h.Request(c), Book: h.Rules.Book()}
		for _, sig := range told {
			p.Occurred = sig.Occurred
			fresh, err := access.Tell(tx, p, sig)
			if err != nil {
				return err
			}
			if fresh {
				answer.Accepted++
			} else {
				answer.Repeated++
			}
		}
		return nil
	})
}

// parse reads one message, or a list of them in signals.
func parse(body []byte) ([]schema.Signal, error) {
	var list struct {
		Signals []json.RawMessage `json:"signals"`
	}
	messages := []json.RawMessage{body}
	if err := json.Unmarshal(body, &list); err == nil && list.Signals != nil {
		if err := strict(body, &list); err != nil {
			return nil, err
		}
		messages = list.Signals
	}
	if len(messages) > mostSignals {
		return nil, fmt.Errorf("one request tells %d signals at most", mostSignals)
	}
	told := make([]schema.Signal, len(messages))
	for i, text := range messages {
		var m message
		err := strict(text, &m)
		if err == nil {
			told[i], err = m.signal()
		}
		if err != nil && list.Signals != nil {
			err = fmt.Errorf("signals.%d: %w", i, err)
		}
		if err != nil {
			return nil, err
		}
	}
	return told, nil
}

// strict reads JSON in which nothing is unknown, and behind which is nothing.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the JSON")
	}
	return nil
}
