//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package file

import (
	"fmt"
	"os"
)

// lock takes the file for this process by a second one beside it, which a crash
// leaves behind: then it has to be removed by hand.
func lock(f *os.File) (unlock func() error, err error) {
	name := f.Name() + ".lock"
	held, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: if no process has it, remove that file", err)
	}
	if err := held.Close(); err != nil {
		return nil, err
	}
	return func() error { return os.Remove(name) }, nil
}
