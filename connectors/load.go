package connectors

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"drawbridge/schema"

	"go.yaml.in/yaml/v4"
)

// LoadProfile reads the profile NAME.yaml from the file system. What the file
// leaves out is as in DefaultProfile. Every mistake is reported at once, each
// with file and line; the error is schema.ErrInvalid, or schema.ErrNotFound if
// there is no such profile.
func LoadProfile(fsys fs.FS, name string) (Profile, error) {
	file := name + ".yaml"
	if !fs.ValidPath(file) || strings.Contains(name, "/") {
		return Profile{}, fmt.Errorf("profile %q: %w: a profile's name is the name of a file without .yaml", name, schema.ErrInvalid)
	}
	text, err := fs.ReadFile(fsys, file)
	if errors.Is(err, fs.ErrNotExist) {
		return Profile{}, fmt.Errorf("profile %q: %w: there is no %s", name, schema.ErrNotFound, file)
	}
	if err != nil {
		return Profile{}, fmt.Errorf("profile %q: %w", name, err)
	}
	return ParseProfile(file, text)
}

// ParseProfile reads a profile from YAML. The file's name is for errors.
func ParseProfile(file string, text []byte) (Profile, error) {
	p := DefaultProfile()
	if err := yaml.Load(text, &p, yaml.WithKnownFields()); err != nil {
		return Profile{}, fmt.Errorf("profile: %w: %w", schema.ErrInvalid, located(file, err))
	}
	var root yaml.Node
	if err := yaml.Load(text, &root); err != nil {
		return Profile{}, fmt.Errorf("profile: %w: %s: %w", schema.ErrInvalid, file, err)
	}
	if p.REST.Node != nil {
		p.REST.File = file
	}
	var errs []error
	for _, m := range p.mistakes() {
		errs = append(errs, fmt.Errorf("%s:%d: %s %s", file, lineOf(&root, m.key), m.key, m.text))
	}
	if err := errors.Join(errs...); err != nil {
		return Profile{}, fmt.Errorf("profile: %w: %w", schema.ErrInvalid, err)
	}
	return p, nil
}

// located gives each of the parser's errors its file and line.
func located(file string, err error) error {
	var all *yaml.LoadErrors
	if !errors.As(err, &all) {
		if one, ok := errors.AsType[*yaml.LoadError](err); ok {
			return fmt.Errorf("%s:%d: %s", file, one.Mark.Line, one.Message)
		}
		return fmt.Errorf("%s: %w", file, err)
	}
	var errs []error
	for _, e := range all.Errors {
		errs = append(errs, fmt.Errorf("%s:%d: %s", file, e.Mark.Line, e.Message))
	}
	return errors.Join(errs...)
}

// lineOf returns the line of the dotted key, or of what of it is there.
func lineOf(root *yaml.Node, key string) int {
	node, line := root, 1
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	for part := range strings.SplitSeq(key, ".") {
		next := (*yaml.Node)(nil)
		for i := 0; i+1 < len(node.Content) && node.Kind == yaml.MappingNode; i += 2 {
			if node.Content[i].Value == part {
				line, next = node.Content[i].Line, node.Content[i+1]
			}
		}
		if next == nil {
			return line
		}
		node = next
	}
	return line
}

// A mistake is a value that cannot be right, under its key.
type mistake struct{ key, text string }

