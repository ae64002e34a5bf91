package rest

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"cel.dev/cel-go/cel"
)

// A template is a path with expressions in braces, as in /users/{id}/roles. The
// value of each becomes part of one segment, whatever is in it: it can neither
// begin another segment nor a query, and never be empty.
type template struct {
	segments [][]part
}

// A part of a segment is text, or an expression.
type part struct {
	text string
	expr *expression
}

// template reads a path.
func (c *compiler) template(e *expression, may []string) template {
	var t template
	if !strings.HasPrefix(e.text, "/") || strings.ContainsAny(e.text, "#\n\r ") && !strings.Contains(e.text, "{") {
		c.add(e.line, "a path begins with / and has neither spaces nor # in it")
		return t
	}
	for rest := e.text[1:]; ; {
		segment, more, err := c.segment(e, &rest, may)
		if err != nil {
			c.add(e.line, "%v", err)
			return t
		}
		t.segments = append(t.segments, segment)
		if !more {
			return t
		}
	}
}

// segment reads up to the next slash.
func (c *compiler) segment(e *expression, rest *string, may []string) (all []part, more bool, err error) {
	for {
		i := strings.IndexAny(*rest, "/{}?#")
		if i < 0 {
			return append(all, part{text: *rest}), false, nil
		}
		if i > 0 {
			all = append(all, part{text: (*rest)[:i]})
		}
		mark := (*rest)[i]
		*rest = (*rest)[i+1:]
		switch mark {
		case '/':
			return all, true, nil
		case '{':
			inner, after, ok := upToBrace(*rest)
			if !ok {
				return nil, false, errors.New("a brace is opened and not closed")
			}
			*rest = after
			x := &expression{text: inner, line: e.line}
			c.wrong = append(c.wrong, c.language.compile(x, may, cel.StringType, cel.IntType, cel.DynType)...)
			all = append(all, part{expr: x})
		default:
			return nil, false, fmt.Errorf("there is a %q in the path: write the query under query, each value as an expression", mark)
		}
	}
}

// upToBrace cuts an expression off at its closing brace; those in texts and of
// maps are the expression's own.
func upToBrace(text string) (inner, after string, ok bool) {
	depth, quote := 0, byte(0)
	for i := range len(text) {
		switch b := text[i]; {
		case quote != 0:
			if b == quote && text[i-1] != '\\' {
				quote = 0
			}
		case b == '"' || b == '\'':
			quote = b
		case b == '{':
			depth++
		case b == '}' && depth == 0:
			return text[:i], text[i+1:], true
		case b == '}':
			depth--
		}
	}
	return "", "", false
}

// fill returns the path, escaped.
func (t template) fill(in variables) (string, error) {
	var path strings.Builder
	for _, segment := range t.segments {
		path.WriteByte('/')
		var filled strings.Builder
		dynamic := false
		for _, p := range segment {
			if p.expr == nil {
				filled.WriteString(p.text)
				continue
			}
			dynamic = true
			value, err := p.expr.words(in)
			if err != nil {
				return "", err
			}
			if value == "" {
				return "", fmt.Errorf("line %d: {%s} is empty: such a path would be another", p.expr.line, p.expr.text)
			}
			filled.WriteString(value)
		}
		if text := filled.String(); dynamic {
			if text == "." || text == ".." {
				return "", errors.New("a name is . or .., which no path can have in it")
			}
			path.WriteString(url.PathEscape(text))
		} else {
			path.WriteString(text)
		}
	}
	return path.String(), nil
}
