package store

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"time"
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

// between returns what stands between quotation marks, without an escape.
func (o *object) between() []byte {
	o.expect('"')
	n := bytes.IndexByte(o.rest, '"')
	if n < 0 || bytes.IndexByte(o.rest[:n], '\\') >= 0 {
		o.lost = true
		return nil
	}
	text := o.rest[:n]
	o.rest = o.rest[n+1:]
	return text
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
	n := 0
	for n < len(o.rest) && (o.rest[n] == '-' || '0' <= o.rest[n] && o.rest[n] <= '9') {
		n++
	}
	number, err := strconv.ParseInt(string(o.rest[:n]), 10, 64)
	o.lost = err != nil || o.lost
	o.rest = o.rest[n:]
	return number
}

func (o *object) time() (t time.Time) {
	o.lost = t.UnmarshalText(o.between()) != nil || o.lost
	return t
}

// raw returns a copy of a value, whatever it is.
func (o *object) raw() json.RawMessage {
	depth := 0
	for n := 0; n < len(o.rest); n++ {
		switch c := o.rest[n]; {
		case c == '"':
			n += quoted(o.rest[n:]) - 1
		case c == '{', c == '[':
			depth++
		case depth == 0 && (c == ',' || c == '}' || c == ']'):
			value := bytes.Clone(o.rest[:n])
			o.rest = o.rest[n:]
			return value
		case c == '}', c == ']':
			depth--
		}
	}
	o.lost = true
	return nil
}

// quoted returns the length of the text that begins with a quotation mark, whatever
// escapes are in it.
func quoted(text []byte) int {
	for end := 1; ; end++ {
		n := bytes.IndexByte(text[end:], '"')
		if n < 0 {
			return len(text)
		}
		end += n
		escapes := 0
		for text[end-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return end + 1
		}
	}
}
