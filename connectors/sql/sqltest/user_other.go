//go:build !unix

package sqltest

import (
	"os"
	"os/exec"
)

func asNobody(*exec.Cmd) error { return ErrMissing }

func own(string) error { return ErrMissing }

func violently(string) os.Signal { return os.Kill }
