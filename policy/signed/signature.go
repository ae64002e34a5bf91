package signed

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"drawbridge/policy"
	"drawbridge/schema"
)

// A signature that ssh-keygen -Y sign makes (PROTOCOL.sshsig of OpenSSH): begin, and then
// a body.
const (
	begin     = "SSHSIG"
	namespace = "git" // what it is a signature of; one that was made for something else is none of a commit
)

type body struct {
	Version                        uint32
	Key                            []byte
	Namespace, Reserved, Algorithm string
	Signature                      []byte
}

// What is signed: begin, and then this.
type message struct {
	Namespace, Reserved, Algorithm string
	Hash                           []byte
}

// A signature is one that was read: its body, and what of it is kept there as bytes.
type signature struct {
	body
	key   ssh.PublicKey
	value ssh.Signature
}

// signer returns whose signature a commit has, of those who may sign.
func (c commit) signer(all []policy.Signer) (string, error) {
	switch {
	case c.signature == "":
		return "", fmt.Errorf("nobody signed it: git commit -S: %w", schema.ErrForbidden)
	case !strings.Contains(c.signature, "BEGIN SSH SIGNATURE"):
		return "", fmt.Errorf("it is signed in another way than with an SSH key: git config gpg.format ssh: %w", schema.ErrForbidden)
	}
	s, err := unpack(c.signature)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(all, func(x policy.Signer) bool {
		named, err := x.PublicKey()
		return err == nil && bytes.Equal(named.Marshal(), s.key.Marshal())
	})
	if i < 0 {
		return "", fmt.Errorf("it is signed with the key %s, which is none of those that the policy in force names: %w", ssh.FingerprintSHA256(s.key), schema.ErrForbidden)
	}
	if s.Namespace != namespace {
		return "", fmt.Errorf("its signature was made for %q, and not for git: %w", s.Namespace, schema.ErrForbidden)
	}
	if err := s.verify(c.payload); err != nil {
		return "", fmt.Errorf("its signature is not over what it says: %w: %w", err, schema.ErrForbidden)
	}
	if !bytes.Equal(c.with(s.armoured()), c.raw) {
		return "", fmt.Errorf("its signature is not written as git and ssh-keygen write it, and would have one commit have many names: "+
			"sign it with them: git commit --amend --no-edit -S: %w", schema.ErrForbidden)
	}
	return all[i].User, nil
}

func unpack(armoured string) (s signature, err error) {
	block, _ := pem.Decode([]byte(armoured + "\n"))
	if block == nil {
		return s, fmt.Errorf("its signature cannot be read: %w", schema.ErrInvalid)
	}
	rest, ok := bytes.CutPrefix(block.Bytes, []byte(begin))
	if err = ssh.Unmarshal(rest, &s.body); !ok || err != nil || s.Version != 1 {
		return s, fmt.Errorf("its signature cannot be read: %w", schema.ErrInvalid)
	}
	if s.key, err = ssh.ParsePublicKey(s.Key); err != nil {
		return s, fmt.Errorf("the key of its signature cannot be read: %w: %w", err, schema.ErrInvalid)
	}
	if err = ssh.Unmarshal(s.Signature, &s.value); err != nil {
		return s, fmt.Errorf("its signature cannot be read: %w: %w", err, schema.ErrInvalid)
	}
	return s, nil
}

// dsa is the kind of key that the library knows and nobody may use any more.
const dsa = "ssh-dss"

func (s signature) verify(payload []byte) error {
	m := message{Namespace: s.Namespace, Reserved: s.Reserved, Algorithm: s.Algorithm}
	switch s.Algorithm {
	case "sha256":
		sum := sha256.Sum256(payload)
		m.Hash = sum[:]
	case "sha512":
		sum := sha512.Sum512(payload)
		m.Hash = sum[:]
	default:
		return fmt.Errorf("of the hash %q: %w", s.Algorithm, schema.ErrInvalid)
	}
	if f := s.value.Format; f == ssh.KeyAlgoRSA || f == dsa { // over SHA-1
		return fmt.Errorf("of the kind %q, which anybody may make: %w", f, schema.ErrInvalid)
	}
	return s.key.Verify(append([]byte(begin), ssh.Marshal(m)...), &s.value)
}
