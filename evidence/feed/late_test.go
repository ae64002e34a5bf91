package feed

import (
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// A late connection was closed by its server; whoever listens to it is kept from it at first, as
// on a machine that is busy. As of a socket, once the time to read is over nothing is told.
type late struct {
	net.Conn
	times int // that one is kept from it
	until time.Time
}

func (c *late) SetReadDeadline(until time.Time) error {
	if c.until = until; c.times > 0 {
		c.times--
		<-time.After(3 * listens)
	}
	return nil
}

func (c *late) Read([]byte) (int, error) {
	if time.Now().After(c.until) {
		return 0, os.ErrDeadlineExceeded
	}
	return 0, io.EOF
}

// A quiet connection is open, and nobody says anything.
type quiet struct{ late }

func (c *quiet) Read([]byte) (int, error) {
	<-time.After(time.Until(c.until))
	return 0, os.ErrDeadlineExceeded
}

// TestListensUntilItIsTold holds that whoever comes late to listen does not take a server for
// there that hung up.
func TestListensUntilItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for times := range 3 {
			if err := (&Syslog{network: "tcp", conn: &late{times: times}}).alive(); err == nil {
				t.Errorf("late %d times: the server hung up, and is taken for there", times)
			}
			if err := (&Syslog{network: "tcp", conn: &quiet{late{times: times}}}).alive(); err != nil {
				t.Errorf("late %d times, and nobody hung up: %v", times, err)
			}
		}
	})
}

// TestNobodyListensForEver holds that a connection to which nobody ever comes in time is not
// listened to without end: whether its server is there is not known, and another is made.
func TestNobodyListensForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := (&Syslog{network: "tcp", address: "log.example.com:601", conn: &late{times: 10000}}).alive()
		if took := time.Since(began); err == nil || took > sendTimeout {
			t.Errorf("listened for %v, and it came to %v; want an error within %v", took, err, sendTimeout)
		}
	})
}
