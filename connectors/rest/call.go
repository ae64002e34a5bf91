package rest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/web"
)

const (
	maxText    = 64 << 10 // of an answer, as rules read it
	briefPause = time.Second
)

// A reply is an answer that was as hoped for.
type reply struct {
	body    any // as JSON; nil where there is none
	headers map[string]string
	link    http.Header
}

// run makes the requests one after the other, until one fails, and returns what the last
// was answered.
func (c *Connector) run(ctx context.Context, all steps, in variables) (answer any, err error) {
	s := c.sequence(in)
	for _, r := range all {
		if err := s.make(ctx, r); err != nil {
			return nil, halfway(s.wrote, err)
		}
	}
	return s.answer, nil
}

// A sequence is requests of which each knows what those before it were answered. Where one
// failed, others may still be made: but none that reads what that one would have said.
type sequence struct {
	*Connector
	in      variables
	answer  any   // of the last that was made
	answers []any // of all
	wrote   bool
	failed  bool // one of them did
	unheard bool // the last that was to be made did
	held    bool // one failed that others need
}

func (c *Connector) sequence(in variables) *sequence {
	return &sequence{Connector: c, in: maps.Clone(in)}
}

// make makes the next of the requests, if it is to be made.
func (s *sequence) make(ctx context.Context, r *request) error {
	answer, made, err := s.made(ctx, r)
	s.answers = append(s.answers, answer)
	switch {
	case err != nil:
		s.failed, s.unheard, s.held = true, true, s.held || r.Needed
	case made:
		s.answer, s.unheard = answer, false
		s.wrote = s.wrote || r.method != http.MethodGet
	}
	return err
}

func (s *sequence) made(ctx context.Context, r *request) (answer any, made bool, err error) {
	switch {
	case s.held:
		return nil, false, permanent("%s: not made: one before it that is needed failed", r.name())
	case s.unheard && r.reads("answer"), s.failed && r.reads("answers"):
		return nil, false, permanent("%s: not made: it goes by the answer of one that failed", r.name())
	}
	s.in["answer"], s.in["answers"] = s.answer, slices.Clone(s.answers)
	s.in["random"] = randomText()
	if r.When.given() {
		does, err := r.When.truth(s.in)
		if err != nil {
			return nil, false, permanent("when: %w", err)
		}
		if !does {
			return nil, false, nil
		}
	}
	got, err := s.ask(ctx, r, s.in)
	return got.body, err == nil, err
}

// reads reports whether what the request says reads the variable.
func (r *request) reads(variable string) bool {
	for _, segment := range r.path.segments {
		for _, p := range segment {
			if p.expr != nil && p.expr.reads(variable) {
				return true
			}
		}
	}
	for _, e := range r.Query {
		if e.reads(variable) {
			return true
		}
	}
	return r.When.reads(variable) || r.Body.reads(variable)
}

// A halfwayError is that of a request before which others took effect.
type halfwayError struct{ error }

func (h halfwayError) Unwrap() error { return h.error }

func halfway(wrote bool, err error) error {
	if wrote {
		return halfwayError{err}
	}
	return err
}

// ask makes one request and returns its answer, or a *connectors.Error that says
// what may be done about it.
func (c *Connector) ask(ctx context.Context, r *request, in variables) (reply, error) {
	q, err := c.fill(r, in)
	if err != nil {
		return reply{}, err
	}
	return c.send(ctx, r, q)
}

// fill builds the request.
func (c *Connector) fill(r *request, in variables) (q web.Request, err error) {
	if _, ok := in["random"]; !ok {
		in = maps.Clone(in)
		in["random"] = randomText()
	}
	q = web.Request{Name: r.name(), Method: r.method, Header: c.header, Query: url.Values{}}
	if q.Path, err = r.path.fill(in); err != nil {
		return q, permanent("%s: %w", r.name(), err)
	}
	for name, e := range r.Query {
		value, err := e.words(in)
		if err != nil {
			return q, permanent("%s: query.%s: %w", r.name(), name, err)
		}
		if value != "" {
			q.Query.Set(name, value)
		}
	}
	if r.Body.given() {
		body, err := r.Body.eval(in)
		if err != nil {
			return q, permanent("%s: body: %w", r.name(), err)
		}
		if q.Body, err = json.Marshal(body); err != nil {
			return q, permanent("%s: body: %w", r.name(), err)
		}
	}
	return q, nil
}

// name returns the request as it is declared: without values, which name people.
func (r *request) name() string {
	for _, path := range []expression{r.Get, r.Post, r.Put, r.Patch, r.Delete} {
		if path.given() {
			return r.method + " " + path.text
		}
	}
	return r.method
}

// send sends the request and judges its answer.
func (c *Connector) send(ctx context.Context, r *request, q web.Request) (reply, error) {
	answer, err := c.web.Do(ctx, q)
	if err != nil {
		return reply{}, err
	}
	body, parseErr := parse(answer.Body)
	in := c.vars(variables{
		"status": int64(answer.Status), "headers": lowered(answer.Header), "body": body,
		"text": string(answer.Body[:min(len(answer.Body), maxText)]),
	})
	err = c.judge(r, q, answer, in)
	switch {
	case isMissing(err) && r.Optional:
		return reply{headers: lowered(answer.Header)}, nil
	case err != nil:
		return reply{}, err
	case parseErr != nil && len(strings.TrimSpace(string(answer.Body))) > 0:
		return reply{}, transient("%s: the answer is not as the target should give it: %w", q, parseErr)
	}
	return reply{body: body, headers: lowered(answer.Header), link: answer.Header}, nil
}

