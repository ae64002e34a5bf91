package bridge

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"drawbridge/access/tokens"
	"drawbridge/audit"
	"drawbridge/configs"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// PublicKeyFile returns the file of the public half of a signing key.
func PublicKeyFile(key string) string { return key + ".pub" }

// openKey returns the key that signs the decision log. It is made where there is
// none, unless the log was signed before: then it was lost, and a new one would
// hide that. A log keeps its key and its name.
func openKey(ctx context.Context, cfg configs.Audit, s *store.Store) (note.Signer, error) {
	signed, err := lastCheckpoint(ctx, s)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(cfg.Key)
	switch {
	case errors.Is(err, os.ErrNotExist) && signed != nil:
		return nil, fmt.Errorf("audit.key: %s is not there, and the decision log was signed with it: put it back: %w", cfg.Key, schema.ErrInvalid)
	case errors.Is(err, os.ErrNotExist):
		if text, err = makeKey(cfg); err != nil {
			return nil, fmt.Errorf("audit.key: %w", err)
		}
	case err != nil:
		return nil, fmt.Errorf("audit.key: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("audit.key: %s is not a signing key: %w", cfg.Key, schema.ErrInvalid) // the cause may quote it
	}
	if signed == nil {
		return signer, showKey(cfg.Key)
	}
	last, err := audit.Read(signed)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the newest checkpoint of the decision log: %w", err)
	case last.Origin != cfg.Origin:
		return nil, fmt.Errorf("audit.origin is %s, and the decision log is signed as %s: a log keeps its name: %w", cfg.Origin, last.Origin, schema.ErrInvalid)
	case !signedBy(signed, signer):
		return nil, fmt.Errorf("audit.key: %s is not the key that signed the decision log so far: put that one back: %w", cfg.Key, schema.ErrInvalid)
	}
	return signer, showKey(cfg.Key)
}

// TokenKey returns what the hashes of issued tokens are keyed with. It follows from
// the signing key, which is kept and backed up beside the store and not in it, so
// that there is no second file to lose.
func TokenKey(cfg configs.Audit) (tokens.Key, error) {
	text, err := os.ReadFile(cfg.Key)
	if err != nil {
		return tokens.Key{}, fmt.Errorf("audit.key: %w", err)
	}
	key, err := hkdf.Key(sha256.New, bytes.TrimSpace(text), nil, "drawbridge issued tokens", sha256.Size)
	return tokens.NewKey(key), err
}

// Signer returns the key that signs the decision log of a bridge that is stopped.
func Signer(ctx context.Context, cfg configs.Audit, s *store.Store) (note.Signer, error) {
	return openKey(ctx, cfg, s)
}

// Sign signs the decision log of a bridge that is stopped, with its key: one that
// crashed, or was restored, has a tail that is not signed.
func Sign(ctx context.Context, cfg configs.Audit, s *store.Store) error {
	signer, err := openKey(ctx, cfg, s)
	if err != nil {
		return err
	}
	return scheduler.Checkpoint(ctx, s, signer, cfg.Origin)
}

// lastCheckpoint returns the newest signed head of the log, or nil.
func lastCheckpoint(ctx context.Context, s *store.Store) (signed []byte, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		text, err := store.Checkpoint(r)
		if errors.Is(err, schema.ErrNotFound) {
			return nil
		}
		signed = bytes.Clone(text)
		return err
	})
	return signed, err
}

// signedBy reports whether a note bears a signature of the key. Whether it is a
// good one, is for those who verify.
func signedBy(signed []byte, key note.Signer) bool {
	_, err := note.Open(signed, note.VerifierList())
	unverified, ok := errors.AsType[*note.UnverifiedNoteError](err)
	return ok && slices.ContainsFunc(unverified.Note.UnverifiedSigs, func(s note.Signature) bool {
		return s.Name == key.Name() && s.Hash == key.KeyHash()
	})
}

// exposed reports whether others than its owner may read a file. It is not told
// where files have no such modes.
func exposed(path string) bool {
	info, err := os.Stat(path)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0
}

// showKey writes the public half of the signing key where it is not there, as after
// a restore of the private one alone.
func showKey(key string) error {
	file := PublicKeyFile(key)
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	text, err := os.ReadFile(key)
	if err != nil {
		return err
	}
	public, err := audit.PublicKey(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("audit.key: %s: %w", key, err)
	}
	return writeFile(file, public+"\n", 0o644, os.O_TRUNC)
}

// makeKey makes a key pair. The public half is written first, so that whoever
// finds the private one finds both.
func makeKey(cfg configs.Audit) ([]byte, error) {
	private, public, err := audit.NewKey(cfg.Origin, rand.Reader)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(cfg.Key), 0o700); err != nil {
		return nil, err
	}
	if err := writeFile(PublicKeyFile(cfg.Key), public+"\n", 0o644, os.O_TRUNC); err != nil {
		return nil, err
	}
	return []byte(private), writeFile(cfg.Key, private+"\n", 0o600, os.O_EXCL)
}

// writeFile writes a file so that it is there after a crash.
func writeFile(path, text string, mode os.FileMode, flag int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flag, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}
