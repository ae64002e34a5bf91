package access

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"drawbridge/schema"
	"drawbridge/store"
)

// mostRaw is how many raw copies of one resource are kept: enough to see what a source
// sent around a change that somebody asks about, and bounded for a source that sends
// something new all the time.
const mostRaw = 4

// SealRaw gives what was sent of a resource, of a new one where it has no id yet, the
// digest by which the decision names it that admits it (Provenance.Raw). What is sent
// again is the copy that there is.
func SealRaw(r store.Reader, resource string, c schema.RawCopy) (schema.RawCopy, error) {
	all, err := rawCopies(r, resource)
	if err != nil {
		return c, err
	}
	if len(all) > 0 && all[0].Method == c.Method && bytes.Equal(all[0].Body, c.Body) {
		return all[0], nil
	}
	c.Salt = rand.Text()
	sum := sha256.New()
	sum.Write([]byte(c.Salt))
	sum.Write(c.Body)
	c.Digest = hex.EncodeToString(sum.Sum(nil)[:16])
	return c, nil
}

// KeepRaw stores a sealed copy of what was sent of a resource, in the place of the oldest
// where there are many. One that is stored already writes nothing.
func KeepRaw(tx store.Tx, p Provenance, c schema.RawCopy) error {
	all, err := rawCopies(tx, c.Resource)
	if err != nil || len(all) > 0 && all[0].Digest == c.Digest {
		return err
	}
	for len(all) >= mostRaw {
		last := all[len(all)-1]
		if err := store.RawCopies.Delete(tx, last.Resource, last.Digest); err != nil {
			return err
		}
		all = all[:len(all)-1]
	}
	c.Source, c.Received, c.Request = p.Source, p.Received, p.Request
	return store.RawCopies.Put(tx, c)
}

// Raw returns the raw copy of a resource with a digest, or the newest where it is empty.
func Raw(r store.Reader, resource, digest string) (schema.RawCopy, error) {
	if digest != "" {
		return store.RawCopies.Get(r, resource, digest)
	}
	all, err := rawCopies(r, resource)
	if err != nil {
		return schema.RawCopy{}, err
	}
	if len(all) == 0 {
		return schema.RawCopy{}, fmt.Errorf("raw copy of %s: %w", resource, schema.ErrNotFound)
	}
	return all[0], nil
}

// rawCopies are those of a resource, the newest first.
func rawCopies(r store.Reader, resource string) (all []schema.RawCopy, err error) {
	if resource == "" {
		return nil, nil
	}
	for c, err := range store.RawCopies.All(r, resource) {
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b schema.RawCopy) int {
		return cmp.Or(b.Received.Compare(a.Received), cmp.Compare(a.Digest, b.Digest))
	})
	return all, nil
}

// ForgetRaw deletes the raw copies of a resource, if there are any.
func ForgetRaw(tx store.Tx, resource string) error {
	all, err := rawCopies(tx, resource)
	for _, c := range all {
		if err == nil {
			err = store.RawCopies.Delete(tx, resource, c.Digest)
		}
	}
	return err
}
