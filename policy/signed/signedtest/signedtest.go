// Package signedtest makes commits of git, signed as ssh-keygen does it, for tests that
// need one and no repository.
package signedtest

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/sha1" //nolint:gosec // what git names things by
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"drawbridge/policy"
	"drawbridge/policy/signed"
)

// A Hand is somebody who signs.
type Hand struct {
	User      string
	Namespace string // what the signature is for; git, where nothing is said
	key       ed25519.PrivateKey
}

// NewHand returns somebody whose key follows from a seed.
func NewHand(user, seed string) Hand {
	sum := sha512.Sum512([]byte(seed))
	return Hand{User: user, key: ed25519.NewKeyFromSeed(sum[:ed25519.SeedSize])}
}

// Signer is how a policy names them.
func (h Hand) Signer() policy.Signer {
	return policy.Signer{User: h.User, Key: algorithm + " " + base64.StdEncoding.EncodeToString(h.public())}
}

const algorithm = "ssh-ed25519"

// A named is a public key, or what was signed, as ssh writes either (RFC 8709).
type named struct {
	Algorithm string
	Value     []byte
}

func (h Hand) public() []byte {
	return ssh.Marshal(named{algorithm, h.key[ed25519.SeedSize:]})
}

// A Work is what is committed.
type Work struct {
	Author    string
	Folder    string // of the repository, in which there is something else, too; "." is all of it
	Documents map[string]string
	Parents   []string // ids of the commits before it
	Words     string   // the message; something, where nothing is said
}

// Commit has them sign a commit of documents in the folder "rules/policy", after others.
func (h Hand) Commit(author string, documents map[string]string, parents ...string) signed.Objects {
	return h.Sign(Work{Author: author, Folder: "rules/policy", Documents: documents, Parents: parents})
}

// Sign has them commit and sign something.
func (h Hand) Sign(w Work) signed.Objects {
	e := h.commit(w)
	e.Commit = []byte(h.signed(string(e.Commit)))
	return e
}

// Unsigned has them commit something, and not sign it.
func (h Hand) Unsigned(w Work) signed.Objects { return h.commit(w) }

// ID is the name of a commit.
func ID(e signed.Objects) string { return fmt.Sprintf("%x", hash("commit", e.Commit)) }

func (h Hand) commit(w Work) signed.Objects {
	e := signed.Objects{Folder: w.Folder}
	add := func(tree []byte) string {
		e.Trees = append(e.Trees, tree)
		return hash("tree", tree)
	}
	root := tree(w.Documents, "", add)
	if w.Folder != "." {
		names := strings.Split(w.Folder, "/")
		for i, name := range slices.Backward(names) {
			if root = entry("40000", name, add(root)); i == 0 {
				root = append(entry("100644", "README.md", hash("blob", []byte("words"))), root...)
			}
		}
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "tree %x\n", add(root))
	for _, id := range w.Parents {
		fmt.Fprintf(&text, "parent %s\n", id)
	}
	fmt.Fprintf(&text, "author Ann <%s> 1795770000 +0100\ncommitter %s <%[2]s> 1795770000 +0100\n\n%s\n", w.Author, h.User, cmp.Or(w.Words, "Change a role\n\nBecause."))
	e.Commit = text.Bytes()
	return e
}

// tree makes the tree of the documents below a path.
func tree(documents map[string]string, below string, add func([]byte) string) (raw []byte) {
	entries := map[string][]byte{}
	for name, text := range documents {
		rest, ok := strings.CutPrefix(name, below)
		first, _, deeper := strings.Cut(rest, "/")
		if !ok || entries[first] != nil {
			continue
		}
		if deeper {
			entries[first] = entry("40000", first, add(tree(documents, below+first+"/", add)))
		} else {
			entries[first] = entry("100644", first, hash("blob", []byte(text)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		raw = append(raw, entries[name]...)
	}
	return raw
}

func entry(mode, name, object string) []byte {
	return append(fmt.Appendf(nil, "%s %s\x00", mode, name), object...)
}

func hash(kind string, body []byte) string {
	sum := sha1.Sum(append(fmt.Appendf(nil, "%s %d\x00", kind, len(body)), body...)) //nolint:gosec // as above
	return string(sum[:])
}

// signed puts the signature of a commit into it, after the headers.
func (h Hand) signed(commit string) string {
	namespace := h.Namespace
	if namespace == "" {
		namespace = "git"
	}
	sum := sha512.Sum512([]byte(commit))
	over := ssh.Marshal(struct {
		Namespace, Reserved, Algorithm string
		Hash                           []byte
	}{namespace, "", "sha512", sum[:]})
	signature := ssh.Marshal(named{algorithm, ed25519.Sign(h.key, append([]byte("SSHSIG"), over...))})
	body := ssh.Marshal(struct {
		Version                        uint32
		Key                            []byte
		Namespace, Reserved, Algorithm string
		Signature                      []byte
	}{1, h.public(), namespace, "", "sha512", signature})
	head, words, _ := strings.Cut(commit, "\n\n")
	var text strings.Builder
	text.WriteString(head + "\ngpgsig -----BEGIN SSH SIGNATURE-----\n")
	for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(append([]byte("SSHSIG"), body...))), 70) {
		text.WriteString(" " + string(line) + "\n")
	}
	return text.String() + " -----END SSH SIGNATURE-----\n\n" + words
}
