//go:build unix

package bolt

import (
	"os"
	"syscall"
)

// giveTo gives a file the owner and group of another.
func giveTo(as os.FileInfo, path string) error {
	file, err := os.Stat(path)
	if err != nil {
		return err
	}
	want, ok := as.Sys().(*syscall.Stat_t)
	have, too := file.Sys().(*syscall.Stat_t)
	if !ok || !too || want.Uid == have.Uid && want.Gid == have.Gid {
		return nil
	}
	return os.Chown(path, int(want.Uid), int(want.Gid))
}
