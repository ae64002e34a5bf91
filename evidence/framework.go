package evidence

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"drawbridge/schema"
)

//go:embed frameworks/*.yaml
var files embed.FS

// A Framework is what one standard asks, as far as it is about access: which controls
// the bridge has evidence of, and which it has none of.
type Framework struct {
	Name     string    `yaml:"name" json:"name"`
	Title    string    `yaml:"title" json:"title"`
	Controls []Control `yaml:"controls" json:"controls"`

	// Uncovered are controls, or parts of them, that a pack does not show.
	Uncovered []Uncovered `yaml:"uncovered" json:"uncovered"`
}

// A Control is one control, or a few that ask the same.
type Control struct {
	ID       string   `yaml:"id" json:"id"`
	Covers   []string `yaml:"covers,omitempty" json:"covers,omitempty"` // their ids, where they are several
	Says     string   `yaml:"says" json:"says"`                         // in a few words; the standard has the text
	By       string   `yaml:"by" json:"by"`                             // what of the bridge does it
	Look     string   `yaml:"look" json:"look"`                         // what to look at in the evidence
	Evidence []string `yaml:"evidence" json:"evidence"`                 // names of tables
	Without  string   `yaml:"without,omitempty" json:"without,omitempty"`
}

// An Uncovered is a control, or what of one, that is not shown, and why.
type Uncovered struct {
	ID   string `yaml:"id" json:"id"`
	Says string `yaml:"says" json:"says"`
	Why  string `yaml:"why" json:"why"`
}

// File is what the files of a control are called, without their extension.
func (c Control) File() string {
	return "controls/" + strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r == '.', r == '-':
			return r
		}
		return '_'
	}, c.ID)
}

// Frameworks are the names of those there are.
func Frameworks() []string {
	entries, err := files.ReadDir("frameworks")
	if err != nil {
		return nil // they are embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// FrameworkOf returns a framework by name, or ErrInvalid.
func FrameworkOf(name string) (Framework, error) {
	var f Framework
	if !slices.Contains(Frameworks(), name) {
		return f, fmt.Errorf("framework %q: there are %s: %w", name, strings.Join(Frameworks(), ", "), schema.ErrInvalid)
	}
	text, err := files.ReadFile(path.Join("frameworks", name+".yaml"))
	if err != nil {
		return f, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil {
		return f, fmt.Errorf("framework %s: %w", name, err)
	}
	return f, nil
}

// tables are the names of the evidence that a framework asks for, each once, sorted.
func (f Framework) tables() []string {
	var names []string
	for _, c := range f.Controls {
		names = append(names, c.Evidence...)
	}
	return schema.Sorted(names...)
}
