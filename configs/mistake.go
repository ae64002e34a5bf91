package configs

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"drawbridge/schema"
)

// mistakes are what is wrong with a file, by line.
type mistakes []mistake

type mistake struct {
	line int
	text string
}

func (m *mistakes) add(line int, text string) { *m = append(*m, mistake{max(1, line), text}) }

// err returns all of them, in the order of lines, or nil.
func (m mistakes) err(file string) error {
	slices.SortStableFunc(m, func(a, b mistake) int { return cmp.Compare(a.line, b.line) })
	var errs []error
	for _, x := range m {
		errs = append(errs, fmt.Errorf("%s:%d: %s", file, x.line, x.text))
	}
	return errors.Join(errs...)
}

var (
	unknownField = regexp.MustCompile(`^field (\S+) not found in type (\S+)$`)
	wrongType    = regexp.MustCompile(`(?s)^cannot construct !!\w+ (?:.* )?into (\S+)$`)
)

// inWords says a parser's complaint in the words of the file, and leaves out the
// value it complains about, which may be a secret in the wrong place.
func inWords(message string) string {
	if m := unknownField.FindStringSubmatch(message); m != nil {
		known := keysOf(m[2])
		text := fmt.Sprintf("unknown key %q", m[1])
		if near := nearest(m[1], known); near != "" {
			return text + fmt.Sprintf(": did you mean %q?", near)
		}
		if len(known) > 0 {
			return text + ": there are " + strings.Join(known, ", ")
		}
		return text
	}
	if m := wrongType.FindStringSubmatch(message); m != nil {
		return wanted(m[1]) + " is wanted here"
	}
	if strings.HasPrefix(message, "slog: ") {
		return wanted("slog.Level") + " is wanted here"
	}
	return strings.TrimPrefix(message, "yaml: ")
}

// shapes are the types that a file is decoded into, by the name the parser has
// for them.
var shapes = func() map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for _, t := range []reflect.Type{
		reflect.TypeFor[file](), reflect.TypeFor[Config](), reflect.TypeFor[TLS](), reflect.TypeFor[Store](), reflect.TypeFor[Folder](),
		reflect.TypeFor[Audit](), reflect.TypeFor[Admin](), reflect.TypeFor[AdminToken](), reflect.TypeFor[Source](),
		reflect.TypeFor[AdminCertificate](), reflect.TypeFor[Certificate](), reflect.TypeFor[Credentials](),
		reflect.TypeFor[Issuer](), reflect.TypeFor[IssuerSource](), reflect.TypeFor[IssuerRole](),
		reflect.TypeFor[Console](), reflect.TypeFor[Feed](), reflect.TypeFor[OIDC](), reflect.TypeFor[OIDCRole](),
		reflect.TypeFor[Notices](), reflect.TypeFor[NoticeMail](), reflect.TypeFor[NoticeHook](),
		reflect.TypeFor[Sweep](), reflect.TypeFor[Scope](), reflect.TypeFor[Limits](), reflect.TypeFor[RequestLimits](), reflect.TypeFor[Log](),
		reflect.TypeFor[Shutdown](), reflect.TypeFor[connector](), reflect.TypeFor[auth](),
	} {
		all[t.String()] = t
	}
	return all
}()

// keysOf returns the keys that a type has in the file, sorted.
func keysOf(name string) []string {
	t, ok := shapes[name]
	if !ok {
		return nil
	}
	var keys []string
	for f := range t.Fields() {
		switch key, options, _ := strings.Cut(f.Tag.Get("yaml"), ","); {
		case options == "inline":
			keys = append(keys, keysOf(f.Type.String())...)
		case key != "-":
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// wanted says in words what a type takes.
func wanted(name string) string {
	switch {
	case name == "time.Duration":
		return "a duration, as in 30s, 5m or 1h,"
	case name == "slog.Level":
		return "debug, info, warn or error"
	case name == "string", name == "connectors.Secret":
		return "text"
	case name == "bool":
		return "true or false"
	case name == "float64":
		return "a number"
	case strings.HasPrefix(name, "int"):
		return "a whole number"
	case strings.HasPrefix(name, "[]"):
		return "a list"
	}
	return "a mapping"
}

// nearest returns the one of the words that is most like the given one, if any
// is much like it: by the letters of which one is to be changed, added or left
// out.
func nearest(word string, words []string) string {
	best, least := "", len(word)/3+1
	for _, w := range words {
		if d := schema.Distance(strings.ToLower(word), strings.ToLower(w)); d <= least && (best == "" || d < least) {
			best, least = w, d
		}
	}
	return best
}
