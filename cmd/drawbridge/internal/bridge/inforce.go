package bridge

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"drawbridge/schema"
	"drawbridge/store"
)

// InForce returns the policy that a store was last run under, from the text that
// was kept of it.
func InForce(ctx context.Context, s *store.Store) (*Policy, error) {
	var version store.PolicyVersion
	err := s.View(ctx, func(r store.Reader) error {
		current, err := store.Settings.Get(r, "policy")
		if err != nil {
			return err
		}
		version, err = store.Policies.Get(r, current.Value)
		return err
	})
	if errors.Is(err, schema.ErrNotFound) {
		return nil, fmt.Errorf("no policy was ever in force in this store: %w", err)
	}
	if err != nil {
		return nil, err
	}
	folder, err := folderOf(version.Files)
	if err != nil {
		return nil, err
	}
	return ReadPolicy(folder)
}

// folderOf makes a folder in memory of files, by path.
func folderOf(files map[string]string) (fs.FS, error) {
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	for name, text := range files {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			return nil, err
		}
		if _, err := f.Write([]byte(text)); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
}
