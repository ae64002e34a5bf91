package policy

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"drawbridge/schema"
)

// Files makes a folder in memory of texts by path, for Load. A path that is not
// one below a folder is ErrInvalid.
func Files(texts map[string]string) (fs.FS, error) {
	var packed bytes.Buffer // an archive is a file system, and zip reads one in memory
	z := zip.NewWriter(&packed)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if !fs.ValidPath(name) {
			return nil, fmt.Errorf("files: %q is not a path below the policy folder: %w", name, schema.ErrInvalid)
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(texts[name])); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
}
