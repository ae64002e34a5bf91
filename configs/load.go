package configs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"

	"drawbridge/schema"
)

// Load reads a configuration and resolves what it refers to; env looks up a
// variable of the environment, as os.LookupEnv does; with a nil env, secrets are
// left empty, for whoever looks at a bridge and speaks to nobody. Every mistake is reported
// at once, each with file and line; the error is schema.ErrInvalid, or
// schema.ErrNotFound if there is no such file. No error says what a secret is.
func Load(path string, env func(string) (string, bool)) (*Config, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("configuration %s: %w", path, schema.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return parse(path, text, env)
}

// A file is a configuration as it is written.
type file struct {
	Config     `yaml:",inline"`
	Connectors []connector `yaml:"connectors"`
}

func parse(path string, text []byte, env func(string) (string, bool)) (*Config, error) {
	f := file{Config: Default()}
	r := &reader{file: path, dir: filepath.Dir(path), env: env}
	if err := r.decode(text, &f); err != nil {
		return nil, fmt.Errorf("configuration: %w:\n%w", schema.ErrInvalid, err)
	}
	r.locate(&f)
	r.values(&f)
	r.credentials(&f)
	r.console(&f)
	r.feeds(&f)
	r.notices(&f)
	r.schemas(&f)
	for i := range f.Connectors {
		r.connector(i, &f)
	}
	if err := r.err(); err != nil {
		return nil, fmt.Errorf("configuration: %w:\n%w", schema.ErrInvalid, err)
	}
	return &f.Config, nil
}

// A reader reads one configuration and remembers what is wrong with it.
type reader struct {
	file, dir string
	env       func(string) (string, bool)
	root      yaml.Node
	found     mistakes
}

// decode fills f from the text. It returns an error where the text is not YAML;
// what else is wrong is among the mistakes. A file with nothing in it says
// nothing: everything is as by default.
func (r *reader) decode(text []byte, f *file) error {
	if strings.TrimSpace(string(text)) == "" {
		return nil
	}
	if err := yaml.Load(text, &r.root); err != nil {
		r.refused(err)
		return r.err()
	}
	if err := yaml.Load(text, f, yaml.WithKnownFields()); err != nil {
		r.refused(err)
	}
	return nil
}

// refused turns the parser's errors into mistakes.
func (r *reader) refused(err error) {
	all, ok := errors.AsType[*yaml.LoadErrors](err)
	if !ok {
		one, ok := errors.AsType[*yaml.LoadError](err)
		if !ok {
			r.found.add(1, err.Error())
			return
		}
		all = &yaml.LoadErrors{Errors: []*yaml.LoadError{one}}
	}
	for _, e := range all.Errors {
		r.found.add(e.Mark.Line, inWords(e.Message))
	}
}

// wrong adds a mistake under a key, such as connectors.0.baseURL.
func (r *reader) wrong(key, format string, args ...any) {
	r.found.add(r.lineOf(key), key+" "+fmt.Sprintf(format, args...))
}

func (r *reader) err() error { return r.found.err(r.file) }

// lineOf returns the line of the key, or of what of it is there.
func (r *reader) lineOf(key string) int {
	node, line := &r.root, 1
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	for part := range strings.SplitSeq(key, ".") {
		next, at := child(node, part)
		if next == nil {
			return line
		}
		node, line = next, at
	}
	return line
}

// child returns the value under a key or at an index, and the line it begins at.
func child(node *yaml.Node, part string) (*yaml.Node, int) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == part {
				return node.Content[i+1], node.Content[i].Line
			}
		}
	case yaml.SequenceNode:
		var i int
		if _, err := fmt.Sscanf(part, "%d", &i); err == nil && i < len(node.Content) {
			return node.Content[i], node.Content[i].Line
		}
	default: // a scalar has no children
	}
	return nil, 0
}

// locate makes paths relative to the file into paths that can be opened.
func (r *reader) locate(f *file) {
	for _, p := range []*string{
		&f.TLS.Cert, &f.TLS.Key, &f.TLS.ClientCAs, &f.Store.Path, &f.Store.Keys, &f.Policy.Path, &f.Profiles.Path, &f.Audit.Key, &f.Audit.AnchorFile,
	} {
		*p = r.path(*p)
	}
}

func (r *reader) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(r.dir, p)
}
