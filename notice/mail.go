package notice

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// sendTime is how long a server has to take a message.
const sendTime = time.Minute

// Mail tells by SMTP. Nothing goes to a server elsewhere without TLS.
type Mail struct {
	Address   string // host:port
	From      string
	Username  string            // without one, nobody logs in
	Password  connectors.Secret // likewise
	Operators []string          // addresses
	Templates *Templates
	TLS       *tls.Config // nil: the system's
}

// Name is the channel's.
func (*Mail) Name() string { return "mail" }

// Reaches reports whether an address is known.
func (m *Mail) Reaches(to To) bool {
	if to.Operators {
		return len(m.Operators) > 0
	}
	_, err := address(to.Address)
	return err == nil
}

// Send hands a message to the server.
func (m *Mail) Send(ctx context.Context, msg Message) error {
	to := []string{msg.To.Address}
	if msg.To.Operators {
		to = slices.Clone(m.Operators)
	}
	text, from, to, err := m.compose(msg, to)
	if err != nil {
		return err
	}
	if left := msg.To.Left; len(left) > 0 {
		to = slices.DeleteFunc(to, func(one string) bool { return !slices.Contains(left, one) })
	}
	to = slices.DeleteFunc(to, func(one string) bool { return slices.Contains(msg.To.But, one) })
	if len(to) == 0 {
		return nil // whoever does not have it is no operator any longer, or told by themselves
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.Address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it was quit, or failed
	if until, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(until); err != nil {
			return err
		}
	}
	return m.deliver(conn, from, to, text)
}

func (m *Mail) deliver(conn net.Conn, from string, to []string, text []byte) error {
	host, _, err := net.SplitHostPort(m.Address)
	if err != nil {
		return err
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // likewise
	if err := m.secure(c, host); err != nil {
		return err
	}
	if m.Username != "" {
		if err := c.Auth(smtp.PlainAuth("", m.Username, m.Password.Reveal(), host)); err != nil {
			return fmt.Errorf("log in as %s: %w", m.Username, err)
		}
	}
	if err := c.Mail(from); err != nil {
		return err
	}
	refused, err := recipients(c, to)
	if err != nil {
		return err
	}
	if refused != nil && !refused.Some {
		return refused
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = c.Quit() // it has the message, whatever becomes of the connection
	if refused != nil {
		return refused
	}
	return nil
}

// recipients names them to the server, and returns what it said to those whom it does not
// take: one of many keeps it from none of the others. What the server says may have their
// address in it, and only its code is told.
func recipients(c *smtp.Client, to []string) (refused *Refusal, err error) {
	var codes []int
	var later []string
	for _, one := range to {
		err := c.Rcpt(one)
		said, answered := errors.AsType[*textproto.Error](err)
		switch {
		case err == nil:
		case answered:
			codes = append(codes, said.Code)
			if said.Code < 500 {
				later = append(later, one)
			}
		default:
			return nil, err
		}
	}
	if len(codes) == 0 {
		return nil, nil
	}
	refused = &Refusal{
		Reason: fmt.Sprintf("the server did not take %d of %d addresses (it answered %d)", len(codes), len(to), slices.Max(codes)),
		Some:   len(codes) < len(to), Again: len(later) > 0,
	}
	if refused.Some {
		refused.Left = later
	}
	return refused, nil
}

// secure begins TLS, which only a server on this machine may lack.
func (m *Mail) secure(c *smtp.Client, host string) error {
	if ok, _ := c.Extension("STARTTLS"); !ok {
		if connectors.Loopback(host) {
			return nil
		}
		return fmt.Errorf("%s speaks no TLS (STARTTLS), and what people are told does not go over a network without it: %w", host, schema.ErrUnavailable)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if m.TLS != nil {
		config = m.TLS.Clone()
	}
	config.ServerName = host
	return c.StartTLS(config)
}

// compose writes the message as it is sent, and returns the bare addresses.
func (m *Mail) compose(msg Message, to []string) (text []byte, from string, bare []string, err error) {
	sender, err := address(m.From)
	if err != nil {
		return nil, "", nil, err
	}
	var shown []string
	for _, one := range to {
		a, err := address(one)
		if err != nil {
			return nil, "", nil, err
		}
		bare, shown = append(bare, a.Address), append(shown, (&mail.Address{Address: a.Address}).String())
	}
	subject, err := m.Templates.text("subject.txt", msg)
	if err != nil {
		return nil, "", nil, err
	}
	body, err := m.Templates.text("mail.txt", msg)
	if err != nil {
		return nil, "", nil, err
	}
	var b bytes.Buffer
	_, domain, _ := strings.Cut(sender.Address, "@")
	for _, h := range [][2]string{
		{"From", sender.String()}, {"To", strings.Join(shown, ", ")}, {"Subject", mime.QEncoding.Encode("utf-8", line(subject))},
		{"Date", msg.At.UTC().Format(time.RFC1123Z)}, {"Message-ID", "<" + msg.ID + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"}, {"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "quoted-printable"},
	} {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	if _, err := w.Write([]byte(body)); err != nil {
		return nil, "", nil, err
	}
	if err := w.Close(); err != nil {
		return nil, "", nil, err
	}
	b.WriteString("\r\n")
	return b.Bytes(), sender.Address, bare, nil
}

// address reads one that is fit for a header: on one line, and one alone.
func address(s string) (*mail.Address, error) {
	if strings.ContainsAny(s, "\r\n\x00") {
		return nil, fmt.Errorf("an address with a line in it: %w", schema.ErrInvalid)
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		return nil, fmt.Errorf("it is no mail address: %w", schema.ErrInvalid)
	}
	return a, nil
}
