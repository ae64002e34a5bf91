package policy

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

var rewrite = flag.Bool("update", false, "write testdata/mutations.txt anew")

// A mutation is one change of one field.
type mutation struct {
	name string
	do   func(of *yaml.Node, i int) bool // of a mapping, whose value at i it changes; reports whether there is anything to change
}

func quotedNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle}
}

// mutations are the ways in which a field goes wrong.
var mutations = []mutation{
	{"is gone", func(of *yaml.Node, i int) bool {
		of.Content = slices.Delete(of.Content, i-1, i+1)
		return true
	}},
	{"is of another type", func(of *yaml.Node, i int) bool {
		if of.Content[i].Kind == yaml.ScalarNode {
			of.Content[i] = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{quotedNode("a"), quotedNode("b")}}
		} else {
			of.Content[i] = quotedNode("a")
		}
		return true
	}},
	{"is empty", func(of *yaml.Node, i int) bool {
		if v := of.Content[i]; v.Kind == yaml.ScalarNode {
			of.Content[i] = quotedNode("")
		} else {
			v.Content = nil
		}
		return true
	}},
	{"names what is not there", func(of *yaml.Node, i int) bool {
		v := of.Content[i]
		if v.Kind == yaml.SequenceNode && len(v.Content) > 0 && v.Content[0].Kind == yaml.ScalarNode {
			v.Content[0] = quotedNode("elsewhere")
			return true
		}
		if v.Kind != yaml.ScalarNode || v.ShortTag() != "!!str" {
			return false
		}
		of.Content[i] = quotedNode("elsewhere")
		return true
	}},
}

// A place of a document: its fields' names, with [] for any item of a list.
type spot struct{ kind, path string }

// A harmless is a class of mutations that lint is right to let through, and why.
type harmless struct {
	class, why string
	rows       *regexp.Regexp
}

// harmlessOnes are looked through in their order.
var harmlessOnes = []harmless{
	{"facts", "of a test: other facts, or less is expected; whether it comes true is for policy test to say", regexp.MustCompile(`^Test `)},
	{"words", "it is for people to read: any other words, or none, may be meant", regexp.MustCompile(
		`\.(title|rationale|reason|mitigations|compensating|intent|because|purpose|usedBy|ticket|onEnd\.rotate|evidence[A-Z]\w+|notify) |` +
			`\.vendor\.(name|scopes) |^Role \.spec\.ticket\.system `)},
	{"person", "whether that is somebody who is there, only data tells: E-OWNER-INACTIVE, findings, who may decide", regexp.MustCompile(
		`\.(owner\.user|owner\.deputy|entitlements\[\]\.owner|subjects|approvedBy|approvers(\[\])?\.group|reviewers\.group) names`)},
	{"outside", "a name or an address outside of the policy: only a source or a target tells whether it is one", regexp.MustCompile(
		`\.(target|path|environment|repo|attestation|issuer|audience|subject|authoritativeFor|correlateBy|credential|metadata\.name) (names|is gone|is empty)|\.(path|map[.A-Za-z]*) `)},
	{"default", "left out, it is what docs/policy.md says it is then: the safer of what there is, or nothing that is demanded besides", regexp.MustCompile(` is (gone|empty)$`)},
}

// harmlessAs returns the class of a mutation that lint says nothing about.
func harmlessAs(row string) string {
	for _, h := range harmlessOnes {
		if h.rows.MatchString(row) {
			return h.class
		}
	}
	return ""
}

// TestMutations changes one field at a time of every document of the shipped policy, in
// each way in which fields go wrong, and compares the codes that lint has for it with
// testdata/mutations.txt: in that document or, where nothing is wrong with that, in those
// that refer to it. There is never more than one code in a document: a mistake is said
// once. What lint says nothing about at all is of a class that says why. R-POL-2.
func TestMutations(t *testing.T) {
	const golden = "testdata/mutations.txt"
	files := exampleFiles(t)
	lines := []string{"# Written by go test ./policy -run TestMutations -update. What lint says of a field that goes wrong;", "# in brackets, why it rightly says nothing:"}
	for _, h := range harmlessOnes {
		lines = append(lines, fmt.Sprintf("#   (%s) %s", h.class, h.why))
	}
	done := map[spot]bool{}
	var mutants []mutant
	as := sound(t, files)
	for _, name := range sortedNames(files) {
		for n, doc := range documentsIn(t, files[name]) {
			kind := valueAt(doc, "kind")
			for _, at := range within(doc, nil) {
				s := spot{kind, at.name}
				if done[s] {
					continue
				}
				done[s] = true
				for _, m := range mutations {
					mutants = append(mutants, mutant{name, n, at, kind, m, as})
				}
			}
		}
	}
	rows := make([]string, len(mutants))
	var work sync.WaitGroup
	for worker := range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for i := worker; i < len(mutants); i += runtime.GOMAXPROCS(0) {
				rows[i] = mutated(t, files, mutants[i])
			}
		})
	}
	work.Wait()
	lines = append(lines, slices.DeleteFunc(rows, func(row string) bool { return row == "" })...)
	got := strings.Join(lines, "\n") + "\n"
	if *rewrite {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("codes (-want +got; go test ./policy -run TestMutations -update):\n%s", diff)
	}
}

// A mutant is a document of a file, a place in it, and what is done there.
type mutant struct {
	file string
	nth  int
	at   inside
	kind string
	how  mutation

	sound *compiler
}

