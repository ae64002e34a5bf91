package sql

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A token is a piece of a statement's text. All tokens of a statement, put
// together, are its text.
type token struct {
	kind tokenKind
	text string
	name string // of a parameter or a quoted name, without its quotes
	line int    // in the text of the option, from one
}

type tokenKind int

const (
	other    tokenKind = iota // an operator, a bracket, a comma
	blank                     // white space or a comment
	word                      // a keyword, a name, a number
	nameText                  // a quoted name
	text                      // a string
	value                     // :name, which is bound
	ident                     // :"name", which is quoted
)

// is reports whether the token is the keyword or the operator.
func (t token) is(s string) bool {
	return (t.kind == word || t.kind == other) && strings.EqualFold(t.text, s)
}

// A misread is what is wrong with a text, and on which of its lines.
type misread struct {
	line int
	err  error
}

func (m *misread) Error() string { return m.err.Error() }

func (m *misread) Unwrap() error { return m.err }

// A lexer cuts statements into tokens. It knows no more of SQL than where strings,
// names and comments end, so that what is a parameter is one to the server too.
type lexer struct {
	*dialect

	src  string
	line int
}

// lex returns the tokens of the text.
func lex(d *dialect, src string) ([]token, error) {
	l := &lexer{dialect: d, src: src, line: 1}
	var all []token
	escapes := false // the string that follows has backslashes
	for l.src != "" {
		t, n, err := l.next(escapes || d.mysql)
		if err != nil {
			return nil, &misread{l.line, err}
		}
		escapes = t.kind == word && strings.EqualFold(l.src[:n], "e")
		t.text, t.line = l.src[:n], l.line
		l.line += strings.Count(t.text, "\n")
		l.src = l.src[n:]
		all = append(all, t)
	}
	return all, nil
}

var (
	spaces    = regexp.MustCompile(`^\s+`)
	words     = regexp.MustCompile(`^[\pL\pN_][\pL\pN_$]*`)
	parameter = regexp.MustCompile(`^:([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)`)
	braced    = regexp.MustCompile(`^:\{([^{}\s]+)\}`)
	named     = regexp.MustCompile(`^:"([^"\n]+)"`)
	dollar    = regexp.MustCompile(`^\$([\pL_][\pL\pN_]*)?\$`)
)

// next returns the kind of the token that the text begins with, and its length.
func (l *lexer) next(escapes bool) (token, int, error) {
	s := l.src
	switch {
	case spaces.MatchString(s):
		return token{kind: blank}, len(spaces.FindString(s)), nil
	case words.MatchString(s):
		return token{kind: word}, len(words.FindString(s)), nil
	case strings.HasPrefix(s, "--") && (!l.mysql || len(s) == 2 || s[2] <= ' '), s[0] == '#' && l.mysql:
		n := strings.IndexByte(s+"\n", '\n')
		return token{kind: blank}, n, nil
	case strings.HasPrefix(s, "/*"):
		return l.comment()
	case s[0] == '\'':
		return l.delimited(text, escapes)
	case s[0] == l.quote:
		return l.delimited(nameText, false)
	case s[0] == '"':
		return l.delimited(text, escapes) // MySQL's other quotes
	case s[0] == '$' && !l.mysql:
		return l.dollar()
	case s[0] == '?' && l.mysql:
		return token{}, 0, errors.New("? stands for no value: name one, as in :userName")
	case s[0] == ':':
		return l.parameter()
	}
	return token{kind: other}, 1, nil
}

// comment ends where the server says that it does: PostgreSQL's may have others
// inside, and MySQL's may be code.
func (l *lexer) comment() (token, int, error) {
	if l.mysql && (strings.HasPrefix(l.src, "/*!") || strings.HasPrefix(l.src, "/*M!")) {
		return token{}, 0, errors.New("code in a comment: write it without one")
	}
	depth := 0
	for i := 0; i+1 < len(l.src); i++ {
		switch l.src[i : i+2] {
		case "/*":
			if depth == 0 || !l.mysql {
				depth++
			}
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return token{kind: blank}, i + 1, nil
			}
		}
	}
	return token{}, 0, errors.New("a comment has no end")
}

// delimited is what is between two of the character that it begins with. Two of
// them inside are one of them.
func (l *lexer) delimited(kind tokenKind, escapes bool) (token, int, error) {
	q := l.src[0]
	for i := 1; i < len(l.src); i++ {
		switch {
		case l.src[i] == '\\' && escapes:
			i++
		case l.src[i] != q:
		case i+1 < len(l.src) && l.src[i+1] == q:
			i++
		default:
			inside := strings.ReplaceAll(l.src[1:i], string([]byte{q, q}), string(q))
			return token{kind: kind, name: inside}, i + 1, nil
		}
	}
	return token{}, 0, fmt.Errorf("what begins with %c has no end", q)
}

// dollar is a string between tags, as in $tag$...$tag$.
func (l *lexer) dollar() (token, int, error) {
	tag := dollar.FindString(l.src)
	if tag == "" {
		return token{}, 0, errors.New("$ stands for no value: name one, as in :userName")
	}
	n := strings.Index(l.src[len(tag):], tag)
	if n < 0 {
		return token{}, 0, fmt.Errorf("what begins with %s has no end", tag)
	}
	return token{kind: text}, n + 2*len(tag), nil
}

func (l *lexer) parameter() (token, int, error) {
	for _, p := range []struct {
		pattern *regexp.Regexp
		kind    tokenKind
	}{{parameter, value}, {braced, value}, {named, ident}} {
		if m := p.pattern.FindStringSubmatch(l.src); m != nil {
			return token{kind: p.kind, name: m[1]}, len(m[0]), nil
		}
	}
	switch {
	case strings.HasPrefix(l.src, "::"), strings.HasPrefix(l.src, ":="):
		return token{kind: other}, 2, nil
	case strings.HasPrefix(l.src, ":'"):
		return token{}, 0, errors.New("a value is never written into a statement: write :name without quotes, and it is bound")
	}
	return token{kind: other}, 1, nil
}
