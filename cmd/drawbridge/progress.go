package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// A progress says how long work comes along: on a terminal, or where it is asked for.
// It goes to stderr, so that an answer stays one that programs read.
type progress struct{ asked bool }

func (p *progress) flag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.asked, "progress", false, "say how it comes along, on stderr; on a terminal it does anyway")
}

// shown reports whether somebody sees it.
func (p *progress) shown(stderr io.Writer) bool {
	if p.asked {
		return true
	}
	f, ok := stderr.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (p *progress) say(stderr io.Writer, what string) {
	if p.shown(stderr) {
		fmt.Fprintln(stderr, what)
	}
}