// mistakes returns what is wrong with the profile, by key.
func (p Profile) mistakes() []mistake {
	var all []mistake
	wrong := func(key, format string, args ...any) {
		all = append(all, mistake{key, fmt.Sprintf(format, args...)})
	}
	oneOf(wrong, "find", p.Find, FindFirst, FindOnConflict)
	oneOf(wrong, "update", p.Update, UpdatePatch, UpdatePut)
	oneOf(wrong, "deactivate", p.Deactivate, DeactivateActive, DeactivateDelete)
	oneOf(wrong, "groups.update", p.Groups.Update, UpdatePatch, UpdatePut)
	oneOf(wrong, "groups.memberRemove", p.Groups.MemberRemove, RemoveByPath, RemoveByValue)
	oneOf(wrong, "groups.of", p.Groups.Of, GroupsOfUser, GroupsOfFilter, GroupsOfPair, GroupsOfList, GroupsOfNone)
	oneOf(wrong, "paging.style", p.Paging.Style, PagingNone, PagingIndex, PagingCursor)
	oneOf(wrong, "order", p.Order, UsersFirst, AnyOrder)
	oneOf(wrong, "auth.scheme", p.Auth.Scheme, AuthBearer, AuthHeader, AuthBasic, AuthQuery, AuthClient, AuthJWT, AuthSigned)
	if len(p.Match) == 0 {
		wrong("match", "is empty: name at least one attribute to find accounts by")
	}
	if s := p.Sessions; s.Path != "" && (!strings.HasPrefix(s.Path, "/") || strings.HasPrefix(s.Path, "//") || !strings.Contains(s.Path, "{id}")) {
		wrong("sessions.path", "is %q: write a path from the root of the host, with {id} in it, as in /api/users/{id}/sessions", s.Path)
	}
	if p.Sessions.Path != "" && p.Kind != "" && p.Kind != "scim" {
		wrong("sessions.path", "is for kind scim: kind %s says in another way how sessions end", p.Kind)
	}
	oneOf(wrong, "sessions.method", p.Sessions.Method, "POST", "PUT", "PATCH", "DELETE")
	if p.Find == FindOnConflict && !slices.Equal(p.Match, []string{"userName"}) {
		wrong("find", "is on-conflict, which finds by userName only: match must be [userName]")
	}
	if p.Auth.Header == "" && (p.Auth.Scheme == AuthHeader || p.Auth.Scheme == AuthQuery) {
		wrong("auth.header", "is empty: name what carries the credential")
	}
	if p.Paging.Style != PagingNone && p.Paging.Size < 1 {
		wrong("paging.size", "is %d, want at least 1", p.Paging.Size)
	}
	if !slices.Contains(p.Filter.Operators, "eq") {
		wrong("filter.operators", "lacks eq, without which no account can be found")
	}
	if p.Groups.Of == GroupsOfPair && !slices.Contains(p.Filter.Operators, "and") {
		wrong("filter.operators", "lacks and, without which no pair of a group and a user can be asked for (groups.of)")
	}
	p.numbers(wrong)
	p.rates(wrong)
	return all
}

// numbers finds limits that are negative or cannot be kept.
func (p Profile) numbers(wrong func(key, format string, args ...any)) {
	for _, n := range []struct {
		key   string
		value float64
	}{
		{"concurrency", float64(p.Concurrency)},
		{"groups.maxMembers", float64(p.Groups.MaxMembers)},
		{"groups.maxBytes", float64(p.Groups.MaxBytes)},
		{"groups.perHour", float64(p.Groups.PerHour)},
		{"rate.perSecond", p.Rate.PerSecond},
		{"rate.perHour", float64(p.Rate.PerHour)},
		{"rate.burst", float64(p.Rate.Burst)},
		{"token.life", float64(p.Token.Life)},
		{"usedBehind", float64(p.UsedBehind)},
	} {
		if n.value < 0 {
			wrong(n.key, "is negative; 0 means no limit")
		}
	}
	if p.Groups.MaxBytes > 0 && p.Groups.MaxBytes < 512 {
		wrong("groups.maxBytes", "is %d: not even one member fits below 512", p.Groups.MaxBytes)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Attributes.MaxLength)) {
		if p.Attributes.MaxLength[name] < 1 {
			wrong("attributes.maxLength."+name, "is %d, want at least 1", p.Attributes.MaxLength[name])
		}
	}
}

// methods are the calls that a protocol has, as limits of rate name them.
var methods = map[string][]string{
	"ldap": {"search", "add", "modify", "rename", "delete"},
	"sql":  {"probe", "list", "find", "read", "apply", "sessions"},
}

// rates finds limits of calls that are none of the kind's, or cannot be kept.
func (p Profile) rates(wrong func(key, format string, args ...any)) {
	known, ok := methods[p.Kind]
	if !ok {
		known = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
	}
	for _, method := range slices.Sorted(maps.Keys(p.Rate.Methods)) {
		m := p.Rate.Methods[method]
		if !slices.Contains(known, method) {
			wrong("rate.methods."+method, "is no method: write %s", strings.Join(known, ", "))
		}
		if min(m.PerSecond, float64(m.Burst), float64(m.PerHour)) < 0 {
			wrong("rate.methods."+method, "is negative; 0 means no limit")
		}
	}
	for _, c := range p.Rate.Calls {
		if c.Method != "" && !slices.Contains(known, c.Method) {
			wrong("rate.calls", "have %s, which is no method: write %s", c.Method, strings.Join(known, ", "))
		}
		if min(c.PerSecond, float64(c.Burst), float64(c.PerHour), float64(c.Over)) < 0 {
			wrong("rate.calls", "have a negative number; 0 means no limit")
		}
		if c.Path != "" && (ok || !strings.HasPrefix(c.Path, "/")) {
			wrong("rate.calls", "have path %q: write how the path of an address begins, as in /Groups", c.Path)
		}
	}
}

func oneOf[T cmp.Ordered](wrong func(key, format string, args ...any), key string, got T, allowed ...T) {
	if !slices.Contains(allowed, got) {
		wrong(key, "is %q, want one of %q", fmt.Sprint(got), allowed)
	}
}
