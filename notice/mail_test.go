package notice_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"drawbridge/notice"
	"drawbridge/schema"
)

// A postOffice is a mail server: it speaks STARTTLS unless it is plain, wants who logs in
// to be ann, and keeps what comes.
type postOffice struct {
	t        *testing.T
	listener net.Listener
	config   *tls.Config
	roots    *x509.CertPool
	plain    bool
	refuses  string // an answer to RCPT
	whom     string // of whom; of everybody, where it is empty

	mu     sync.Mutex
	mails  []delivery
	logins int
	done   sync.WaitGroup
}

type delivery struct {
	from string
	to   []string
	text string
	tls  bool
}

func newPostOffice(t *testing.T, change ...func(*postOffice)) *postOffice {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "post"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	p := &postOffice{t: t, listener: l, roots: x509.NewCertPool(), config: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}
	p.roots.AddCert(cert)
	for _, f := range change {
		f(p)
	}
	p.done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.done.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); p.done.Wait() })
	return p
}

func (p *postOffice) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	r, secure := bufio.NewReader(conn), false
	say := func(s string) { io.WriteString(conn, s+"\r\n") }
	say("220 post")
	var d delivery
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "EHLO":
			if !secure && !p.plain {
				say("250-post\r\n250 STARTTLS")
				continue
			}
			say("250-post\r\n250 AUTH PLAIN")
		case "STARTTLS":
			say("220 go")
			over := tls.Server(conn, p.config)
			conn, r, secure = over, bufio.NewReader(over), true
		case "AUTH":
			if line != "AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00ann\x00a-password")) {
				say("535 no")
				continue
			}
			p.mu.Lock()
			p.logins++
			p.mu.Unlock()
			say("235 yes")
		case "MAIL":
			d = delivery{from: line, tls: secure}
			say("250 ok")
		case "RCPT":
			if p.refuses != "" && strings.Contains(line, p.whom) {
				say(p.refuses)
				continue
			}
			d.to = append(d.to, line)
			say("250 ok")
		case "DATA":
			say("354 go")
			d.text = readData(r)
			p.mu.Lock()
			p.mails = append(p.mails, d)
			p.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("502 what?")
		}
	}
}

func readData(r *bufio.Reader) string {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil || line == ".\r\n" {
			return b.String()
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
}

func templates(t *testing.T, files fstest.MapFS) *notice.Templates {
	t.Helper()
	if files == nil {
		files = fstest.MapFS{}
	}
	all, err := notice.ReadTemplates(files)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (p *postOffice) mail(t *testing.T, files fstest.MapFS) *notice.Mail {
	return &notice.Mail{
		Address: p.listener.Addr().String(), From: "Drawbridge <bridge@example.com>", Username: "ann", Password: "a-password",
		Operators: []string{"ops@example.com", "night@example.com"}, Templates: templates(t, files),
		TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: p.roots},
	}
}

var two = notice.Message{
	ID: "msg_1", To: notice.To{ID: "1", Name: "bob", Address: "bob@example.com"}, At: time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC),
	Items: []notice.Item{{Kind: "approval", What: "Zoë is to have role admin, if you agree", Due: "2026-11-26 14:00 UTC", Link: "https://bridge.example.com/console/approvals"}, {What: "role x ends"}},
}

