package sqltest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// A Proxy stands between a connector and a server. It counts requests, and makes
// one fail: before the server hears of it, or after it answered.
type Proxy struct {
	Addr string

	server *Server

	mu     sync.Mutex
	in     int  // requests until one fails; 0: never
	commit bool // only commits count
	took   bool
	strike func() // instead of dropping the connection
	writes int
	conns  map[net.Conn]bool
}

// NewProxy starts a proxy, which ends with the test.
func NewProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), server: s, conns: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.HangUp()
		wg.Wait()
	})
	return p
}

// HangUp drops every connection there is.
func (p *Proxy) HangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Writes returns how many requests to change something there were.
func (p *Proxy) Writes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writes
}

// Fail makes the nth request from now fail.
func (p *Proxy) Fail(nth int, took bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.in, p.took, p.strike, p.commit = nth, took, nil, false
}

// FailCommit makes the next commit fail.
func (p *Proxy) FailCommit(took bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.in, p.took, p.strike, p.commit = 1, took, nil, true
}

// Before has something done before the nth request from now goes on.
func (p *Proxy) Before(nth int, do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.in, p.strike, p.commit = nth, do, false
}

// Spent reports whether the request was made to fail, and no longer waits for it.
func (p *Proxy) Spent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	spent := p.in == 0
	p.in = 0
	return spent
}

var changing = regexp.MustCompile(`(?i)^\s*(insert|update|delete|replace|create|alter|drop|grant|revoke|rename|comment|kill|call)\b|pg_terminate_backend`)

// ping is what pgx asks of a connection that has lain unused: no request of the
// connector's, and if it fails there is another connection.
const ping = "-- ping"

// request counts one, and says what becomes of it.
func (p *Proxy) request(sql string) (drop, took bool) {
	if sql == ping {
		return false, false
	}
	p.mu.Lock()
	if changing.MatchString(sql) {
		p.writes++
	}
	counts := !p.commit || strings.EqualFold(sql, "commit")
	struck := counts && p.in == 1
	if counts {
		p.in = max(0, p.in-1)
	}
	strike := p.strike
	took = p.took
	p.mu.Unlock()
	if struck && strike != nil {
		strike()
		return false, false
	}
	return struck, took
}

// A wire is one connection of a client, and its own to the server.
type wire struct {
	*Proxy

	client, server net.Conn
	statements     map[string]string // prepared, by name or id

	mu       sync.Mutex
	hangUp   bool   // when the server answers
	prepared string // what the server is about to give an id
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("unix", p.server.Socket) //nolint:noctx // it ends with the connection
	if err != nil {
		_ = client.Close()
		return
	}
	w := &wire{Proxy: p, client: client, server: server, statements: map[string]string{}}
	p.mu.Lock()
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(w.back)
	if p.server.Scheme == "postgres" {
		_ = w.postgres(bufio.NewReader(client))
	} else {
		_ = w.mysql(bufio.NewReader(client))
	}
	_ = server.Close()
	_ = client.Close()
	wg.Wait()
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

// back passes on what the server says.
func (w *wire) back() {
	defer func() { _, _ = w.client.Close(), w.server.Close() }()
	chunk := make([]byte, 64<<10)
	for {
		n, err := w.server.Read(chunk)
		w.mu.Lock()
		if w.prepared != "" && n >= 9 && chunk[4] == 0 {
			w.statements[string(chunk[5:9])] = w.prepared
		}
		w.prepared = ""
		hangUp := w.hangUp
		w.mu.Unlock()
		if err != nil || hangUp {
			return
		}
		if _, err := w.client.Write(chunk[:n]); err != nil {
			return
		}
	}
}

// forward passes a request on, or drops it.
func (w *wire) forward(message []byte, sql string) error {
	drop, took := w.request(sql)
	if drop && !took {
		return io.EOF
	}
	if drop {
		w.mu.Lock()
		w.hangUp = true
		w.mu.Unlock()
	}
	_, err := w.server.Write(message)
	return err
}

// postgres passes on what a client of PostgreSQL says. A request is what ends with
// a Sync.
func (w *wire) postgres(client *bufio.Reader) error {
	var head [5]byte
	if _, err := io.ReadFull(client, head[:4]); err != nil {
		return err
	}
	first := make([]byte, binary.BigEndian.Uint32(head[:4])-4)
	if _, err := io.ReadFull(client, first); err != nil {
		return err
	}
	if _, err := w.server.Write(append(head[:4:4], first...)); err != nil {
		return err
	}
	var request []byte
	sql := ""
	for {
		if _, err := io.ReadFull(client, head[:]); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return err
		}
		request = append(append(request, head[:]...), body...)
		var err error
		switch head[0] {
		case 'P': // parse: name, text
			name, rest := cut(body)
			w.statements[name], _ = cut(rest)
		case 'B': // bind: portal, name
			_, rest := cut(body)
			name, _ := cut(rest)
			sql = w.statements[name]
		case 'Q':
			sql, _ = cut(body)
			err = w.forward(request, sql)
			request, sql = nil, ""
		case 'S':
			err = w.forward(request, sql)
			request, sql = nil, ""
		case 'p', 'X':
			_, err = w.server.Write(request)
			request = nil
		}
		if err != nil {
			return err
		}
	}
}

// cut returns what comes before a zero, and what after.
func cut(b []byte) (string, []byte) {
	for i, c := range b {
		if c == 0 {
			return string(b[:i]), b[i+1:]
		}
	}
	return string(b), nil
}

var errShort = errors.New("an empty packet")

// mysql passes on what a client of MySQL says. A request is a packet that begins a
// new exchange.
func (w *wire) mysql(client *bufio.Reader) error {
	for {
		var head [4]byte
		if _, err := io.ReadFull(client, head[:]); err != nil {
			return err
		}
		body := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
		if _, err := io.ReadFull(client, body); err != nil {
			return err
		}
		packet := append(head[:], body...)
		if head[3] > 0 { // it belongs to logging in
			if _, err := w.server.Write(packet); err != nil {
				return err
			}
			continue
		}
		if len(body) == 0 {
			return errShort
		}
		var err error
		switch body[0] {
		case 0x03: // query
			err = w.forward(packet, string(body[1:]))
		case 0x16: // prepare
			w.mu.Lock()
			w.prepared = string(body[1:])
			w.mu.Unlock()
			err = w.forward(packet, "")
		case 0x17: // execute
			w.mu.Lock()
			sql := w.statements[string(body[1:5])]
			w.mu.Unlock()
			err = w.forward(packet, sql)
		case 0x01, 0x19: // quit, close a statement: without an answer
			_, err = w.server.Write(packet)
		default:
			err = w.forward(packet, "")
		}
		if err != nil {
			return err
		}
	}
}
