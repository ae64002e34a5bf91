package signed_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"drawbridge/policy"
	"drawbridge/policy/signed"
	"drawbridge/schema"
)

// made returns a commit that git 2.39 made, with a signature of OpenSSH 9.2: of one document,
// and with a key of keys.pub.
func made(t *testing.T, name string) (e signed.Objects, docs map[string]string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".commit"))
	if err != nil {
		t.Fatal(err)
	}
	blob := "8029d9dad93a97f9f1d2c111cdbed1e7289342f7" // what git calls the document
	if bytes.Contains(raw, []byte("gpgsig-sha256")) {
		blob = "f35a0d450c6f2e95a9d234f32be46f9d5e2b2d595fc4f72da4e6f1cf3c607630"
	}
	id, err := hex.DecodeString(blob)
	if err != nil {
		t.Fatal(err)
	}
	tree := append([]byte("100644 policy.yaml\x00"), id...)
	return signed.Objects{Commit: raw, Trees: [][]byte{tree}}, map[string]string{"policy.yaml": "kind: PolicySet\n"}
}

// keys are those of keys.pub, each of somebody else.
func keys(t *testing.T) (all []policy.Signer) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "keys.pub"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		of := strings.Fields(line)
		all = append(all, policy.Signer{User: of[2], Key: of[0] + " " + of[1]})
	}
	return all
}

// TestWhatGitMakes is R-PUB-2: of each kind of key, what git and ssh-keygen make is believed.
// That of RSA has 2,184 bits, so that its signature ends with a line that is full.
func TestWhatGitMakes(t *testing.T) {
	for name, by := range map[string]string{
		"ed25519": "ed25519", "rsa": "rsa", "ecdsa256": "ecdsa256", "ecdsa384": "ecdsa384", "ecdsa521": "ecdsa521",
		"merge": "ed25519", "encoded": "ed25519", "sha256": "ed25519", "wordless": "ed25519",
	} {
		t.Run(name, func(t *testing.T) {
			e, docs := made(t, name)
			got, err := signed.Demand{Signers: keys(t)}.Verify(e, docs)
			if err != nil || got.Signer != by+"@example.com" {
				t.Errorf("it is signed by %q, %v", got.Signer, err)
			}
		})
	}
}

