package sql

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"drawbridge/connectors"
)

// A statement is one of an option's, with parameters where values go.
type statement struct {
	*dialect

	option string
	tokens []token
}

// values are what a statement may be about.
type values struct {
	id          string
	entitlement string
	session     string
	login       string            // the account that is never named
	attributes  map[string]string // by SCIM path
	was         map[string]string // what an update changes, as it was
}

// The parameters that are not attributes.
const (
	paramID          = "id"
	paramEntitlement = "entitlement"
	paramSession     = "session"
	wasPrefix        = "was."
)

func (v values) of(name string) string {
	switch name {
	case paramID:
		return v.id
	case paramEntitlement:
		return v.entitlement
	case paramSession:
		return v.session
	}
	if was, ok := strings.CutPrefix(name, wasPrefix); ok {
		return v.was[was]
	}
	return v.attributes[name]
}

// render returns the statement's text for the server and the values that are
// bound to it: one that is empty is NULL.
func (s statement) render(v values) (string, []any, error) {
	var b strings.Builder
	var args []any
	for _, t := range s.tokens {
		switch t.kind {
		case value:
			if of := v.of(t.name); of != "" {
				args = append(args, of)
			} else {
				args = append(args, nil)
			}
			b.WriteString(s.placeholder(len(args)))
		case ident:
			name, err := s.named(t.name, v)
			if err != nil {
				return "", nil, refused(connectors.Permanent, "option %s: :%q cannot be a name: %w", s.option, t.name, err)
			}
			b.WriteString(name)
		default:
			b.WriteString(t.text)
		}
	}
	return b.String(), args, nil
}

func (s statement) named(parameter string, v values) (string, error) {
	if parameter == paramEntitlement {
		return s.quoted(v.entitlement)
	}
	return s.account(v.of(parameter), v.login)
}

// names returns the parameters, sorted; each as often as it is there.
func (s statement) names() []string {
	var all []string
	for _, t := range s.tokens {
		if t.kind == value || t.kind == ident {
			all = append(all, t.name)
		}
	}
	slices.Sort(all)
	return all
}

// verb returns the keyword that the statement begins with, in upper case.
func (s statement) verb() string {
	for _, t := range s.tokens {
		if t.kind == word {
			return strings.ToUpper(t.text)
		}
		if t.kind != blank && !t.is("(") {
			break
		}
	}
	return ""
}

// binds are the statements that take values. Others, such as CREATE ROLE, take
// names only.
var binds = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE", "REPLACE", "VALUES", "CALL", "KILL"}

// reads are the statements that are queries.
var reads = []string{"SELECT", "WITH", "VALUES"}

// commits reports whether the server ends a transaction to run the statement.
func (s statement) commits() bool { return s.mysql && !slices.Contains(binds, s.verb()) }

// statements returns the statements of an option's text: what is between
// semicolons.
func statements(d *dialect, option, src string) ([]statement, error) {
	tokens, err := lex(d, src)
	if err != nil {
		return nil, err
	}
	var all []statement
	for {
		end := slices.IndexFunc(tokens, func(t token) bool { return t.is(";") })
		one := tokens
		if end >= 0 {
			one = tokens[:end]
		}
		if s := (statement{d, option, one}); s.verb() != "" {
			if err := s.balanced(); err != nil {
				return nil, err
			}
			all = append(all, s)
		} else if i := slices.IndexFunc(one, func(t token) bool { return t.kind != blank }); i >= 0 {
			return nil, &misread{one[i].line, fmt.Errorf("no statement begins with %s", one[i].text)}
		}
		if end < 0 {
			return all, nil
		}
		tokens = tokens[end+1:]
	}
}

// balanced finds a bracket too many: what is put around a query must stay around
// it.
func (s statement) balanced() error {
	depth := 0
	for _, t := range s.tokens {
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		}
		if depth < 0 {
			return &misread{t.line, errors.New(") has no ( before it")}
		}
	}
	if depth > 0 {
		return &misread{s.tokens[len(s.tokens)-1].line, errors.New("( has no ) after it")}
	}
	return nil
}