// TestMail sends over a real connection: by TLS, logged in, in one piece.
func TestMail(t *testing.T) {
	p := newPostOffice(t)
	m := p.mail(t, nil)
	if !m.Reaches(two.To) || m.Reaches(notice.To{Name: "x"}) || m.Reaches(notice.To{Address: "a@b\r\nBcc: c@d"}) {
		t.Error("whom it reaches is not whose address is known")
	}
	if err := m.Send(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	ops := two
	ops.To, ops.Items = notice.To{Operators: true}, two.Items[:1]
	if err := m.Send(t.Context(), ops); err != nil {
		t.Fatal(err)
	}
	if len(p.mails) != 2 || p.logins != 2 || !p.mails[0].tls {
		t.Fatalf("it has %+v, after %d logins", p.mails, p.logins)
	}
	if got := p.mails[1].to; len(got) != 2 || got[1] != "RCPT TO:<night@example.com>" {
		t.Errorf("the operators' is to %v", got)
	}
	got, err := mail.ReadMessage(strings.NewReader(p.mails[0].text))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"From": `"Drawbridge" <bridge@example.com>`, "To": "<bob@example.com>", "Subject": "2 things from Drawbridge", "Message-Id": "<msg_1@example.com>", "Auto-Submitted": "auto-generated"} {
		if got := got.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	body, err := io.ReadAll(quotedprintable.NewReader(got.Body))
	if err != nil || !strings.Contains(string(body), "- Zoë is to have role admin, if you agree (by 2026-11-26 14:00 UTC)") || !strings.Contains(string(body), "/console/approvals") {
		t.Errorf("it reads %s, %v", body, err)
	}
}

// TestMailIsOneMail has what is told try to be more than that.
func TestMailIsOneMail(t *testing.T) {
	p := newPostOffice(t)
	evil := two
	evil.Items = []notice.Item{{What: "x\r\nBcc: eve@example.com\r\n\r\n.\r\nMAIL FROM:<eve@example.com>"}}
	if err := p.mail(t, nil).Send(t.Context(), evil); err != nil {
		t.Fatal(err)
	}
	got, err := mail.ReadMessage(strings.NewReader(p.mails[0].text))
	if err != nil || got.Header.Get("Bcc") != "" || len(p.mails) != 1 || len(p.mails[0].to) != 1 {
		t.Errorf("it is %+v, %v", p.mails, err)
	}
	word := mime.WordDecoder{}
	if subject, err := word.DecodeHeader(got.Header.Get("Subject")); err != nil || subject != "x Bcc: eve@example.com . MAIL FROM:<eve@example.com>" {
		t.Errorf("its subject is %q, %v", subject, err)
	}
	evil.To.Address = "a@b.c\r\nBcc: eve@example.com"
	if err := p.mail(t, nil).Send(t.Context(), evil); !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("an address with a line in it: %v", err)
	}
}

// TestMailFails says why, and shows no password.
func TestMailFails(t *testing.T) {
	for name, test := range map[string]struct {
		office func(*postOffice)
		mail   func(*notice.Mail)
		want   string
	}{
		"another password":         {func(*postOffice) {}, func(m *notice.Mail) { m.Password = "another" }, "log in as ann: 535 \"no\""},
		"a stranger's certificate": {func(*postOffice) {}, func(m *notice.Mail) { m.TLS = nil }, "certificate"},
		"refused":                  {func(p *postOffice) { p.refuses = "450 later" }, func(*notice.Mail) {}, "the server did not take 1 of 1 addresses (it answered 450)"},
		"nobody is there":          {func(*postOffice) {}, func(m *notice.Mail) { m.Address = "127.0.0.1:1" }, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPostOffice(t, test.office)
			m := p.mail(t, nil)
			test.mail(m)
			err := m.Send(t.Context(), two)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "another") {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if len(p.mails) != 0 {
				t.Errorf("it was sent: %+v", p.mails)
			}
		})
	}
	p := newPostOffice(t, func(p *postOffice) { p.plain = true })
	if err := p.mail(t, nil).Send(t.Context(), two); err != nil { // on this machine
		t.Error(err)
	}
}

// TestTemplates puts others in the place of those that ship, and refuses what cannot be
// said.
func TestTemplates(t *testing.T) {
	p := newPostOffice(t)
	m := p.mail(t, fstest.MapFS{"subject.txt": {Data: []byte("Bitte: {{(index .Items 0).What}}")}})
	if err := m.Send(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	if text := p.mails[0].text; !strings.Contains(text, "Subject: =?utf-8?q?Bitte:") || !strings.Contains(text, "Drawbridge sends this") {
		t.Errorf("it is %s", text)
	}
	for _, files := range []fstest.MapFS{
		{"subjekt.txt": {Data: []byte("x")}}, {"mail.txt": {Data: []byte("{{.Nobody}}")}}, {"mail.txt": {Data: []byte("{{")}},
	} {
		if _, err := notice.ReadTemplates(files); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%v: %v", files, err)
		}
	}
}

