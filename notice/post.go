package notice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/webhook"
)

// Client is what messages are posted by: it goes where it is told and nowhere else.
func Client() *http.Client {
	return &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// A Hook posts what anybody is told to an address, signed as Standard Webhooks has it.
type Hook struct {
	Title  string
	URL    connectors.Secret // whoever knows it may post there
	Keys   webhook.Keys
	Client *http.Client
}

// Name is the channel's.
func (h *Hook) Name() string { return h.Title }

// Reaches is true: it hears what everybody is told.
func (*Hook) Reaches(To) bool { return true }

// Send posts a message.
func (h *Hook) Send(ctx context.Context, m Message) error {
	content, err := json.Marshal(struct {
		Type string    `json:"type"`
		At   time.Time `json:"timestamp"`
		Data any       `json:"data"`
	}{"notice", m.At, map[string]any{"to": m.To.ID, "name": m.To.Name, "address": m.To.Address, "items": m.Items, "more": m.More}})
	if err != nil {
		return err
	}
	return post(ctx, h.Client, h.URL, h.Keys.Sign(m.ID, m.At, content), content)
}

// A Slack posts what the operators are told where a chat takes what Slack takes.
type Slack struct {
	Title     string
	URL       connectors.Secret
	Templates *Templates
	Client    *http.Client
}

// Name is the channel's.
func (s *Slack) Name() string { return s.Title }

// Reaches is true of the operators: a room is no place for what one person is told.
func (*Slack) Reaches(to To) bool { return to.Operators }

// plain makes of what has a meaning to Slack (a mention, a link) the text that it is.
var plain = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Send posts a message.
func (s *Slack) Send(ctx context.Context, m Message) error {
	m.Items = slices.Clone(m.Items)
	for i := range m.Items {
		m.Items[i].What = plain.Replace(m.Items[i].What) // sources name people as they like
	}
	text, err := s.Templates.text("slack.txt", m)
	if err != nil {
		return err
	}
	content, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		return err
	}
	return post(ctx, s.Client, s.URL, http.Header{}, content)
}

// post sends JSON, and takes any answer of success for taken. No error says where to:
// the address is a secret.
func post(ctx context.Context, client *http.Client, to connectors.Secret, header http.Header, content []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.Reveal(), bytes.NewReader(content))
	if err != nil {
		return errors.New("its address is no URL")
	}
	req.Header = header
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)); err != nil {
		return err
	}
	switch {
	case res.StatusCode/100 == 2:
		return nil
	case slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, res.StatusCode):
		return &Refusal{Reason: fmt.Sprintf("it answered %d, and would to the same again", res.StatusCode)}
	}
	return fmt.Errorf("it answered %d", res.StatusCode)
}
