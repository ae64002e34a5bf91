package console

import (
	"bytes"
	"regexp"
)

// A browser breaks an address that is too long for its line wherever the line ends, inside
// a name or a word, because it knows no place in it. We tell: behind the at sign and behind
// dots. Addresses are in what people and the bridge wrote as much as in fields, so they are
// looked for in the page as it goes out, where text is shown.

var (
	// address is one as the page has it, in which + is written as a reference.
	address = regexp.MustCompile(`(?:[\pL\pN._%/:-]|&#43;|&#39;)+@[\pL\pN.-]*[\pL\pN]`)
	place   = regexp.MustCompile(`[@.]`)
)

// plain are the elements whose text is no place for another element.
var plain = [][]byte{[]byte("<title"), []byte("<textarea"), []byte("<option"), []byte("<script")}

// withBreaks is a page in which addresses say where a line may end. Expressions are tried on
// text with an at sign in it alone: most of a page has none.
func withBreaks(page []byte) []byte {
	out := make([]byte, 0, len(page)+len(page)/16)
	for len(page) > 0 {
		text, rest := cut(page, bytes.IndexByte(page, '<'))
		if bytes.IndexByte(text, '@') >= 0 {
			text = address.ReplaceAllFunc(text, func(a []byte) []byte { return place.ReplaceAll(a, []byte("$0<wbr>")) })
		}
		var tag []byte
		tag, page = cut(rest, afterTag(rest))
		out = append(append(out, text...), tag...)
	}
	return out
}

// afterTag is where the text after a tag begins, with all of an element that is plain in
// it; -1 if that is nowhere.
func afterTag(page []byte) int {
	for _, name := range plain {
		if bytes.HasPrefix(page, name) {
			return bytes.Index(page, []byte("</"))
		}
	}
	if end := bytes.IndexByte(page, '>'); end >= 0 {
		return end + 1
	}
	return -1
}

// cut divides a page where something begins; what begins nowhere is behind all of it.
func cut(page []byte, at int) (before, after []byte) {
	if at < 0 {
		return page, nil
	}
	return page[:at], page[at:]
}
