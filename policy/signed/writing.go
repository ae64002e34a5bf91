package signed

import (
	"bytes"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A signature is over all of a commit but itself, and the name of a commit is of all of it.
// So who writes the same signature in other words, as in lines of another length, has
// another commit, in which the same is signed: which is the newest, and what comes after it,
// would be theirs to say. Only the words that git and ssh-keygen find for it count.
//
// What is left is the signature itself. With Ed25519 and RSA there is but one that others can
// find for a commit; with ECDSA there are two, of which each is found from the other, and
// ssh-keygen makes either.

// with returns a commit as git writes it: with an armoured signature as the last header.
func (c commit) with(armoured string) []byte {
	head, words, _ := bytes.Cut(c.payload, []byte("\n\n"))
	header := "\n" + signatures[len(c.tree)] + " " + strings.ReplaceAll(armoured, "\n", "\n ")
	return slices.Concat(head, []byte(header), []byte("\n\n"), words)
}

// columns are how many characters of base64 ssh-keygen writes into a line.
const columns = 70

// armoured returns a signature as ssh-keygen writes it, but for the end of its last line.
func (s signature) armoured() string {
	lines := []string{"-----BEGIN SSH SIGNATURE-----"}
	for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(s.packed())), columns) {
		lines = append(lines, string(line))
	}
	return strings.Join(append(lines, "-----END SSH SIGNATURE-----"), "\n")
}

// packed returns the bytes of a signature that was verified, as ssh-keygen writes them.
func (s signature) packed() []byte {
	v, b := s.value, s.body
	if !strings.HasPrefix(v.Format, "sk-") { // keys of which a device tells that somebody touched it, which is signed
		v.Rest = nil
	}
	var point struct{ R, S *big.Int }
	if strings.Contains(v.Format, "ecdsa") && ssh.Unmarshal(v.Blob, &point) == nil {
		v.Blob = ssh.Marshal(point)
	}
	b.Key, b.Signature = s.key.Marshal(), ssh.Marshal(v)
	return append([]byte(begin), ssh.Marshal(b)...)
}
