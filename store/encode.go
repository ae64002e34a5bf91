package store

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"drawbridge/schema"
)

// Accounts and edges, which are written more often than all else, are encoded here, byte
// for byte as encoding/json does and several times as fast. Whatever is not written as it
// is, a text with a quotation mark in it or a time in no year, is left to
// encoding/json, with all of the record.

// A draft is a JSON object that is being written. Once something in it can not be written
// here, it is lost.
type draft struct {
	b    []byte
	lost bool
}

// name begins a member. Names need no escapes.
func (d *draft) name(name string) {
	if c := d.b[len(d.b)-1]; c != '{' {
		d.b = append(d.b, ',')
	}
	d.b = append(append(append(d.b, '"'), name...), '"', ':')
}

func (d *draft) quoted(text string) {
	d.lost = d.lost || !asItIs(text)
	d.b = append(append(append(d.b, '"'), text...), '"')
}

func (d *draft) text(name, text string) {
	d.name(name)
	d.quoted(text)
}

// given is text that is left out where it is empty, as are the others below.
func (d *draft) given(name, text string) {
	if text != "" {
		d.text(name, text)
	}
}

func (d *draft) texts(name string, texts []string) {
	if len(texts) == 0 {
		return
	}
	d.name(name)
	for i, text := range texts {
		d.b = append(d.b, "[,"[min(i, 1)])
		d.quoted(text)
	}
	d.b = append(d.b, ']')
}

func (d *draft) truth(name string, is bool) {
	if is {
		d.name(name)
		d.b = append(d.b, "true"...)
	}
}

func (d *draft) count(name string, n int) {
	if n != 0 {
		d.name(name)
		d.b = strconv.AppendInt(d.b, int64(n), 10)
	}
}

func (d *draft) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	_, offset := t.Zone()
	d.lost = d.lost || max(offset, -offset) >= 24*60*60 || t.Year() < 0 || t.Year() > 9999
	d.name(name)
	d.b = append(t.AppendFormat(append(d.b, '"'), time.RFC3339Nano), '"')
}

func (d *draft) change(name string, c schema.Change) {
	if c.IsZero() {
		return
	}
	d.name(name)
	d.b = append(d.b, '{')
	d.time("occurred", c.Occurred)
	d.time("received", c.Received)
	d.time("decided", c.Decided)
	d.time("sent", c.Sent)
	d.time("acknowledged", c.Acknowledged)
	d.time("verified", c.Verified)
	d.truth("ends", c.Ends)
	d.texts("because", c.Because)
	d.texts("loses", c.Loses)
	d.texts("triggers", c.Triggers)
	d.time("objective", c.Objective)
	d.truth("missed", c.Missed)
	d.truth("left", c.Left)
	d.b = append(d.b, '}')
}

func (d *draft) pairs(name string, pairs map[string]string) {
	if len(pairs) == 0 {
		return
	}
	var few [16]string
	names := few[:0]
	for name := range pairs {
		names = append(names, name)
	}
	slices.Sort(names)
	d.name(name)
	d.b = append(d.b, '{')
	for _, name := range names {
		d.lost = d.lost || !asItIs(name)
		d.text(name, pairs[name])
	}
	d.b = append(d.b, '}')
}

func writeAccount(room *slab, a schema.Account) (value []byte, ok bool) {
	const most = 2048 // of nearly all
	d := draft{b: append(room.take(most), '{')}
	d.text("connector", a.Connector)
	d.text("identity", a.Identity)
	d.given("remoteId", a.RemoteID)
	d.name("active")
	if a.Active {
		d.b = append(d.b, "true"...)
	} else {
		d.b = append(d.b, "false"...)
	}
	d.pairs("attributes", a.Attributes)
	d.texts("entitlements", a.Entitlements)
	d.given("from", a.From)
	d.truth("adopted", a.Adopted)
	d.truth("unearned", a.Unearned)
	d.texts("managed", a.Managed)
	d.given("state", string(a.State))
	d.given("problem", a.Problem)
	d.given("waitsFor", a.WaitsFor)
	d.count("attempt", a.Attempt)
	d.time("observed", a.Observed)
	d.truth("verified", a.Verified)
	d.change("due", a.Due)
	d.change("last", a.Last)
	value = append(d.b, '}')
	room.giveBack(most - len(value))
	return value, !d.lost
}

// writeMember leaves edges to groups to encoding/json.
func writeMember(room *slab, m schema.Member) (value []byte, ok bool) {
	d := draft{b: append(room.take(len(`{"group":"","member":""}`)+len(m.Group)+len(m.Member)), '{')}
	d.text("group", m.Group)
	d.text("member", m.Member)
	return append(d.b, '}'), !d.lost && !m.Nested
}

// asItIs reports whether a text is written in JSON as it is.
func asItIs(text string) bool {
	ascii := true
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return ascii || utf8.ValidString(text) && !strings.ContainsAny(text, "\u2028\u2029")
}
