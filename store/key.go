package store

import (
	"encoding/binary"
	"strings"
	"time"
)

// Keys are made of parts, ordered part by part. Each part is written with 00
// escaped as 00 FF and closed by 00 01, so that any string is a part, no part
// is a prefix of another, and order is kept: "a" before "a\x00" before "ab".
const (
	escape     = 0x00
	escaped00  = 0xFF
	terminator = 0x01
)

func appendPart(key []byte, part string) []byte {
	for {
		i := strings.IndexByte(part, escape)
		if i < 0 {
			break
		}
		key = append(append(key, part[:i]...), escape, escaped00)
		part = part[i+1:]
	}
	return append(append(key, part...), escape, terminator)
}

// makeKey returns a key, with room for a number behind it.
func makeKey(parts ...string) []byte {
	const number = 8
	return appendKey(make([]byte, 0, sizeOf(parts)+number), parts)
}

// sizeOf is how long a key is, unless something in it is escaped.
func sizeOf(parts []string) (n int) {
	for _, p := range parts {
		n += len(p) + 2
	}
	return n
}

func appendKey(key []byte, parts []string) []byte {
	for _, p := range parts {
		key = appendPart(key, p)
	}
	return key
}

// splitKey returns the parts of a key; ok is false if it is not one.
func splitKey(key []byte) (parts []string, ok bool) {
	var part []byte
	for i := 0; i < len(key); i++ {
		if key[i] != escape {
			part = append(part, key[i])
			continue
		}
		if i++; i == len(key) {
			return nil, false
		}
		switch key[i] {
		case escaped00:
			part = append(part, escape)
		case terminator:
			parts, part = append(parts, string(part)), part[:0]
		default:
			return nil, false
		}
	}
	return parts, len(part) == 0
}

// after returns the first key that does not begin with the prefix, nil if there
// is none.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] != 0xFF {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}

// A time is written as nine bytes: seconds since the year 1 in five, nanoseconds
// in four. Byte order is time order, to the nanosecond, until the year 34,865,
// so that an end in 9999, which stands for never, is far off and not long ago.
const (
	timeSize    = 9
	lastSecond  = 1<<40 - 1
	yearOne     = -62135596800 // of the zero time.Time, in Unix seconds
	nanosecond0 = 5            // where the nanoseconds begin
)

func appendTime(b []byte, t time.Time) []byte {
	seconds, nanos := t.Unix()-yearOne, uint32(t.Nanosecond())
	switch {
	case seconds < 0:
		seconds, nanos = 0, 0
	case seconds > lastSecond:
		seconds, nanos = lastSecond, 0
	}
	var whole [8]byte
	binary.BigEndian.PutUint64(whole[:], uint64(seconds))
	return binary.BigEndian.AppendUint32(append(b, whole[8-nanosecond0:]...), nanos)
}

// readTime returns the time that the first nine bytes are, in UTC.
func readTime(b []byte) time.Time {
	var whole [8]byte
	copy(whole[8-nanosecond0:], b[:nanosecond0])
	seconds, nanos := binary.BigEndian.Uint64(whole[:]), binary.BigEndian.Uint32(b[nanosecond0:timeSize])
	if seconds == 0 && nanos == 0 {
		return time.Time{}
	}
	return time.Unix(int64(seconds)+yearOne, int64(nanos)).UTC()
}

// timePart is a time as a part of a key.
func timePart(t time.Time) string {
	var b [timeSize]byte
	return string(appendTime(b[:0], t))
}

// partTime is the time that a part of a key is; ok is false if it is none.
func partTime(part string) (t time.Time, ok bool) {
	if len(part) != timeSize {
		return t, false
	}
	return readTime([]byte(part)), true
}

func seqKey(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// keySeq reads a number; ok is false if it is none.
func keySeq(b []byte) (n int64, ok bool) {
	if len(b) != 8 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(b)), true
}
