package signed

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // it is what git names things by; see commit.sum
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"drawbridge/schema"
)

// A commit is what git stores of one.
type commit struct {
	id, tree, author string
	signature        string // armoured; empty of one that nobody signed
	payload          []byte // what the signature is over: the commit without it
	raw              []byte

	// sum is the hash by which git names an object of this repository. With SHA-1 it is
	// only as good as the signer's git, which refuses to store what is made to collide.
	sum func(kind string, body []byte) string
}

// headers whose value is the signature, by the length of what names objects.
var signatures = map[int]string{2 * sha1.Size: "gpgsig", 2 * sha256.Size: "gpgsig-sha256"}

// parse reads a commit: headers, each of which goes on in lines that begin with a space,
// an empty line, and words.
func parse(raw []byte) (c commit, err error) {
	head, _, whole := bytes.Cut(raw, []byte("\n\n"))
	if !whole {
		return c, fmt.Errorf("the commit is not one: %w", schema.ErrInvalid)
	}
	var key string
	values := map[string]string{}
	for line := range bytes.SplitAfterSeq(raw[:len(head)+1], []byte("\n")) {
		text := strings.TrimSuffix(string(line), "\n")
		more, goesOn := strings.CutPrefix(text, " ")
		switch {
		case text == "":
			continue
		case goesOn:
			values[key] += "\n" + more
		default:
			key, text, _ = strings.Cut(text, " ")
			if _, twice := values[key]; twice && key != "parent" && key != "mergetag" {
				return c, fmt.Errorf("the commit says %s twice: %w", key, schema.ErrForbidden)
			}
			values[key] = text
		}
		if key != "gpgsig" && key != "gpgsig-sha256" {
			c.payload = append(c.payload, line...)
		}
	}
	c.payload = append(c.payload, raw[len(head)+1:]...)
	c.tree, c.author, c.signature = values["tree"], address(values["author"]), values[signatures[len(values["tree"])]]
	switch len(c.tree) {
	case 2 * sha1.Size:
		c.sum = func(kind string, body []byte) string {
			sum := sha1.Sum(object(kind, body)) //nolint:gosec // as above
			return hex.EncodeToString(sum[:])
		}
	case 2 * sha256.Size:
		c.sum = func(kind string, body []byte) string {
			sum := sha256.Sum256(object(kind, body))
			return hex.EncodeToString(sum[:])
		}
	default:
		return c, fmt.Errorf("the commit names no tree: %w", schema.ErrInvalid)
	}
	c.id, c.raw = c.sum("commit", raw), raw
	return c, nil
}

func object(kind string, body []byte) []byte {
	return append(fmt.Appendf(nil, "%s %d\x00", kind, len(body)), body...)
}

// address is the one in NAME <ADDRESS> TIME ZONE.
func address(person string) string {
	_, rest, _ := strings.Cut(person, "<")
	email, _, _ := strings.Cut(rest, ">")
	return email
}

// An entry is one line of a tree.
type entry struct{ mode, name, object string }

func (x entry) folder() bool { return x.mode == "40000" }

// entries reads a tree: a mode, a name and a hash of some bytes, again and again.
func entries(raw []byte, size int) (all []entry, err error) {
	for len(raw) > 0 {
		head, rest, ok := bytes.Cut(raw, []byte{0})
		mode, name, named := strings.Cut(string(head), " ")
		if !ok || !named || name == "" || strings.Contains(name, "/") || len(rest) < size {
			return nil, fmt.Errorf("a tree is not one: %w", schema.ErrInvalid)
		}
		all = append(all, entry{mode, name, hex.EncodeToString(rest[:size])})
		raw = rest[size:]
	}
	return all, nil
}
