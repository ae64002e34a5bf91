// Package webhook provisions to an application that implements one endpoint.
//
// Each change is one POST that says what an account should be, signed as Standard
// Webhooks has it, and the answer says what it is. Whoever receives it needs to know
// nothing of the bridge but the contract in docs/connectors/webhook.md. A request
// may be sent again with the same id, and what it asks for is a state, so that doing
// it twice does no harm.
//
// An application that also says what accounts it has (option accounts) is read
// back, and its drift is seen.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"drawbridge/connectors"
	"drawbridge/connectors/web"
	"drawbridge/schema"
)

// A Sender tells one application what its accounts should be. It is safe for
// concurrent use.
type Sender struct {
	o    connectors.Options
	web  *web.Client
	keys []key

	rotates bool // the receiver can have secrets changed
}

// The abilities of every receiver. One that says what it has is a ReadBack.
var (
	_ connectors.Connector = (*Sender)(nil)
	_ connectors.Prober    = (*Sender)(nil)
	_ connectors.Closer    = (*Sender)(nil)
)

// Open returns a Sender, or, with option accounts, a ReadBack. It calls nothing.
func Open(o connectors.Options) (connectors.Connector, error) {
	o = o.Defaults()
	s := &Sender{o: o}
	var err, keyErr error
	if o.Auth.Secret != "" && o.Profile.Auth.Scheme != connectors.AuthSigned {
		return nil, errors.New("auth: messages are signed: write signing, and no other credential")
	}
	s.web, err = web.New(o)
	s.keys, keyErr = parseKeys(o.Auth.Secret)
	reads, flagErr := o.Flag("accounts")
	var rotateErr error
	s.rotates, rotateErr = o.Flag("rotates")
	if err := errors.Join(err, keyErr, flagErr, rotateErr, o.Known("accounts", "rotates", "timeout")); err != nil {
		return nil, err
	}
	if reads {
		return &ReadBack{s}, nil
	}
	return s, nil
}

// Close lets go of idle connections.
func (s *Sender) Close() error {
	s.web.Close()
	return nil
}

// Probe sends a message of type ping, which a receiver answers and otherwise
// ignores.
func (s *Sender) Probe(ctx context.Context) error {
	_, err := s.post(ctx, message{Type: typePing}, "ping/"+strconv.FormatInt(s.o.Now().UnixNano(), 36))
	return err
}

// Apply sends what the account should be, unless it is that already.
func (s *Sender) Apply(ctx context.Context, have, want schema.Account) (schema.Account, error) {
	if err := ctx.Err(); err != nil {
		return have, err
	}
	if len(connectors.Plan(have, want)) == 0 {
		return have, nil
	}
	d := s.desired(have, want)
	is, err := s.send(ctx, d)
	if err != nil && connectors.KindOf(err) == connectors.Gone {
		if !want.Active {
			return absent(have), nil // who is not there is not active
		}
		d.ID = ""
		is, err = s.send(ctx, d) // it may be there under another id, or has to be made anew
		if connectors.KindOf(err) == connectors.Gone && err != nil {
			err = &connectors.Error{Kind: connectors.Permanent, Err: fmt.Errorf("an account without an id is answered with not found: is baseURL right? %w", err)}
		}
	}
	if err != nil {
		return s.doubt(have, want, err), err
	}
	return s.outcome(have, want, d, is)
}

// desired returns what is sent.
func (s *Sender) desired(have, want schema.Account) desired {
	d := desired{
		Connector: s.o.Name, Identity: want.Identity, Active: want.Active, Decided: have.Due.Decided, Because: have.Due.Because,
		Attributes: map[string]string{}, Entitlements: []string{}, Revoke: []string{},
	}
	if !connectors.IsUnnamed(have.RemoteID) {
		d.ID = have.RemoteID
	}
	maps.Copy(d.Attributes, want.Attributes)
	if name := have.Attributes["userName"]; d.Attributes["userName"] == "" && name != "" {
		d.Attributes["userName"] = name // of somebody who left, to be found by
	}
	if want.Active {
		d.Entitlements = schema.Sorted(want.Entitlements...)
	}
	for _, name := range schema.Sorted(have.Managed...) {
		if !slices.Contains(d.Entitlements, name) {
			d.Revoke = append(d.Revoke, name)
		}
	}
	return d
}

// outcome returns the account as the answer has it: what it leaves out is as it was
// asked for.
func (s *Sender) outcome(have, want schema.Account, d desired, is *state) (schema.Account, error) {
	if is.Gone {
		if want.Active {
			return have, &connectors.Error{Kind: connectors.Transient, Err: errors.New("the receiver answers that it is done, and that there is no account")}
		}
		return absent(have), nil
	}
	got := have
	got.RemoteID, got.Active, got.Adopted = is.id(d), d.Active, have.Adopted
	got.Attributes = map[string]string{}
	maps.Copy(got.Attributes, have.Attributes)
	maps.Copy(got.Attributes, d.Attributes)
	if is.Attributes != nil {
		got.Attributes = is.Attributes
	}
	if !have.Exists() || connectors.IsUnnamed(have.RemoteID) {
		got.Adopted = is.Adopted
	}
	got.Entitlements = d.Entitlements
	for _, name := range have.Entitlements {
		if !slices.Contains(d.Revoke, name) {
			got.Entitlements = append(slices.Clone(got.Entitlements), name)
		}
	}
	if is.Entitlements != nil {
		got.Entitlements = *is.Entitlements
	}
	got.Entitlements = schema.Sorted(got.Entitlements...)
	if is.Active != nil {
		got.Active = *is.Active
	}
	return got, undone(got, want)
}