func lowered(h http.Header) map[string]string {
	all := make(map[string]string, len(h))
	for name, values := range h {
		all[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return all
}

// A refusedError is an answer that is not as hoped for.
type refusedError struct {
	request   string
	status    int
	detail    string
	throttled bool // it means "too many requests", and so that nothing was done
}

func (r *refusedError) Error() string {
	if r.detail == "" {
		return r.request
	}
	return r.request + ": " + r.detail
}

// judge returns nil for an answer that is as hoped for, and otherwise the error
// that says what may be done. The first rule whose condition is true counts; a
// condition that cannot be told is none.
func (c *Connector) judge(r *request, q web.Request, answer web.Answer, in variables) error {
	for _, rule := range slices.Concat(r.Errors, c.d.Errors) {
		if yes, err := rule.When.truth(in); err != nil || !yes {
			continue
		}
		if rule.Is == isDone {
			return nil
		}
		return c.refusal(q, answer, in, kinds[rule.Is], &rule)
	}
	if c.successful(answer.Status, in) {
		return nil // whatever people are called in it
	}
	if c.throttled(answer.Body) {
		return c.refusal(q, answer, in, connectors.Transient, nil)
	}
	return c.refusal(q, answer, in, web.KindOf(answer.Status), nil)
}

var kinds = map[meaning]connectors.Kind{
	isRetry: connectors.Transient, isPermanent: connectors.Permanent, isGone: connectors.Gone, isExists: connectors.Exists,
}

func (c *Connector) successful(status int, in variables) bool {
	if !c.d.Success.given() {
		return status/100 == 2
	}
	yes, err := c.d.Success.truth(in)
	return err == nil && yes
}

// throttled reports whether an answer that is no success is one that the profile
// knows to mean "too many requests", whatever its status.
func (c *Connector) throttled(body []byte) bool {
	for _, text := range c.o.Profile.Throttled {
		if strings.Contains(string(body), text) {
			return true
		}
	}
	return false
}

// refusal is the error of an answer, and makes every other call wait too if the
// target asks for it.
func (c *Connector) refusal(q web.Request, answer web.Answer, in variables, kind connectors.Kind, rule *errorRule) error {
	refused := &refusedError{request: q.String(), status: answer.Status, detail: c.message(answer, in)}
	if answer.Status/100 == 3 {
		refused.detail = "the target redirects elsewhere, which is not followed: correct baseURL"
	}
	refused.throttled = answer.Status == http.StatusTooManyRequests || rule == nil && c.throttled(answer.Body)
	e := &connectors.Error{Kind: kind, Code: strconv.Itoa(answer.Status), Err: refused}
	if kind != connectors.Transient {
		return e
	}
	e.After = web.Wait(answer.Header, c.o.Now())
	if rule != nil && rule.After.given() {
		if after := c.after(rule, in); after > 0 {
			e.After = after
		}
	}
	if e.After == 0 && refused.throttled {
		c.o.Rate.Pause(briefPause)
	}
	c.o.Rate.Pause(e.After)
	return e
}

func (c *Connector) after(rule *errorRule, in variables) time.Duration {
	switch v, _ := rule.After.eval(in); v := v.(type) {
	case int64:
		return web.Pause(v)
	case string:
		return web.RetryAfter(v, c.o.Now())
	}
	return 0
}

// message returns what the target says is wrong.
func (c *Connector) message(answer web.Answer, in variables) string {
	if c.d.Message.given() {
		if text, err := c.d.Message.words(in); err == nil && text != "" {
			return c.web.Clean(text)
		}
	}
	for _, at := range []string{"message", "error", "reason", "detail", "error_description"} {
		if text := said(in["body"], at); text != "" {
			return c.web.Clean(text)
		}
	}
	return c.web.Clean(string(answer.Body[:min(len(answer.Body), 1000)]))
}

// said returns the text under the key, or the message of what is there.
func said(body any, at string) string {
	m, _ := body.(map[string]any)
	switch v := m[at].(type) {
	case string:
		return v
	case map[string]any:
		text, _ := v["message"].(string)
		return text
	}
	return ""
}

// refuses reports whether the target refused, rather than failed.
func refuses(err error) bool {
	_, said := errors.AsType[*refusedError](err)
	return said && connectors.KindOf(err) != connectors.Transient
}

// uncertain reports whether what failed may have taken effect all the same, or
// did in part: there was no answer, or one from a server in trouble.
func uncertain(err error) bool {
	if joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok {
		return slices.ContainsFunc(joined.Unwrap(), uncertain)
	}
	if _, ok := errors.AsType[halfwayError](err); ok {
		return true
	}
	e, ok := errors.AsType[*connectors.Error](err)
	if r, refused := errors.AsType[*refusedError](err); refused {
		return r.status >= 500 && e.After == 0 && !r.throttled || r.status/100 == 2
	}
	return !ok || e.Kind == connectors.Transient && e.After == 0
}
