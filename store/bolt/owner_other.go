//go:build !unix

package bolt

import "os"

// giveTo does nothing where files have no owner that could be set.
func giveTo(os.FileInfo, string) error { return nil }
