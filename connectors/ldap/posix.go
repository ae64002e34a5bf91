package ldap

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"drawbridge/connectors"

	"github.com/go-ldap/ldap/v3"
)

// A span is a range of numbers, of which each new entry gets one of its own: a
// UNIX system knows people by their number.
type span struct{ first, last int64 }

// A counter knows how far the numbers of a span are given away. It is held from
// taking a number until its entry is there.
type counter struct {
	sync.Mutex
	next map[string]int64 // by attribute; without one the directory has to be asked
}

// numbered adds the entry with a number of its own for each attribute that has a
// span, and without where none has.
func (s *session) numbered(values map[string]string, add func() error) error {
	if len(s.spans) == 0 {
		return add()
	}
	s.numbers.Lock()
	defer s.numbers.Unlock()
	for attribute, span := range s.spans {
		n, err := s.free(attribute, span)
		if err != nil {
			return err
		}
		values[attribute] = strconv.FormatInt(n, 10)
	}
	err := add()
	if err == nil {
		for attribute := range s.spans {
			s.numbers.next[attribute]++
		}
	}
	return err
}

// free returns a number of the span that is above all that are taken, and that
// nobody has: not even who is no account.
func (s *session) free(attribute string, in span) (int64, error) {
	if _, known := s.numbers.next[attribute]; !known {
		highest := in.first - 1
		for _, base := range s.bases() {
			err := s.search(base, "("+attribute+"=*)", []string{attribute}, func(page []*ldap.Entry) error {
				for _, e := range page {
					if n := flags(e, attribute); n <= in.last {
						highest = max(highest, n)
					}
				}
				return nil
			})
			if err != nil {
				return 0, err
			}
		}
		s.numbers.next[attribute] = highest + 1
	}
	for ; s.numbers.next[attribute] <= in.last; s.numbers.next[attribute]++ {
		n := s.numbers.next[attribute]
		taken := false
		for _, base := range s.bases() {
			found, err := s.few(base, fmt.Sprintf("(%s=%d)", attribute, n), []string{"1.1"})
			if err != nil {
				return 0, err
			}
			taken = taken || len(found) > 0
		}
		if !taken {
			return n, nil
		}
	}
	return 0, refused(connectors.Permanent, "there is no number left from %d to %d for %s", in.first, in.last, attribute)
}

// braces is another attribute in the value of one.
var braces = regexp.MustCompile(`\{([^{}]*)\}`)

// fill gives a new entry the values that the options say all new entries have.
func (s *settings) fill(values map[string]string) {
	for attribute, text := range s.fresh {
		if values[attribute] == "" {
			values[attribute] = braces.ReplaceAllStringFunc(text, func(name string) string {
				for other, value := range values {
					if strings.EqualFold(other, name[1:len(name)-1]) {
						return value
					}
				}
				return ""
			})
		}
	}
}

// byName is the value of option memberValue by which groups list names of entries.
const byName = "dn"

// listed returns what groups list of the entry: its name, or an attribute's value.
func (s *settings) listed(e *ldap.Entry) string {
	if s.memberValue == byName {
		return e.DN
	}
	return e.GetEqualFoldAttributeValue(s.memberValue)
}

// key returns what groups list in the one form that all its spellings share.
func (s *settings) key(member string) string {
	if s.memberValue == byName {
		return normal(member)
	}
	return member
}

// unclaimed fails if an entry has the value already by which groups would list
// another: neither is to hold what is the other's.
func (s *session) unclaimed(member string) error {
	if s.memberValue == byName {
		return nil
	}
	if member == "" {
		return refused(connectors.Permanent, "the entry would have no %s, by which groups list it", s.memberValue)
	}
	found, err := s.matching(s.memberValue, ldap.EscapeFilter(member))
	if err == nil && len(found) > 0 {
		return refused(connectors.Exists, "%s has the %s %q already, by which groups list it", found[0].DN, s.memberValue, member)
	}
	return err
}
