package policy

import (
	"cmp"
	"encoding/asn1"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// plainly writes what something is called at its target as a target compares it that is easy
// about names: for case, spaces, accents and strokes, characters that nobody sees and those that
// are others in another form (RFC 4518 section 2, and the collations of databases), nor, where
// it is the name of an entry in a directory, for how that is written (RFC 4514 sections 2 and 3).
// Where in doubt two names are one.
func plainly(target string) string {
	target = encoded.ReplaceAllStringFunc(unescaped(target), decoded)
	target = norm.NFKD.String(cases.Fold().String(norm.NFKD.String(target)))
	target = strings.Map(func(r rune) rune {
		if r == '"' || unicode.In(r, unicode.White_Space, unicode.Mn, unicode.Me, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point) {
			return -1
		}
		return r
	}, target)
	target = sortOfPart.ReplaceAllStringFunc(unstruck.Replace(target), shortSort)
	return inOrder(target)
}

// unstruck writes letters that Unicode does not take apart, and collations take for others, as those.
var unstruck = strings.NewReplacer(
	"ⱥ", "a", "ƀ", "b", "ȼ", "c", "đ", "d", "ɇ", "e", "ǥ", "g", "ħ", "h", "ɨ", "i", "ı", "i", "ɉ", "j", "ȷ", "j", "ł", "l", "ø", "o",
	"ɍ", "r", "ŧ", "t", "ɏ", "y", "ƶ", "z", "æ", "ae", "œ", "oe",
)

// escaped is a character in the name of an entry that is written as its code, or with a
// backslash before it.
var escaped = regexp.MustCompile(`\\([0-9A-Fa-f]{2}|[^0-9A-Za-z])`)

func unescaped(name string) string {
	return escaped.ReplaceAllStringFunc(name, func(one string) string {
		if code, err := strconv.ParseUint(one[1:], 16, 8); err == nil && len(one) == 3 {
			return string([]byte{byte(code)})
		}
		return one[1:]
	})
}

// encoded is a value in the name of an entry that is written as its encoding (RFC 4514 section 2.4).
var encoded = regexp.MustCompile(`=\s*#([0-9A-Fa-f]{2})+`)

// decoded writes it as its text. What is no such encoding stays as it is.
func decoded(value string) string {
	_, digits, _ := strings.Cut(value, "#")
	code, err := hex.DecodeString(digits)
	if err != nil {
		return value
	}
	var text asn1.RawValue
	if rest, err := asn1.Unmarshal(code, &text); err != nil || len(rest) > 0 {
		return value
	}
	return "=" + string(text.Bytes)
}

// sortOfPart is what is before the value of a part of an entry's name, with what parts it from
// the part before: a semicolon is as good as a comma (RFC 2253 section 4).
var sortOfPart = regexp.MustCompile(`(^|[,;+])(oid\.)?[a-z0-9.-]+=`)

// shortSort writes it in the short way of RFC 4514.
func shortSort(before string) string {
	sort := strings.TrimLeft(before, ",;+")
	apart := strings.Replace(strings.TrimSuffix(before, sort), ";", ",", 1)
	sort = strings.TrimPrefix(strings.TrimSuffix(sort, "="), "oid.")
	return apart + cmp.Or(shortSorts[sort], sort) + "="
}

// shortSorts are the sorts of RFC 4514 section 3, by their other names.
var shortSorts = map[string]string{
	"2.5.4.3": "cn", "commonname": "cn", "2.5.4.6": "c", "countryname": "c", "2.5.4.7": "l", "localityname": "l",
	"2.5.4.8": "st", "stateorprovincename": "st", "2.5.4.9": "street", "streetaddress": "street",
	"2.5.4.10": "o", "organizationname": "o", "2.5.4.11": "ou", "organizationalunitname": "ou",
	"0.9.2342.19200300.100.1.1": "uid", "userid": "uid", "0.9.2342.19200300.100.1.25": "dc", "domaincomponent": "dc",
}

// inOrder puts in order what parts of an entry's name have in no order: several of one level.
func inOrder(name string) string {
	levels := strings.Split(name, ",")
	for i, level := range levels {
		parts := strings.Split(level, "+")
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(part, "=") }) {
			levels[i] = strings.Join(slices.Sorted(slices.Values(parts)), "+")
		}
	}
	return strings.Join(levels, ",")
}
