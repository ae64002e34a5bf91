package file

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// An encoding is how the letters of a table are written as bytes.
type encoding struct {
	mark   []byte // at the beginning of the file
	encode func(string) ([]byte, error)
	decode func([]byte) (string, error)
}

var encodings = map[string]encoding{
	"utf-8":        {nil, fromUTF8, toUTF8},
	"utf-8-bom":    {[]byte("\xEF\xBB\xBF"), fromUTF8, toUTF8}, // so that Excel takes it for UTF-8
	"utf-16le":     {[]byte("\xFF\xFE"), fromUTF16, toUTF16},
	"iso-8859-1":   {nil, single(latin1), multiple(latin1)},
	"windows-1252": {nil, single(windows1252), multiple(windows1252)},
}

// text returns what is written in the bytes. A mark at the beginning is no part of it.
func (e encoding) text(raw []byte) (string, error) {
	if len(e.mark) == 0 && bytes.HasPrefix(raw, encodings["utf-8-bom"].mark) {
		raw = raw[3:] // some editors cannot leave it
	}
	return e.decode(bytes.TrimPrefix(raw, e.mark))
}

// raw returns the text as it is written, with the mark.
func (e encoding) raw(text string) ([]byte, error) {
	b, err := e.encode(text)
	return append(slices.Clone(e.mark), b...), err
}

func fromUTF8(text string) ([]byte, error) { return []byte(text), nil }

func toUTF8(raw []byte) (string, error) {
	if !utf8.Valid(raw) {
		return "", errors.New("it is not UTF-8: say in option encoding what it is")
	}
	return string(raw), nil
}

func fromUTF16(text string) ([]byte, error) {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return b, nil
}

func toUTF16(raw []byte) (string, error) {
	if len(raw)%2 != 0 {
		return "", errors.New("it is not UTF-16: its number of bytes is odd")
	}
	units := make([]uint16, 0, len(raw)/2)
	for ; len(raw) > 0; raw = raw[2:] {
		units = append(units, binary.LittleEndian.Uint16(raw))
	}
	text := string(utf16.Decode(units))
	if strings.ContainsRune(text, utf8.RuneError) {
		return "", errors.New("it is not UTF-16: say in option encoding what it is")
	}
	return text, nil
}

// latin1 and windows1252 are the letters of the bytes from 0x80 to 0xFF.
var (
	latin1      = runes(0x80, 0xFF)
	windows1252 = append([]rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"), runes(0xA0, 0xFF)...)
)

func runes(from, to rune) (all []rune) {
	for r := from; r <= to; r++ {
		all = append(all, r)
	}
	return all
}

// single writes each letter as one byte.
func single(upper []rune) func(string) ([]byte, error) {
	return func(text string) ([]byte, error) {
		b := make([]byte, 0, len(text))
		for _, r := range text {
			if r < 0x80 {
				b = append(b, byte(r))
				continue
			}
			at := slices.Index(upper, r)
			if at < 0 {
				return nil, fmt.Errorf("the encoding has no %q", r)
			}
			b = append(b, byte(0x80+at))
		}
		return b, nil
	}
}

func multiple(upper []rune) func([]byte) (string, error) {
	return func(raw []byte) (string, error) {
		var b strings.Builder
		for _, c := range raw {
			if c < 0x80 {
				b.WriteByte(c)
			} else {
				b.WriteRune(upper[c-0x80])
			}
		}
		return b.String(), nil
	}
}