// TestOneBadAddress keeps nobody else from being told, and what the server says of it is
// not repeated: it has the address in it.
func TestOneBadAddress(t *testing.T) {
	p := newPostOffice(t, func(p *postOffice) { p.refuses, p.whom = "550 5.1.1 <night@example.com> is unknown", "night@" })
	ops := two
	ops.To = notice.To{Operators: true}
	refused, ok := errors.AsType[*notice.Refusal](p.mail(t, nil).Send(t.Context(), ops))
	if !ok || !refused.Some || refused.Again || strings.Contains(refused.Reason, "night") || !strings.Contains(refused.Reason, "1 of 2") || !strings.Contains(refused.Reason, "550") {
		t.Errorf("it says %+v", refused)
	}
	if len(p.mails) != 1 || len(p.mails[0].to) != 1 || p.mails[0].to[0] != "RCPT TO:<ops@example.com>" {
		t.Errorf("it was sent as %+v", p.mails)
	}
	one := two
	one.To.Address = "night@example.com"
	if refused, ok = errors.AsType[*notice.Refusal](p.mail(t, nil).Send(t.Context(), one)); !ok || refused.Some || refused.Again || len(p.mails) != 1 {
		t.Errorf("to them alone it says %+v", refused)
	}
}

// TestOneAddressLater has the server put one of two off: the other one has it, and is not
// sent it again.
func TestOneAddressLater(t *testing.T) {
	p := newPostOffice(t, func(p *postOffice) { p.refuses, p.whom = "451 4.7.1 come back later", "night@" })
	m, ops := p.mail(t, nil), two
	ops.To = notice.To{Operators: true}
	refused, ok := errors.AsType[*notice.Refusal](m.Send(t.Context(), ops))
	if !ok || !refused.Some || !refused.Again || !slices.Equal(refused.Left, []string{"night@example.com"}) {
		t.Fatalf("it says %+v", refused)
	}
	ops.To.Left = refused.Left
	if refused, ok = errors.AsType[*notice.Refusal](m.Send(t.Context(), ops)); !ok || refused.Some || !refused.Again {
		t.Errorf("put off again, it says %+v", refused)
	}
	p.refuses = ""
	if err := m.Send(t.Context(), ops); err != nil || len(p.mails) != 2 || !slices.Equal(p.mails[1].to, []string{"RCPT TO:<night@example.com>"}) {
		t.Errorf("it was sent as %+v, %v", p.mails, err)
	}
	m.Operators = m.Operators[:1]
	if err := m.Send(t.Context(), ops); err != nil || len(p.mails) != 2 {
		t.Errorf("who is no operator any longer is sent %+v, %v", p.mails, err)
	}
}

// TestNotForOne is for the operators, but for one of them who is told by themselves.
func TestNotForOne(t *testing.T) {
	p := newPostOffice(t)
	m, ops := p.mail(t, nil), two
	ops.To = notice.To{Operators: true, But: []string{"night@example.com"}}
	if err := m.Send(t.Context(), ops); err != nil || len(p.mails) != 1 || !slices.Equal(p.mails[0].to, []string{"RCPT TO:<ops@example.com>"}) {
		t.Errorf("it was sent as %+v, %v", p.mails, err)
	}
	ops.To.But = append(ops.To.But, "ops@example.com")
	if err := m.Send(t.Context(), ops); err != nil || len(p.mails) != 1 {
		t.Errorf("all are told by themselves, and it was sent as %+v, %v", p.mails, err)
	}
}

// TestMore says how much more there is than a message says.
func TestMore(t *testing.T) {
	p := newPostOffice(t)
	var many []schema.Notice
	for range 60 {
		many = append(many, schema.Notice{What: "do it"})
	}
	if err := p.mail(t, nil).Send(t.Context(), notice.Of("msg_2", two.To, many, "https://b", two.At)); err != nil {
		t.Fatal(err)
	}
	if text := p.mails[0].text; strings.Count(text, "- do it") != 50 || !strings.Contains(text, "- and 10 more") || !strings.Contains(text, "https://b/console/") {
		t.Errorf("it reads %s", text)
	}
}
