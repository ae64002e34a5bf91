package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"drawbridge/connectors"

	"github.com/go-ldap/ldap/v3"
)

// idle is how long a connection may have lain unused and still be trusted:
// firewalls forget connections without telling anybody.
const idle = time.Minute

// A link is one connection to the server, authenticated.
type link struct {
	*ldap.Conn

	raw  net.Conn // closing it ends whatever the connection is at
	used time.Time
}

// A pool keeps links that are not in use, up to as many as may be open at once.
type pool struct {
	*settings

	places chan struct{} // a place for each link that may be open

	mu   sync.Mutex
	free []*link // the one used last is used next
}

func newPool(s *settings) *pool {
	return &pool{settings: s, places: make(chan struct{}, s.connections)}
}

// take returns a link that nobody else uses, and opens one if there is none.
func (p *pool) take(ctx context.Context) (*link, error) {
	select {
	case p.places <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for l := p.pop(); l != nil; l = p.pop() {
		if !l.IsClosing() && time.Since(l.used) < idle {
			return l, nil
		}
		_ = l.raw.Close()
	}
	l, err := p.dial(ctx)
	if err != nil {
		<-p.places
	}
	return l, err
}

func (p *pool) pop() *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return nil
	}
	l := p.free[last]
	p.free = p.free[:last]
	return l
}

// give takes a link back. One that may still be owed an answer is closed.
func (p *pool) give(l *link, good bool) {
	defer func() { <-p.places }()
	if !good {
		_ = l.raw.Close()
		return
	}
	l.used = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, l)
}

func (p *pool) close() {
	for l := p.pop(); l != nil; l = p.pop() {
		_ = l.raw.Close()
	}
}

// dial connects, encrypts and authenticates.
func (p *pool) dial(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, p.network, p.address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	l, err := p.open(ctx, raw)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return l, nil
}

func (p *pool) open(ctx context.Context, raw net.Conn) (*link, error) {
	l := &link{raw: raw}
	if p.tls != nil && !p.startTLS {
		secure := tls.Client(raw, p.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		raw = secure
	}
	l.Conn = ldap.NewConn(raw, p.tls != nil && !p.startTLS)
	l.SetTimeout(p.timeout)
	l.Start()
	if p.startTLS {
		// Where this fails nothing is sent in clear text instead.
		if err := l.StartTLS(p.tls); err != nil {
			return nil, fmt.Errorf("start TLS: %w", err)
		}
	}
	if p.user == "" {
		return l, nil
	}
	if err := l.Bind(p.user, p.secret.Reveal()); err != nil {
		return nil, fmt.Errorf("bind as %s: %w", p.user, err)
	}
	return l, nil
}

// A session is one link at work for one call of the connector.
type session struct {
	*Connector

	ctx  context.Context // of the call, as long as which the session lives
	link *link
	good bool // every request was answered: the link may be used again
}

// with has a session to do something with.
func (c *Connector) with(ctx context.Context, do func(*session) error) error {
	l, err := c.pool.take(ctx)
	if err != nil {
		return unreachable(ctx, err)
	}
	s := &session{Connector: c, ctx: ctx, link: l, good: true}
	stop := context.AfterFunc(ctx, func() { _ = l.raw.Close() })
	defer func() { c.pool.give(l, stop() && s.good) }()
	return do(s)
}

// request makes one request, at the pace the target allows. Results that are in
// fine count as success.
func (s *session) request(name string, do func(*ldap.Conn) error, fine ...uint16) error {
	if err := s.Rate.Wait(s.ctx, name); err != nil {
		return err
	}
	start := time.Now()
	err := do(s.link.Conn)
	if s.Observe != nil {
		s.Observe(name, status(err), time.Since(start))
	}
	if err != nil && status(err) == 0 {
		s.good = false
	}
	if is(err, fine...) {
		return nil
	}
	return failure(s.ctx, name, err)
}

// status returns an LDAP result as Options.Observe counts them: 200 for success,
// 0 for no answer.
func status(err error) int {
	if err == nil {
		return 200
	}
	if result, ok := errors.AsType[*ldap.Error](err); ok && result.ResultCode < ldap.ErrorNetwork {
		return int(result.ResultCode)
	}
	return 0
}

// search returns all entries below the base that the filter finds, page by page.
// It is complete, or an error: one that lies on another server, which would have
// to be asked for it, is missing.
func (s *session) search(base, filter string, attributes []string, page func([]*ldap.Entry) error) error {
	paging := ldap.NewControlPaging(s.pageSize)
	for {
		result, err := s.ask(base, ldap.ScopeWholeSubtree, filter, attributes, 0, paging)
		if err != nil {
			return err
		}
		if err := page(result.Entries); err != nil {
			return err
		}
		next, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok || len(next.Cookie) == 0 {
			return nil
		}
		paging.SetCookie(next.Cookie)
	}
}

// few returns the entries below the base that the filter finds, of which no more
// than two are wanted: whether it is one is all that matters.
func (s *session) few(base, filter string, attributes []string) ([]*ldap.Entry, error) {
	result, err := s.ask(base, ldap.ScopeWholeSubtree, filter, attributes, 2)
	if result != nil && len(result.Entries) == 2 && is(err, ldap.LDAPResultSizeLimitExceeded) {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return result.Entries, nil
}

// entry returns the entry with the name, nil if there is none.
func (s *session) entry(dn string, attributes []string) (*ldap.Entry, error) {
	result, err := s.ask(dn, ldap.ScopeBaseObject, "(objectClass=*)", attributes, 0)
	if is(err, ldap.LDAPResultNoSuchObject) {
		return nil, nil
	}
	if err != nil || len(result.Entries) == 0 {
		return nil, err
	}
	return result.Entries[0], nil
}

func (s *session) ask(base string, scope int, filter string, attributes []string, most int, controls ...ldap.Control) (*ldap.SearchResult, error) {
	var result *ldap.SearchResult
	seconds := max(1, int(s.timeout/time.Second))
	if s.oneDomain {
		controls = append(controls, ldap.NewControlString(ldap.ControlTypeMicrosoftDomainScope, true, ""))
	}
	err := s.request("search", func(c *ldap.Conn) (err error) {
		result, err = c.Search(ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, most, seconds, false, filter, attributes, controls))
		return err
	})
	if is(err, ldap.LDAPResultNoSuchObject) && scope != ldap.ScopeBaseObject {
		return nil, &connectors.Error{
			Kind: connectors.Transient, After: lockedOut, Code: code(ldap.LDAPResultNoSuchObject),
			Err: fmt.Errorf("search: the server has no %s, or does not show it to us", base),
		}
	}
	if err == nil && len(result.Referrals) > 0 {
		return nil, refused(connectors.Permanent, "search %s: part of it is on another server (%s): name the server that has all", base, result.Referrals[0])
	}
	return result, err
}
