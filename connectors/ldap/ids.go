package ldap

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// binaryIDs are the attributes whose values are not text, with how they are
// written as text and read again: as every tool of theirs shows them.
var binaryIDs = map[string]struct {
	text func([]byte) (string, bool)
	raw  func(string) ([]byte, bool)
}{
	"objectguid": {guidText, guidRaw},
	"objectsid":  {sidText, sidRaw},
}

// remoteID returns the entry's id. Empty: the server does not show it.
func (s *settings) remoteID(e *ldap.Entry) string {
	if s.id == "dn" {
		return e.DN
	}
	form, isBinary := binaryIDs[strings.ToLower(s.id)]
	if !isBinary {
		return e.GetEqualFoldAttributeValue(s.id)
	}
	text, _ := form.text(e.GetEqualFoldRawAttributeValue(s.id))
	return text
}

// idValue returns what is looked for in a filter, escaped, and whether the id can
// be one at all.
func (s *settings) idValue(id string) (string, bool) {
	form, isBinary := binaryIDs[strings.ToLower(s.id)]
	if !isBinary {
		return ldap.EscapeFilter(id), true
	}
	raw, ok := form.raw(id)
	return octets(raw), ok
}

// octets returns bytes as a filter has them.
func octets(raw []byte) string {
	var b strings.Builder
	for _, c := range raw {
		fmt.Fprintf(&b, `\%02x`, c)
	}
	return b.String()
}

// guidText writes a GUID: its first three parts are little-endian.
func guidText(raw []byte) (string, bool) {
	if len(raw) != 16 {
		return "", false
	}
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(raw), binary.LittleEndian.Uint16(raw[4:]),
		binary.LittleEndian.Uint16(raw[6:]), raw[8:10], raw[10:]), true
}

func guidRaw(text string) ([]byte, bool) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != 16 {
		return nil, false
	}
	raw := binary.LittleEndian.AppendUint32(nil, binary.BigEndian.Uint32(b))
	raw = binary.LittleEndian.AppendUint16(raw, binary.BigEndian.Uint16(b[4:]))
	raw = binary.LittleEndian.AppendUint16(raw, binary.BigEndian.Uint16(b[6:]))
	return append(raw, b[8:]...), true
}

// sidText writes a SID: S, the revision, the authority, and the parts, of which
// the last (the RID) is the account's own in its domain.
func sidText(raw []byte) (string, bool) {
	if len(raw) < 8 || len(raw) != 8+4*int(raw[1]) {
		return "", false
	}
	authority := binary.BigEndian.Uint64(raw) & (1<<48 - 1)
	var b strings.Builder
	fmt.Fprintf(&b, "S-%d-%d", raw[0], authority)
	for part := raw[8:]; len(part) > 0; part = part[4:] {
		fmt.Fprintf(&b, "-%d", binary.LittleEndian.Uint32(part))
	}
	return b.String(), true
}

func sidRaw(text string) ([]byte, bool) {
	parts := strings.Split(text, "-")
	if len(parts) < 3 || len(parts) > 3+15 || parts[0] != "S" {
		return nil, false
	}
	revision, err := strconv.ParseUint(parts[1], 10, 8)
	if err != nil {
		return nil, false
	}
	authority, err := strconv.ParseUint(parts[2], 10, 48)
	if err != nil {
		return nil, false
	}
	raw := binary.BigEndian.AppendUint64(nil, authority)
	raw[0], raw[1] = byte(revision), byte(len(parts)-3)
	for _, part := range parts[3:] {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return nil, false
		}
		raw = binary.LittleEndian.AppendUint32(raw, uint32(n))
	}
	return raw, true
}

// sibling returns the SID of the same domain with another RID.
func sibling(sid []byte, rid string) ([]byte, bool) {
	n, err := strconv.ParseUint(rid, 10, 32)
	if err != nil || len(sid) < 12 {
		return nil, false
	}
	return binary.LittleEndian.AppendUint32(append([]byte(nil), sid[:len(sid)-4]...), uint32(n)), true
}
