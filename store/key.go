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

func makeKey(parts ...string) []byte {
	n := 0
	for _, p := range parts {
		n += len(p) + 2
	}
	key := make([]byte, 0, n)
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

// timePart writes a time so that byte order is time order, to the nanosecond,
// from 1678 to 2262; the zero time comes before all.
func timePart(t time.Time) string {
	var b [8]byte
	if !t.IsZero() {
		binary.BigEndian.PutUint64(b[:], uint64(t.UnixNano())^(1<<63))
	}
	return string(b[:])
}

func partTime(part string) time.Time {
	if len(part) != 8 || part == "\x00\x00\x00\x00\x00\x00\x00\x00" {
		return time.Time{}
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64([]byte(part))^(1<<63)))
}

func seqKey(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
func keySeq(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }
