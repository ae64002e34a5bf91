package store

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

// An object is what is left to read of a JSON object that json.Marshal wrote. Once
// something in it is not as expected, it is lost, and what it returned means
// nothing.
type object struct {
	rest []byte
	lost bool
}

// whole reports whether everything was read.
func (o *object) whole() bool { return !o.lost && len(o.rest) == 0 }

// members walks an object, however deep it is. Whoever walks reads each value.
func (o *object) members() iter.Seq[[]byte] {
	return func(yield func(name []byte) bool) {
		o.expect('{')
		for more := !o.skip('}'); more && !o.lost; more = o.more('}') {
			name := o.between()
			if o.expect(':'); o.lost || !yield(name) {
				return
			}
		}
	}
}

// elements walks a list in the same way.
func (o *object) elements() func(yield func() bool) {
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
func (o *object) more(end byte) bool {
	if o.skip(',') {
		return true
	}
	o.expect(end)
	return false
}

func (o *object) expect(c byte) { o.lost = !o.skip(c) || o.lost }

func (o *object) skip(c byte) bool {
	if len(o.rest) == 0 || o.rest[0] != c {
		return false
	}
	o.rest = o.rest[1:]
	return true
}

func (o *object) word(w string) bool {
	if len(o.rest) < len(w) || string(o.rest[:len(w)]) != w {
		return false
	}
	o.rest = o.rest[len(w):]
	return true
}

// between returns what stands between quotation marks, as it is: an escape, or what
// encoding/json would replace or refuse, is left to it.
func (o *object) between() []byte {
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

func (o *object) text() string { return string(o.between()) }

func (o *object) texts() []string {
	if o.word("null") {
		return nil
	}
	texts := []string{}
	for range o.elements() {
		texts = append(texts, o.text())
	}
	return texts
}

func (o *object) truth() bool {
	if o.word("true") {
		return true
	}
	o.lost = !o.word("false") || o.lost
	return false
}

func (o *object) number() int64 {
	begin := o.rest
	o.passNumber()
	number, err := strconv.ParseInt(string(begin[:len(begin)-len(o.rest)]), 10, 64)
	o.lost = err != nil || o.lost
	return number
}

func (o *object) time() (t time.Time) {
	o.lost = t.UnmarshalText(o.between()) != nil || o.lost
	return t
}

// raw returns a copy of a value, whatever it is.
func (o *object) raw() json.RawMessage {
	begin := o.rest
	o.pass(0)
	if o.lost {
		return nil
	}
	return bytes.Clone(begin[:len(begin)-len(o.rest)])
}

// deepest is how deep a value may be that is read here.
const deepest = 100

// pass reads a value and keeps nothing of it.
func (o *object) pass(depth int) {
	var c byte
	if len(o.rest) > 0 && depth < deepest && !o.lost {
		c = o.rest[0]
	}
	switch c {
	case '{':
		for range o.members() {
			o.pass(depth + 1)
		}
	case '[':
		for range o.elements() {
			o.pass(depth + 1)
		}
	case '"':
		o.passText()
	case 't', 'f':
		o.truth()
	case 'n':
		o.lost = !o.word("null") || o.lost
	default:
		o.passNumber()
	}
}

// passText reads a text with whatever escapes are in it.
func (o *object) passText() {
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

func (o *object) passNumber() {
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
func (o *object) digits() {
	n := 0
	for n < len(o.rest) && '0' <= o.rest[n] && o.rest[n] <= '9' {
		n++
	}
	o.lost = o.lost || n == 0
	o.rest = o.rest[n:]
}
