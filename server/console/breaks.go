package console

import "regexp"

// A browser breaks an address that is too long for its line wherever the line ends, inside
// a name or a word, because it knows no place in it. We tell: behind the at sign and behind
// dots. Addresses are in what people and the bridge wrote as much as in fields, so they are
// looked for in the page as it goes out, where text is shown.

var (
	// shown is a tag with all that must stay as it is, or text that is shown.
	shown = regexp.MustCompile(`(?s)<(?:title|textarea|option|script)\b.*?</|<[^>]*>|[^<]+`)
	// address is one as the page has it, in which + is written as a reference.
	address = regexp.MustCompile(`(?:[\pL\pN._%/:-]|&#43;|&#39;)+@[\pL\pN.-]*[\pL\pN]`)
	place   = regexp.MustCompile(`[@.]`)
)

// withBreaks is a page in which addresses say where a line may end.
func withBreaks(page []byte) []byte {
	return shown.ReplaceAllFunc(page, func(part []byte) []byte {
		if part[0] == '<' {
			return part
		}
		return address.ReplaceAllFunc(part, func(text []byte) []byte {
			return place.ReplaceAll(text, []byte("$0<wbr>"))
		})
	})
}
