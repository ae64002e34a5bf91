package feed

import (
	"fmt"
	"os"
	"strings"
)

const (
	facilityAudit   = 13
	severityWarning = 4
	severityInfo    = 6

	longestHost = 255
	longestID   = 32
	longestUDP  = 65_507 // bytes of a datagram
)

// frame is a message as it goes over the wire: over a stream with its length before
// it, so that whatever is in it ends nothing.
func (s *Syslog) frame(m Message) []byte {
	text := Record(s.host, m)
	if s.network == "udp" {
		return text[:min(len(text), longestUDP)]
	}
	return append(fmt.Appendf(nil, "%d ", len(text)), text...)
}

// Record is a message as RFC 5424 writes it.
func Record(host string, m Message) []byte {
	severity := severityInfo
	if m.Warning {
		severity = severityWarning
	}
	head := fmt.Sprintf("<%d>1 %s %s drawbridge - %s - ", facilityAudit*8+severity, m.Time.UTC().Format("2006-01-02T15:04:05.000000Z07:00"),
		printable(host, longestHost), printable(m.ID, longestID))
	return append([]byte(head), m.Line...)
}

// printable is a text as a header field may have it: visible ASCII, not too long; a
// dash where nothing is left.
func printable(text string, longest int) string {
	text = strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r
		}
		return -1
	}, text)
	if text == "" {
		return "-"
	}
	return text[:min(len(text), longest)]
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