// mutated is what lint says of a mutant, as a row of testdata/mutations.txt; nothing where
// there was nothing to change.
func mutated(t *testing.T, files map[string][]byte, m mutant) string {
	t.Helper()
	here, elsewhere, changed := mutate(t, files, m)
	if !changed {
		return ""
	}
	what := fmt.Sprintf("%s %s %s", m.kind, m.at.name, m.how.name)
	switch class := harmlessAs(what); {
	case len(here) > 1:
		t.Errorf("%s: %v, want one code", what, here)
	case len(here) == 1:
		return what + ": " + here[0]
	case len(elsewhere) > 0:
		return what + ": elsewhere " + strings.Join(elsewhere, " ")
	case class == "":
		t.Errorf("%s: lint says nothing; it deserves a code, or a class of those that are harmless", what)
	default:
		return what + ": (" + class + ")"
	}
	return what + ":"
}

// exampleFiles are the documents that ship.
func exampleFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	from := os.DirFS("../configs/policy")
	err := fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".yaml" {
			return err
		}
		files[name], err = fs.ReadFile(from, name)
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	return files
}

func sortedNames(files map[string][]byte) (names []string) {
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func documentsIn(t *testing.T, text []byte) (docs []*yaml.Node) {
	t.Helper()
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var n yaml.Node
		if err := dec.Decode(&n); err != nil {
			return docs
		}
		docs = append(docs, n.Content[0])
	}
}

func valueAt(doc *yaml.Node, key string) string {
	for i := 0; i+1 < len(doc.Content); i += 2 {
		if doc.Content[i].Value == key {
			return doc.Content[i+1].Value
		}
	}
	return ""
}

// An inside is a value of a mapping somewhere in a document, and the way there.
type inside struct {
	name string
	way  []int
}

func within(n *yaml.Node, way []int) (all []inside) {
	add := func(name string, i int, inner *yaml.Node) {
		for _, f := range within(inner, append(slices.Clone(way), i)) {
			all = append(all, inside{name + f.name, f.way})
		}
	}
	switch n.Kind { //nolint:exhaustive // the others have no fields
	case yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			name := n.Content[i-1].Value
			if strings.ContainsAny(name, "@/") { // somebody's address, or an entitlement, and no field
				name = "*"
			}
			all = append(all, inside{"." + name, append(slices.Clone(way), i)})
			add("."+name, i, n.Content[i])
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			add("[]", i, item)
		}
	}
	return all
}

// mutate returns the codes of what lint finds in a document once one of its fields is
// changed, and in the others, which follow from that.
func mutate(t *testing.T, files map[string][]byte, m mutant) (here, elsewhere []string, changed bool) {
	t.Helper()
	docs := documentsIn(t, files[m.file])
	of, way := docs[m.nth], m.at.way
	for _, i := range way[:len(way)-1] {
		of = of.Content[i]
	}
	if !m.how.do(of, way[len(way)-1]) {
		return nil, nil, false
	}
	var text bytes.Buffer
	enc := yaml.NewEncoder(&text)
	for _, doc := range docs {
		if err := enc.Encode(doc); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	first, last := span(text.String(), m.nth)
	found := m.lint(files, text.Bytes())
	for _, f := range found {
		if f.File == m.file && f.Line >= first && f.Line <= last {
			here = append(here, string(f.Code))
		} else {
			elsewhere = append(elsewhere, string(f.Code))
		}
	}
	slices.Sort(here)
	slices.Sort(elsewhere)
	return slices.Compact(here), slices.Compact(elsewhere), true
}

// lint is what lint says of the documents with the mutant's file as it is now. Of a Test,
// of which there are many, only tests are looked at again.
func (m mutant) lint(files map[string][]byte, text []byte) Findings {
	if m.kind == "Test" && strings.HasPrefix(m.at.name, ".spec") {
		return m.sound.retest(m.file, text)
	}
	all := fstest.MapFS{}
	for other, same := range files {
		all[other] = &fstest.MapFile{Data: same}
	}
	all[m.file] = &fstest.MapFile{Data: text}
	_, found := lint(all)
	return found
}

// sound compiles the documents as they are.
func sound(t *testing.T, files map[string][]byte) *compiler {
	t.Helper()
	all := fstest.MapFS{}
	for name, text := range files {
		all[name] = &fstest.MapFile{Data: text}
	}
	set, found := Load(all)
	c := newCompiler(set)
	if _, more := c.compile(); len(found)+len(more) > 0 {
		t.Fatal(found, more)
	}
	return c
}

// retest looks at the tests again, with those of one file as they are now.
func (c *compiler) retest(file string, text []byte) Findings {
	changed, found := Load(fstest.MapFS{file: {Data: text}})
	set := *c.set
	set.Tests = append(slices.DeleteFunc(slices.Clone(set.Tests), func(t *Test) bool { return t.at.file == file }), changed.Tests...)
	again := compiler{set: &set, book: c.book, bad: map[string]bool{}}
	again.tests()
	misread := map[string]bool{}
	for _, f := range found {
		misread[f.Object] = misread[f.Object] || f.Severity == Error
	}
	more := slices.DeleteFunc(again.found, func(f Finding) bool { return misread[f.Object] })
	return slices.Concat(found, more).sorted()
}

// span are the first and the last line of a document of a file.
func span(text string, n int) (first, last int) {
	first, at := 1, 0
	for i, line := range strings.Split(text, "\n") {
		if line != "---" {
			continue
		}
		if at == n {
			return first, i
		}
		at, first = at+1, i+2
	}
	return first, strings.Count(text, "\n") + 1
}
