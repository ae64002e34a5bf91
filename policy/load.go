package policy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxFile bounds one policy file; documents are written by people.
const maxFile = 4 << 20

// Load reads every .yaml and .yml file of a folder and those below it. It reads
// strictly and reports every mistake at once. What could be read is returned
// whatever else is wrong: a document with mistakes is in the set, and Compile
// refuses to automate it.
func Load(fsys fs.FS) (*Set, Findings) {
	l := &loader{seen: map[string]place{}, set: &Set{}}
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ext := path.Ext(name); entry.IsDir() || ext != ".yaml" && ext != ".yml" {
			return nil
		}
		return l.file(fsys, name)
	})
	if err != nil {
		f := finding(CodeYAML, "", "%v", err)
		f.File = "."
		l.found = append(l.found, f)
	}
	l.set.sort()
	l.set.found = l.found.sorted()
	return l.set, l.set.found
}

// A loader gathers documents and mistakes from file to file.
type loader struct {
	set   *Set
	seen  map[string]place // by Kind/NAME
	found Findings
}

func (l *loader) file(fsys fs.FS, name string) error {
	file, err := fsys.Open(name)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err := cmp.Or(err, file.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	p := place{file: name, lines: strings.Split(string(text), "\n")}
	if len(text) > maxFile {
		l.found = append(l.found, p.on(finding(CodeYAML, "", "larger than %d bytes", maxFile), nil))
		return nil
	}
	docs, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for {
		var doc yaml.Node
		err := docs.Load(&doc)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			l.found = append(l.found, malformed(p, err))
			return nil // what follows a syntax error means nothing
		}
		l.document(p, &doc)
	}
}

// malformed says where and why a file is not YAML.
func malformed(p place, err error) Finding {
	f := finding(CodeYAML, "", "%v", err)
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		f.Message, f.Line, f.Col = e.Message, e.Mark.Line, e.Mark.Column
	}
	f.File = p.file
	return f
}

// document reads one document, whatever its kind, into the set.
func (l *loader) document(p place, n *yaml.Node) {
	if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
		n = n.Content[0]
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return // nothing between two separators
	}
	p.node = n
	kind, name := scalar(child(n, "kind")), scalar(child(child(n, "metadata"), "name"))
	d := decoder{place: p, object: kind + "/" + name}
	doc := newDocument(kind)
	if doc == nil {
		f := p.at(finding(CodeKind, "", "unknown kind %q", kind), "kind")
		l.found = append(l.found, f.hint("one of %s", strings.Join(Kinds(), ", ")))
		return
	}
	d.decode(n, doc)
	d.refuseSecrets(n)
	h := doc.header()
	h.at = p
	if h.APIVersion != "" && h.APIVersion != APIVersion && stringTag(child(n, "apiVersion")) == "!!str" {
		d.report(CodeKind, child(n, "apiVersion"), "unknown apiVersion %q", h.APIVersion).hint("write %s", APIVersion)
	}
	if first, twice := l.seen[h.Ref()]; twice && name != "" {
		d.report(CodeDup, child(child(n, "metadata"), "name"), "%s is also at %s:%d", h.Ref(), first.file, first.node.Line)
	} else if name != "" {
		l.seen[h.Ref()] = p
		if !l.set.add(doc) {
			d.report(CodeDup, n, "a second PolicySet")
		}
	}
	l.found = append(l.found, d.found...)
}

func scalar(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// A document is any of the kinds.
type document interface {
	header() *Header
	Ref() string
}

// Kinds returns the names of the kinds of document.
func Kinds() []string {
	return []string{
		"PolicySet", "Source", "Connector", "Role", "ApprovalFlow",
		"TriggerSet", "Constraint", "Exception", "NHI", "Test",
	}
}

func newDocument(kind string) document {
	switch kind {
	case "PolicySet":
		return &PolicySet{}
	case "Source":
		return &Source{}
	case "Connector":
		return &Connector{}
	case "Role":
		return &Role{}
	case "ApprovalFlow":
		return &ApprovalFlow{}
	case "TriggerSet":
		return &TriggerSet{}
	case "Constraint":
		return &Constraint{}
	case "Exception":
		return &Exception{}
	case "NHI":
		return &NHI{}
	case "Test":
		return &Test{}
	}
	return nil
}

// add puts a document into the set, unless it is a second PolicySet.
func (s *Set) add(doc document) bool {
	switch d := doc.(type) {
	case *PolicySet:
		if s.Policy != nil {
			return false
		}
		s.Policy = d
	case *Source:
		s.Sources = append(s.Sources, d)
	case *Connector:
		s.Connectors = append(s.Connectors, d)
	case *Role:
		s.Roles = append(s.Roles, d)
	case *ApprovalFlow:
		s.Flows = append(s.Flows, d)
	case *TriggerSet:
		s.Triggers = append(s.Triggers, d)
	case *Constraint:
		s.Registers.Constraints = append(s.Registers.Constraints, d)
	case *Exception:
		s.Registers.Exceptions = append(s.Registers.Exceptions, d)
	case *NHI:
		s.Registers.NHIs = append(s.Registers.NHIs, d)
	case *Test:
		s.Tests = append(s.Tests, d)
	}
	return true
}

// sort puts every kind in the order of names, but for tests, which stay in the
// order in which people wrote them.
func (s *Set) sort() {
	sortByName(s.Sources)
	sortByName(s.Connectors)
	sortByName(s.Roles)
	sortByName(s.Flows)
	sortByName(s.Triggers)
	sortByName(s.Registers.Constraints)
	sortByName(s.Registers.Exceptions)
	sortByName(s.Registers.NHIs)
}

func sortByName[D document](docs []D) {
	slices.SortFunc(docs, func(a, b D) int { return cmp.Compare(a.header().Metadata.Name, b.header().Metadata.Name) })
}

// documents returns every document but the tests, kind by kind.
func (s *Set) documents() []document {
	var all []document
	if s.Policy != nil {
		all = append(all, s.Policy)
	}
	all = appendDocuments(all, s.Sources)
	all = appendDocuments(all, s.Connectors)
	all = appendDocuments(all, s.Roles)
	all = appendDocuments(all, s.Flows)
	all = appendDocuments(all, s.Triggers)
	all = appendDocuments(all, s.Registers.Constraints)
	all = appendDocuments(all, s.Registers.Exceptions)
	return appendDocuments(all, s.Registers.NHIs)
}

func appendDocuments[D document](all []document, docs []D) []document {
	for _, d := range docs {
		all = append(all, d)
	}
	return all
}
