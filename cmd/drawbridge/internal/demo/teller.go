package demo

import (
	"fmt"
	"io"
	"strings"
)

// A teller prints the story. Colours are for terminals; the words say it all.
type teller struct {
	w      io.Writer
	colour bool
	act    int
	err    error // the first of writing
}

const (
	bold   = "1"
	faint  = "2"
	green  = "32"
	yellow = "33"
	red    = "31"
)

func (t *teller) print(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

func (t *teller) paint(colour, text string) string {
	if !t.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// title begins an act.
func (t *teller) title(text string) {
	t.act++
	t.print("\n%s\n", t.paint(bold, fmt.Sprintf("%d  %s", t.act, text)))
}

func (t *teller) say(format string, args ...any) { t.print("   "+format+"\n", args...) }

// aside says what is of less weight.
func (t *teller) aside(format string, args ...any) {
	t.print("   %s\n", t.paint(faint, fmt.Sprintf(format, args...)))
}

func (t *teller) gained(format string, args ...any) { t.mark(green, "+", format, args...) }
func (t *teller) lost(format string, args ...any)   { t.mark(red, "-", format, args...) }
func (t *teller) held(format string, args ...any)   { t.mark(yellow, "!", format, args...) }
func (t *teller) good(format string, args ...any)   { t.mark(green, "ok", format, args...) }
func (t *teller) bad(format string, args ...any)    { t.mark(red, "NO", format, args...) }

func (t *teller) mark(colour, mark, format string, args ...any) {
	t.print("   %s %s\n", t.paint(colour, fmt.Sprintf("%-2s", mark)), fmt.Sprintf(format, args...))
}

// text says something of several lines.
func (t *teller) text(s string) {
	for line := range strings.Lines(s) {
		t.say("%s", strings.TrimRight(line, "\n"))
	}
}