// TestOneWayToWriteIt is R-PUB-2: who has a signed commit cannot make another one of it, by
// another name, in which the same is signed.
func TestOneWayToWriteIt(t *testing.T) {
	for name, test := range map[string]struct {
		of     string // ed25519, where nothing is said
		change func(t *testing.T, raw string) string
	}{
		"lines of another length": {change: lines(func(text string) string {
			block, _ := pem.Decode([]byte(text))
			return string(pem.EncodeToMemory(block))
		})},
		"one line": {change: lines(func(text string) string {
			block, _ := pem.Decode([]byte(text))
			return begins + base64.StdEncoding.EncodeToString(block.Bytes) + "\n" + ends
		})},
		"a line that is empty":     {change: lines(func(text string) string { return strings.Replace(text, begins, begins+"\n", 1) })},
		"a space behind a line":    {change: lines(func(text string) string { return strings.Replace(text, begins, strings.TrimSpace(begins)+" \n", 1) })},
		"lines that end otherwise": {change: lines(func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") })},
		"words before it":          {change: lines(func(text string) string { return "It is signed:\n" + text })},
		"words behind it":          {change: lines(func(text string) string { return text + "It is signed.\n" })},
		"headers of its own":       {change: lines(func(text string) string { return strings.Replace(text, begins, begins+"By: Ann\n\n", 1) })},
		"bits that are left over":  {change: lines(func(text string) string { return strings.Replace(text, "I=\n-", "J=\n-", 1) })},
		"an empty line in front":   {change: func(_ *testing.T, raw string) string { return "\n" + raw }},
		"before other headers": {change: func(_ *testing.T, raw string) string {
			head, rest, _ := strings.Cut(raw, "gpgsig ")
			signature, words, _ := strings.Cut(rest, "\n\n")
			tree, more, _ := strings.Cut(head, "\n")
			return tree + "\ngpgsig " + signature + "\n" + more + "\n" + words
		}},
		"a signature of another kind": {change: func(_ *testing.T, raw string) string {
			return strings.Replace(raw, "gpgsig ", "gpgsig-sha256 anything\ngpgsig ", 1)
		}},
		"and of another kind behind it": {change: func(_ *testing.T, raw string) string {
			return strings.Replace(raw, "\n\n", "\ngpgsig-sha256 anything\n\n", 1)
		}},
		"bytes behind the signature": {change: inside(func(value *ssh.Signature) { value.Rest = []byte{0} })},
		"bytes behind that of RSA":   {change: inside(func(value *ssh.Signature) { value.Rest = []byte("more") }), of: "rsa"},
		"a number with a zero in front": {of: "ecdsa256", change: inside(func(value *ssh.Signature) {
			n := binary.BigEndian.Uint32(value.Blob)
			longer := binary.BigEndian.AppendUint32(nil, n+1)
			value.Blob = append(append(longer, 0), value.Blob[4:]...)
		})},
	} {
		t.Run(name, func(t *testing.T) {
			if test.of == "" {
				test.of = "ed25519"
			}
			e, docs := made(t, test.of)
			other := test.change(t, string(e.Commit))
			if other == string(e.Commit) {
				t.Fatal("it is the same commit")
			}
			e.Commit = []byte(other)
			if got, err := (signed.Demand{Signers: keys(t)}).Verify(e, docs); !errors.Is(err, schema.ErrForbidden) && !errors.Is(err, schema.ErrInvalid) {
				t.Errorf("believed as %+v, %v", got, err)
			}
		})
	}
}

const (
	begins = "-----BEGIN SSH SIGNATURE-----\n"
	ends   = "-----END SSH SIGNATURE-----\n"
)

// lines writes a signature in other lines.
func lines(change func(text string) string) func(*testing.T, string) string {
	return func(t *testing.T, raw string) string {
		t.Helper()
		head, rest, _ := strings.Cut(raw, "gpgsig ")
		signature, words, ok := strings.Cut(rest, "\n\n")
		if !ok {
			t.Fatal("nobody signed it")
		}
		signature = change(strings.ReplaceAll(signature, "\n ", "\n") + "\n")
		return head + "gpgsig " + strings.ReplaceAll(strings.TrimSuffix(signature, "\n"), "\n", "\n ") + "\n\n" + words
	}
}

// inside writes other bytes of the same signature, in the same way as ssh-keygen does.
func inside(change func(value *ssh.Signature)) func(*testing.T, string) string {
	return lines(func(text string) string {
		block, _ := pem.Decode([]byte(text))
		at := bytes.LastIndex(block.Bytes, []byte("sha512\x00")) + len("sha512")
		var value ssh.Signature
		if err := ssh.Unmarshal(block.Bytes[at+4:], &value); err != nil {
			return err.Error()
		}
		change(&value)
		signature := ssh.Marshal(value)
		raw := append(binary.BigEndian.AppendUint32(bytes.Clone(block.Bytes[:at]), uint32(len(signature))), signature...)
		text = begins
		for base := base64.StdEncoding.EncodeToString(raw); base != ""; base = base[min(70, len(base)):] {
			text += base[:min(70, len(base))] + "\n"
		}
		return text + ends
	})
}

// TestSignaturesOverSHA1 has somebody sign with a key of a kind for which there is no other
// hash, and which anybody may make by now.
func TestSignaturesOverSHA1(t *testing.T) {
	e, docs := made(t, "dsa")
	if got, err := (signed.Demand{Signers: keys(t)}).Verify(e, docs); !errors.Is(err, schema.ErrForbidden) {
		t.Errorf("believed as %+v, %v", got, err)
	}
}
