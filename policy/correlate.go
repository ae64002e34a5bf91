package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"

	"drawbridge/schema"
)

// Several sources may know one identity. Which of their records are of one is
// said by what they correlate by, an attribute at a time: the same attribute of
// two records, with the same value, where no other record of either source has
// it too.

// The attributes that every source has under a name of its own.
const (
	byUserName   = "userName"
	byExternalID = "externalId"
	byEmail      = "email"
)

// maxCorrelated is how long, in bytes, a value may be that records are correlated
// by. None that a resource is found by is longer.
const maxCorrelated = 1024

// mostCorrelated is how many values of one attribute records are correlated by: of
// email addresses the primary one and the first of the others, in their order. What is
// looked at for each grows with all, and one record with the addresses of everybody
// would keep the store's one writer from everybody else.
const mostCorrelated = 8

// Trust returns how far a source is believed; one that is not approved, not at
// all.
func (b *Book) Trust(source string) Trust {
	if s, ok := b.sources[source]; ok {
		return s.Spec.Trust
	}
	return Observed
}

// CorrelationKeys returns every attribute that records like one are correlated by,
// sorted: those of the sources, where there are two beside the register, and what
// machines are correlated by.
func (b *Book) CorrelationKeys(rec schema.Identity) []string {
	var keys []string
	if IsMachine(rec.Kind) {
		keys = append(keys, byMachine)
	}
	if len(b.sources) <= 2 {
		return keys
	}
	return schema.Sorted(append(keys, b.sourcesKeys()...)...)
}

func (b *Book) sourcesKeys() (keys []string) {
	for name, s := range b.sources {
		if name == RegisterSource {
			continue
		}
		for _, key := range s.Spec.CorrelateBy {
			keys = append(keys, correlationKey(key))
		}
	}
	return keys
}

// CorrelateBy returns the attributes by which records of two sources are
// correlated, strongest first: those of the source that is trusted less, which is
// the one that joins what is known, and then those of the other.
func (b *Book) CorrelateBy(source, other string) []string {
	one, two := b.sources[source], b.sources[other]
	switch {
	case one == nil || two == nil || source == other:
		return nil
	case source == RegisterSource || other == RegisterSource:
		return []string{byMachine}
	}
	if before := trustRank(one) - trustRank(two); before < 0 || before == 0 && source > other {
		one, two = two, one
	}
	var keys []string
	for _, key := range slices.Concat(one.Spec.CorrelateBy, two.Spec.CorrelateBy) {
		if key = correlationKey(key); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// trustRank orders sources, those that are trusted most first.
func trustRank(s *Source) int {
	switch s.Spec.Trust {
	case Authoritative:
		return 0
	case Contributing:
		return 1
	case Observed:
	}
	return LeastTrust
}

// TrustRank orders sources, those that are trusted most first, from 0; one that is not
// approved is trusted least.
func (b *Book) TrustRank(source string) int {
	if s, ok := b.sources[source]; ok {
		return trustRank(s)
	}
	return LeastTrust
}

// LeastTrust is the TrustRank of the sources that are trusted least.
const LeastTrust = 2

// correlationKey is the one name of an attribute that has several.
func correlationKey(attribute string) string {
	switch strings.ToLower(attribute) {
	case "username":
		return byUserName
	case "externalid":
		return byExternalID
	case "email", "emails", "emails.value":
		return byEmail
	}
	return attribute
}

// CorrelationValues returns the values of a record that others are found by, in
// the case in which they are compared: SCIM compares texts without regard to case,
// but for externalId.
func (b *Book) CorrelationValues(id schema.Identity, attribute string) []string {
	var values []string
	switch attribute {
	case byMachine:
		if !IsMachine(id.Kind) {
			return nil
		}
		values = append(values, id.UserName)
		if id.ExternalID != "" && !strings.EqualFold(id.ExternalID, id.UserName) {
			values = append(values, id.ExternalID)
		}
	case byExternalID:
		values = []string{id.ExternalID}
	case byUserName:
		values = []string{id.UserName}
	case byEmail:
		values = append([]string{id.Email}, id.OtherEmails[:min(len(id.OtherEmails), mostCorrelated-1)]...)
	default:
		r := record{raw: id.Resource}
		values = words(r.find(b.correlationFinder(attribute)))
	}
	var compared []string
	for _, v := range values {
		if attribute != byExternalID {
			v = strings.ToLower(v)
		}
		if v != "" && len(v) <= maxCorrelated {
			compared = append(compared, v)
		}
	}
	compared = schema.Sorted(compared...)
	return compared[:min(len(compared), mostCorrelated)]
}

// correlationFinder finds an attribute by its name, by where the PolicySet says it
// is, or by its URN.
func (b *Book) correlationFinder(attribute string) finder {
	a := b.declared()[attribute]
	if a.Path == "" && strings.Contains(attribute, ":") {
		a.Path = attribute
	}
	return newFinder(0, attribute, a)
}

// words returns the texts and numbers of a value: of a list those of its elements,
// and of something complex its "value".
func words(raw json.RawMessage) []string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil
	}
	switch raw[0] {
	case '"':
		s, _ := text(raw)
		return []string{s}
	case '{':
		return words(fields(raw).get("value"))
	case '[':
		var items []json.RawMessage
		var all []string
		if json.Unmarshal(raw, &items) == nil {
			for _, item := range items {
				all = append(all, words(item)...)
			}
		}
		return all
	case 'n', 't', 'f':
		return nil
	}
	return []string{string(raw)}
}

// CorrelationDigest says in one text what sources correlate by and how far they
// are believed: when it changes, every record is looked at again.
func (b *Book) CorrelationDigest() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(b.sources)) {
		if name == RegisterSource {
			continue
		}
		s := b.sources[name].Spec
		all = append(all, fmt.Sprintf("%s %s %q %q", name, s.Trust, s.CorrelateBy, s.Scope))
	}
	for _, key := range schema.Sorted(b.sourcesKeys()...) {
		all = append(all, key+"="+b.declared()[key].Path)
	}
	return strings.Join(all, "; ")
}

// disputed is the value of an attribute of which sources that are believed alike
// say different things. A rule that reads it can not be decided.
func disputed(path string, sources []string) *types.Err {
	err, _ := types.WrapErr(&dispute{path, schema.Sorted(sources...)}).(*types.Err)
	return err
}

// A dispute is the error of reading what sources disagree about.
type dispute struct {
	attribute string
	sources   []string
}

func (d *dispute) Error() string {
	return fmt.Sprintf("%s disagree about %s", strings.Join(d.sources, " and "), d.attribute)
}

// TrustedMore reports whether a source is trusted more than another.
func (b *Book) TrustedMore(source, other string) bool {
	one, two := b.sources[source], b.sources[other]
	return one != nil && (two == nil || trustRank(one) < trustRank(two))
}
