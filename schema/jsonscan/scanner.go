// Package jsonscan reads JSON that encoding/json wrote, and that is as its reader
// expects, in a fraction of the time and without memory of its own. Of anything else
// it says that it is lost, and encoding/json is to be asked instead: it never guesses.
package jsonscan

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"iter"
	"strconv"
	"time"
	"unicode/utf8"
)

// A Scanner is what is left to read of a JSON value without space between its parts.
// Once something in it is not as expected the scanner is lost, and what it returned
// means nothing: whoever is done asks Whole. It is not for several goroutines at once.
type Scanner struct {
	rest []byte
	lost bool
}

// Of returns a scanner of a value, which must not change meanwhile.
func Of(value []byte) Scanner { return Scanner{rest: value} }

// Whole reports whether everything was read, and was as expected.
func (o *Scanner) Whole() bool { return !o.lost && len(o.rest) == 0 }

// Lose says that what was read is not what was expected.
func (o *Scanner) Lose() { o.lost = true }

// LoseIf is Lose where it is.
func (o *Scanner) LoseIf(is bool) { o.lost = o.lost || is }

// Members walks the names in an object. Whoever walks reads each value. A name is good
// for as long as the value that is scanned.
func (o *Scanner) Members() iter.Seq[[]byte] {
	return func(yield func(name []byte) bool) {
		o.expect('{')
		for more := !o.skip('}'); more && !o.lost; more = o.more('}') {
			name := o.Bytes()
			if o.expect(':'); o.lost || !yield(name) {
				return
			}
		}
	}
}

// Elements walks a list in the same way.
func (o *Scanner) Elements() func(yield func() bool) {
	return func(yield func() bool) {
		o.expect('[')
		for more := !o.skip(']'); more && !o.lost; more = o.more(']') {
			if !yield() {
				return
			}
		}
	}
}

// more reads what stands between two members or behind the last.
func (o *Scanner) more(end byte) bool {
	if o.skip(',') {
		return true
	}
	o.expect(end)
	return false
}

func (o *Scanner) expect(c byte) { o.lost = !o.skip(c) || o.lost }

func (o *Scanner) skip(c byte) bool {
	if len(o.rest) == 0 || o.rest[0] != c {
		return false
	}
	o.rest = o.rest[1:]
	return true
}

func (o *Scanner) word(w string) bool {
	if len(o.rest) < len(w) || string(o.rest[:len(w)]) != w {
		return false
	}
	o.rest = o.rest[len(w):]
	return true
}

// Bytes reads a text, and returns what stands between its quotation marks, which is not
// copied. With an escape in it, or what encoding/json would replace or refuse, the
// scanner is lost.
func (o *Scanner) Bytes() []byte {
	o.expect('"')
	n := bytes.IndexByte(o.rest, '"')
	if n < 0 || !plain(o.rest[:n]) {
		o.lost = true
		return nil
	}
	text := o.rest[:n]
	o.rest = o.rest[n+1:]
	return text
}

// plain reports whether text stands for itself. It looks at eight bytes at once,
// which makes an identity a quarter cheaper to read.
func plain(text []byte) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	odd, ascii := uint64(0), uint64(0)
	rest := text
	for ; len(rest) >= 8; rest = rest[8:] {
		w := binary.LittleEndian.Uint64(rest)
		backslash := w ^ '\\'*each
		odd |= (w - ' '*each) &^ w
		odd |= (backslash - each) &^ backslash
		ascii |= w
	}
	for _, c := range rest {
		if c < ' ' || c == '\\' {
			return false
		}
		ascii |= uint64(c)
	}
	return odd&high == 0 && (ascii&high == 0 || utf8.Valid(text))
}

// Text is Bytes as a text of its own.
func (o *Scanner) Text() string { return string(o.Bytes()) }

// Texts reads a list of texts; nil is null.
func (o *Scanner) Texts() []string {
	if o.word("null") {
		return nil
	}
	texts := []string{}
	for range o.Elements() {
		texts = append(texts, o.Text())
	}
	return texts
}

// Truth reads true or false.
func (o *Scanner) Truth() bool {
	if o.word("true") {
		return true
	}
	o.lost = !o.word("false") || o.lost
	return false
}

// Number reads a whole number.
func (o *Scanner) Number() int64 {
	begin := o.rest
	o.passNumber()
	number, err := strconv.ParseInt(string(begin[:len(begin)-len(o.rest)]), 10, 64)
	o.lost = err != nil || o.lost
	return number
}

// Time reads a time as RFC 3339 has it.
func (o *Scanner) Time() (t time.Time) {
	o.lost = t.UnmarshalText(o.Bytes()) != nil || o.lost
	return t
}

// Raw reads a value, whatever it is, and returns a copy.
func (o *Scanner) Raw() json.RawMessage { return bytes.Clone(o.Value()) }

// Value is Raw without the copy.
func (o *Scanner) Value() json.RawMessage {
	begin := o.rest
	o.pass(0)
	if o.lost {
		return nil
	}
	return begin[:len(begin)-len(o.rest)]
}

// Skip reads a value and keeps nothing of it.
func (o *Scanner) Skip() { o.pass(0) }

// deepest is how deep a value may be that is read here.
const deepest = 100

// pass reads a value and keeps nothing of it.
func (o *Scanner) pass(depth int) {
	var c byte
	if len(o.rest) > 0 && depth < deepest && !o.lost {
		c = o.rest[0]
	}
	switch c {
	case '{':
		for range o.Members() {
			o.pass(depth + 1)
		}
	case '[':
		for range o.Elements() {
			o.pass(depth + 1)
		}
	case '"':
		o.passText()
	case 't', 'f':
		o.Truth()
	case 'n':
		o.lost = !o.word("null") || o.lost
	default:
		o.passNumber()
	}
}

// passText reads a text with whatever escapes are in it.
func (o *Scanner) passText() {
	if n := bytes.IndexByte(o.rest[1:], '"') + 1; n > 0 && plain(o.rest[1:n]) {
		o.rest = o.rest[n+1:]
		return
	}
	for n := 1; n < len(o.rest); n++ {
		switch c := o.rest[n]; {
		case c == '"':
			o.rest = o.rest[n+1:]
			return
		case c == '\\':
			n++
			if o.lost = o.lost || !escaped(o.rest[n:]); o.lost {
				return
			}
		case c < ' ':
			o.lost = true
			return
		}
	}
	o.lost = true
}

// escaped reports whether a text goes on with what may stand behind a backslash.
func escaped(text []byte) bool {
	if len(text) > 4 && text[0] == 'u' {
		_, err := hex.DecodeString(string(text[1:5]))
		return err == nil
	}
	return len(text) > 0 && bytes.IndexByte([]byte(`"\/bfnrt`), text[0]) >= 0
}

func (o *Scanner) passNumber() {
	o.skip('-')
	if !o.skip('0') {
		o.digits()
	}
	if o.skip('.') {
		o.digits()
	}
	if o.skip('e') || o.skip('E') {
		_ = o.skip('+') || o.skip('-')
		o.digits()
	}
}

// digits reads one or more.
func (o *Scanner) digits() {
	n := 0
	for n < len(o.rest) && '0' <= o.rest[n] && o.rest[n] <= '9' {
		n++
	}
	o.lost = o.lost || n == 0
	o.rest = o.rest[n:]
}
