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
	width  = 120 // of a line
	margin = 3   // before it
)

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

func (t *teller) say(format string, args ...any) { t.row(margin, format, args...) }

// row says something whose further lines begin below its column at.
func (t *teller) row(at int, format string, args ...any) {
	indent := margin
	for _, line := range fold(fmt.Sprintf(format, args...), width-margin, at-margin) {
		t.print("%*s%s\n", indent, "", line)
		indent = at
	}
}

// fold breaks a text at spaces, so that no line is wider than width where that
// can be. Every line but the first is to be indented by hang.
func fold(text string, width, hang int) []string {
	var lines []string
	column, start, space, escape := 0, 0, -1, false
	for i, r := range text {
		switch {
		case escape:
			escape = r != 'm'
			continue
		case r == '\x1b':
			escape = true
			continue
		case r == ' ':
			space = i
		}
		if column++; column > width && space > start {
			lines = append(lines, strings.TrimRight(text[start:space], " "))
			start, column = space+1, hang+i-space
		}
	}
	return append(lines, text[start:])
}

// aside says what is of less weight.
func (t *teller) aside(format string, args ...any) {
	t.say("%s", t.paint(faint, fmt.Sprintf(format, args...)))
}

func (t *teller) gained(format string, args ...any) { t.mark(green, "+", format, args...) }
func (t *teller) lost(format string, args ...any)   { t.mark(red, "-", format, args...) }
func (t *teller) held(format string, args ...any)   { t.mark(yellow, "!", format, args...) }
func (t *teller) good(format string, args ...any)   { t.mark(green, "ok", format, args...) }
func (t *teller) bad(format string, args ...any)    { t.mark(red, "NO", format, args...) }

func (t *teller) mark(colour, mark, format string, args ...any) {
	t.row(margin+len("ok "), "%s %s", t.paint(colour, fmt.Sprintf("%-2s", mark)), fmt.Sprintf(format, args...))
}

// text says something of several lines.
func (t *teller) text(s string) {
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, "\n")
		indent := len(line) - len(strings.TrimLeft(line, " "))
		t.row(margin+2*indent, "%s", line)
	}
}
