package ldap

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"drawbridge/connectors"

	"github.com/go-ldap/ldap/v3"
)

// A reader reads options and gathers what is wrong with them.
type reader struct {
	options map[string]string
	errs    []error
}

func (r *reader) check(err error) {
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

func (r *reader) wrong(name, want string) {
	r.errs = append(r.errs, fmt.Errorf("option %s is %q, want %s", name, r.options[name], want))
}

func (r *reader) words(name string) []string {
	words := strings.FieldsFunc(r.options[name], func(c rune) bool { return c == ' ' || c == ',' })
	for _, word := range words {
		if !descr(word) {
			r.wrong(name, "names of the LDAP schema")
			break
		}
	}
	return words
}

func (r *reader) word(name string) string {
	words := r.words(name)
	if len(words) != 1 {
		r.wrong(name, "one name")
		return ""
	}
	return words[0]
}

// descr reports whether the word can be the name of an attribute or a class: what
// is put into filters unescaped.
func descr(word string) bool {
	return !strings.ContainsFunc(word, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != ';'
	})
}

func (r *reader) dn(name string) string {
	if _, err := ldap.ParseDN(r.options[name]); err != nil {
		r.wrong(name, "a distinguished name, as in ou=people,dc=example,dc=com")
	}
	return r.options[name]
}

func (r *reader) filter(name, class string) string {
	filter := r.options[name]
	if classes := r.words(class); filter == "" && len(classes) > 0 {
		return "(objectClass=" + classes[0] + ")"
	}
	if _, err := ldap.CompileFilter(filter); err != nil {
		r.wrong(name, "a filter in parentheses, as in (objectClass=person)")
	}
	return filter
}

func (r *reader) flag(name string) bool {
	on, err := connectors.Config{Options: r.options}.Flag(name)
	r.check(err)
	return on
}

func (r *reader) duration(name string) time.Duration {
	d, err := time.ParseDuration(r.options[name])
	if err != nil || d <= 0 {
		r.wrong(name, "a duration such as 30s")
	}
	return d
}

func (r *reader) number(name string, most int) int {
	n, err := strconv.Atoi(r.options[name])
	if err != nil || n < 1 || n > most {
		r.wrong(name, fmt.Sprintf("a number from 1 to %d", most))
	}
	return n
}

// maybe returns the name, or nothing where there is none.
func (r *reader) maybe(name string) string {
	if r.options[name] == "" {
		return ""
	}
	return r.word(name)
}

// password reports whether new entries get a password. Which one is nobody's to
// say: one that is written down somewhere would be many people's.
func (r *reader) password() bool {
	if way := r.options["initialPassword"]; way != "" && way != "random" {
		r.errs = append(r.errs, errors.New("option initialPassword is not random: it is no place for a password, and random is all that it can be"))
	}
	return r.options["initialPassword"] != ""
}

// bits returns the bits that disable, and makes sure that a new entry has none of
// them.
func (r *reader) bits() int64 {
	bits, err := strconv.ParseInt(r.options["disableValue"], 10, 64)
	if err != nil || bits <= 0 {
		r.wrong("disableValue", "the number that the bits make, as in 2, for disable: flag")
		return 0
	}
	if enabled, err := strconv.ParseInt(r.options["enableValue"], 10, 64); err != nil || enabled&bits != 0 {
		r.wrong("enableValue", fmt.Sprintf("the number that a new entry has, without the bits of %d, for disable: flag", bits))
	}
	return bits
}

// A condition is met by an entry whose attribute has the value.
type condition struct{ attribute, value string }

func (r *reader) conditions(name string) []condition {
	var all []condition
	for text := range strings.FieldsSeq(r.options[name]) {
		attribute, value, ok := strings.Cut(text, "=")
		if !ok || value == "" || attribute == "" || !descr(attribute) {
			r.wrong(name, "attributes and values, as in adminCount=1")
			return nil
		}
		all = append(all, condition{attribute, value})
	}
	return all
}

// fresh returns what the options say that attributes of a new entry have.
func (r *reader) fresh() map[string]string {
	all := map[string]string{}
	for name, text := range r.options {
		if attribute, ok := strings.CutPrefix(name, newPrefix); ok && text != "" {
			if !descr(attribute) {
				r.wrong(name, "a name of the LDAP schema after "+newPrefix)
			}
			all[attribute] = text
		}
	}
	return all
}

// spans returns the numbers that attributes of new entries get.
func (r *reader) spans() map[string]span {
	all := map[string]span{}
	for name, text := range r.options {
		attribute, ok := strings.CutPrefix(name, numberPrefix)
		if !ok || text == "" {
			continue
		}
		first, last, _ := strings.Cut(text, "-")
		from, errFrom := strconv.ParseInt(first, 10, 64)
		to, errTo := strconv.ParseInt(last, 10, 64)
		if errFrom != nil || errTo != nil || from < 1 || to < from || !descr(attribute) {
			r.wrong(name, "the first and the last number, as in 10000-59999")
		}
		all[attribute] = span{from, to}
	}
	return all
}

// attributes returns what carries each SCIM path. A path whose option is empty is
// not written.
func (r *reader) attributes() map[string][]string {
	all := map[string][]string{}
	for name := range r.options {
		if path, ok := strings.CutPrefix(name, attributePrefix); ok && r.options[name] != "" {
			all[path] = r.words(name)
		}
	}
	return all
}
