package rest_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// A session is a connection of a user to the broker, by AMQP 0-9-1: no more of it than it
// takes to be let in, and to see that it is ended.
type session struct{ net.Conn }

// The methods of class connection, which is 10.
const (
	amqpStart, amqpStartOk = 10, 11
	amqpTune, amqpTuneOk   = 30, 31
	amqpOpen, amqpOpenOk   = 40, 41
	amqpClose              = 50
)

// signIn connects as a user.
func (b *broker) signIn(t *testing.T, user, password string) session {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", b.amqp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s := session{conn}
	if err := s.open(user, password); err != nil {
		t.Fatalf("%s signs in to the broker: %v", user, err)
	}
	return s
}

func (s session) open(user, password string) error {
	_ = s.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := s.Write([]byte("AMQP\x00\x00\x09\x01")); err != nil {
		return err
	}
	long := func(text string) string { return string(binary.BigEndian.AppendUint32(nil, uint32(len(text)))) + text }
	short := func(text string) string { return string([]byte{byte(len(text))}) + text }
	for _, step := range []struct {
		hears, says uint16
		how         func(heard []byte) string
	}{
		{amqpStart, amqpStartOk, func([]byte) string {
			return long("") + short("PLAIN") + long("\x00"+user+"\x00"+password) + short("en_US")
		}},
		{amqpTune, amqpTuneOk, func(heard []byte) string { return string(heard[:6]) + "\x00\x00" }}, // no heartbeat
	} {
		heard, err := s.hear(step.hears)
		if err != nil {
			return err
		}
		if err := s.say(step.says, step.how(heard)); err != nil {
			return err
		}
	}
	if err := s.say(amqpOpen, short("/")+short("")+"\x00"); err != nil {
		return err
	}
	_, err := s.hear(amqpOpenOk)
	return err
}

// say sends a frame with a method.
func (s session) say(method uint16, arguments string) error {
	payload := binary.BigEndian.AppendUint16([]byte{0, 10}, method)
	payload = append(payload, arguments...)
	frame := binary.BigEndian.AppendUint32([]byte{1, 0, 0}, uint32(len(payload)))
	_, err := s.Write(append(append(frame, payload...), 0xCE))
	return err
}

// hear reads a frame, and returns the arguments of the method, which is to be that.
func (s session) hear(method uint16) ([]byte, error) {
	head := make([]byte, 7)
	if _, err := io.ReadFull(s, head); err != nil {
		return nil, err
	}
	payload := make([]byte, binary.BigEndian.Uint32(head[3:])+1)
	if _, err := io.ReadFull(s, payload); err != nil {
		return nil, err
	}
	if want := binary.BigEndian.AppendUint16([]byte{0, 10}, method); !bytes.HasPrefix(payload, want) {
		return nil, fmt.Errorf("the broker says %q, want method %d", payload, method)
	}
	return payload[4 : len(payload)-1], nil
}

// ended reports whether the broker ends it within a while.
func (s session) ended(within time.Duration) error {
	_ = s.SetDeadline(time.Now().Add(within))
	if _, err := s.hear(amqpClose); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