// undone returns an error if the answer says of an account that it is not as it was
// asked for. Attributes may be kept in a form of the receiver's own.
func undone(got, want schema.Account) error {
	for _, step := range connectors.Plan(got, want) {
		if step.Verb != connectors.Update {
			return &connectors.Error{Kind: connectors.Transient, Err: fmt.Errorf("the receiver answers that it is done, and there is still something to %s", step.Verb)}
		}
	}
	return nil
}

// absent returns the account as one that is not there.
func absent(have schema.Account) schema.Account {
	have.RemoteID, have.Active, have.Adopted, have.Attributes, have.Entitlements = "", false, false, nil, nil
	return have
}

// doubt returns the account as one of which nobody knows what is there, where the
// request may have taken effect. It is active and holds all that it may hold, so
// that whatever is asked for next is sent.
func (s *Sender) doubt(have, want schema.Account, err error) schema.Account {
	if !uncertain(err) || !want.Active && !have.Exists() {
		return have
	}
	if !have.Exists() {
		have.RemoteID, have.Attributes = connectors.Unnamed(want.Attributes["userName"]), maps.Clone(want.Attributes)
	}
	have.Active = true
	if !connectors.IsUnnamed(have.RemoteID) {
		have.Attributes = nil
	}
	have.Entitlements = schema.Sorted(slices.Concat(have.Entitlements, want.Entitlements)...)
	return have
}

// send sends the message about an account, and returns what there is.
func (s *Sender) send(ctx context.Context, d desired) (*state, error) {
	id, err := d.messageID()
	if err != nil {
		return nil, &connectors.Error{Kind: connectors.Permanent, Err: err}
	}
	answer, err := s.post(ctx, message{Type: typeAccount, Data: &d}, id)
	if err != nil {
		return nil, err
	}
	is := &state{}
	if len(answer.Body) == 0 {
		return is, nil
	}
	if err := json.Unmarshal(answer.Body, is); err != nil {
		return nil, &connectors.Error{Kind: connectors.Transient, Err: errors.New("the receiver's answer is not as its contract has it: want a JSON object, or nothing")}
	}
	return is, nil
}

func (s *Sender) post(ctx context.Context, m message, id string) (web.Answer, error) {
	m.Timestamp = s.o.Now().UTC()
	body, err := json.Marshal(m)
	if err != nil {
		return web.Answer{}, &connectors.Error{Kind: connectors.Permanent, Err: err}
	}
	return s.do(ctx, web.Request{Name: "POST " + m.Type, Method: http.MethodPost, Body: body}, id, body)
}

// do makes a request that is signed, and judges its answer by its status.
func (s *Sender) do(ctx context.Context, r web.Request, id string, content []byte) (web.Answer, error) {
	r.Header = s.signed(id, content)
	answer, err := s.web.Do(ctx, r)
	if err != nil || answer.Status/100 == 2 {
		return answer, err
	}
	e := &connectors.Error{Kind: web.KindOf(answer.Status), Code: strconv.Itoa(answer.Status), Err: &refusedError{r.Name, answer.Status, s.detail(answer)}}
	if e.Kind == connectors.Transient {
		e.After = web.Wait(answer.Header, s.o.Now())
		s.o.Rate.Pause(e.After)
	}
	return answer, e
}

// detail returns what the receiver says is wrong.
func (s *Sender) detail(answer web.Answer) string {
	if answer.Status/100 == 3 {
		return "it redirects elsewhere, which is not followed: correct baseURL"
	}
	var said struct{ Detail, Message, Error string }
	if json.Unmarshal(answer.Body, &said) == nil {
		for _, text := range []string{said.Detail, said.Message, said.Error} {
			if text != "" {
				return s.web.Clean(text)
			}
		}
	}
	return s.web.Clean(string(answer.Body[:min(len(answer.Body), 1000)]))
}

// A refusedError is an answer that is not 2xx.
type refusedError struct {
	request string
	status  int
	detail  string
}

func (r *refusedError) Error() string {
	if r.detail == "" {
		return r.request
	}
	return r.request + ": " + r.detail
}

// uncertain reports whether a request that failed may have taken effect all the
// same.
func uncertain(err error) bool {
	if r, ok := errors.AsType[*refusedError](err); ok {
		return r.status >= 500
	}
	e, ok := errors.AsType[*connectors.Error](err)
	return !ok || e.Kind == connectors.Transient && e.After == 0
}
