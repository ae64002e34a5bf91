package policy

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"maps"
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

// A spot is a field of a kind of document, with [] for any item of a list.
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
		`\.(owner\.user|owner\.deputy|signers\[\]\.user|entitlements\[\]\.owner|subjects|approvedBy|approvers(\[\])?\.(group|user)|(reviewers|escalate)\.group) names`)},
	{"outside", "a name or an address outside of the policy: only a source or a target tells whether it is one", regexp.MustCompile(
		`\.(target|path|environment|repo|attestation|issuer|audience|subject|authoritativeFor|correlateBy|credential|credentials?(\[\])?\.name|metadata\.name) (names|is gone|is empty)|\.(path|map[.A-Za-z]*) |\.publication\.folder names`)},
	{"everybody", "that is also what it is where it is left out", regexp.MustCompile(`^Source \.spec\.scope is true of everybody$`)},
	{"choice", "either is for people to choose, and neither opens what a requirement closes: docs/policy.md says what holds whatever is written", regexp.MustCompile(
		` is the other way round$`)},
	{"amount", "how much and how long is for people to decide, in the bounds that a requirement sets; whether a date is past, only a clock tells", regexp.MustCompile(
		` (is a thousand times as (much|long)|is two years later|is no time)$`)},
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

// TestMutations changes one field at a time of every document of the shipped policy, and of
// one in which every field occurs, in each way in which fields go wrong, and compares the
// codes that lint has for it with testdata/mutations.txt: in that document or, where nothing
// is wrong with that, in those that refer to it. There is never more than one code in a
// document: a mistake is said once. What lint says nothing about at all is of a class that
// says why. R-POL-2, R-OWN-1.
func TestMutations(t *testing.T) {
	const golden = "testdata/mutations.txt"
	lines := []string{"# Written by go test ./policy -run TestMutations -update. What lint says of a field that goes wrong;", "# in brackets, why it rightly says nothing:"}
	for _, h := range harmlessOnes {
		lines = append(lines, fmt.Sprintf("#   (%s) %s", h.class, h.why))
	}
	mutants := allMutants(t)
	rows := make([]string, len(mutants))
	var work sync.WaitGroup
	for worker := range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			bench := map[*corpus]*workbench{}
			for i := worker; i < len(mutants); i += runtime.GOMAXPROCS(0) {
				m := mutants[i]
				if bench[m.of] == nil {
					bench[m.of] = &workbench{read: map[string]reading{}}
				}
				rows[i] = bench[m.of].mutated(t, m)
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
	for _, code := range staticCodes(t) {
		always := slices.ContainsFunc(mutations, func(m mutation) bool { return m.always == code })
		if !always && !slices.Contains(strings.Fields(got), string(code)) && !slices.Contains(beyondOneField, code) {
			t.Errorf("no change of one field yields %s", code)
		}
	}
}

// beyondOneField are the codes of what no change of one field of a sound document brings
// about: the fixtures of testdata/bad do.
var beyondOneField = []Code{CodeYAML}

// staticCodes are those that need no data.
func staticCodes(t *testing.T) (all []Code) {
	t.Helper()
	source, err := os.ReadFile("finding.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, quoted := range regexp.MustCompile(`"[EW]-[A-Z]+[0-9]*(-[A-Z]+)*"`).FindAllString(string(source), -1) {
		all = append(all, Code(strings.Trim(quoted, `"`)))
	}
	return all
}

// TestEveryFieldOccurs proves that no field escapes TestMutations.
func TestEveryFieldOccurs(t *testing.T) {
	var occurs []string
	for _, m := range allMutants(t) {
		occurs = append(occurs, m.kind+m.at.name)
	}
	all := "\n" + strings.Join(occurs, "\n") + "\n"
	fields := 0
	for s := range everyField() {
		fields++
		looks := strings.ReplaceAll(regexp.QuoteMeta(s.kind+s.path), `\*`, `[^.\n]+`)
		if !regexp.MustCompile("\n" + looks + "\n").MatchString(all) {
			t.Errorf("%s%s occurs in no document that is changed: write it in testdata/whole", s.kind, s.path)
		}
	}
	if fields < 300 {
		t.Errorf("looked for %d fields only", fields)
	}
}

// A corpus is a sound policy, a document a file.
type corpus struct {
	names []string // the documents, in order
	docs  map[string]*yaml.Node
	set   *Set
	seen  map[string]place
}

// newCorpus reads the documents of some files.
func newCorpus(t *testing.T, files map[string][]byte) *corpus {
	t.Helper()
	c := &corpus{docs: map[string]*yaml.Node{}}
	l := &loader{seen: map[string]place{}, set: &Set{}}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		for i, doc := range documentsIn(t, files[file]) {
			name := fmt.Sprintf("%s#%02d.yaml", file, i)
			c.names, c.docs[name] = append(c.names, name), doc
			if err := l.file(fstest.MapFS{name: {Data: written(t, doc)}}, name); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.set.sort()
	c.set, c.seen = l.set, l.seen
	_, found := newCompiler(c.set).compile()
	if found = serious(slices.Concat(l.found, found)); len(found) > 0 {
		t.Fatal(found)
	}
	return c
}

// serious leaves out what an exception accepts.
func serious(found Findings) Findings {
	return slices.DeleteFunc(found, func(f Finding) bool { return f.Accepted != nil })
}

func written(t *testing.T, doc *yaml.Node) []byte {
	t.Helper()
	var text bytes.Buffer
	enc := yaml.NewEncoder(&text)
	if err := enc.Encode(clone(doc)); err != nil {
		t.Fatal(err)
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// without returns the corpus but for one document.
func (c *corpus) without(name string) *loader {
	l := &loader{seen: maps.Clone(c.seen), set: &Set{
		Sources: others(c.set.Sources, name), Connectors: others(c.set.Connectors, name), Roles: others(c.set.Roles, name),
		Flows: others(c.set.Flows, name), Triggers: others(c.set.Triggers, name), Tests: others(c.set.Tests, name),
		Registers: Registers{
			Constraints: others(c.set.Registers.Constraints, name), Exceptions: others(c.set.Registers.Exceptions, name), NHIs: others(c.set.Registers.NHIs, name),
		},
	}}
	if c.set.Policy.at.file != name {
		l.set.Policy = c.set.Policy
	}
	maps.DeleteFunc(l.seen, func(_ string, p place) bool { return p.file == name })
	return l
}

func others[D document](all []D, name string) []D {
	return slices.DeleteFunc(slices.Clone(all), func(d D) bool { return d.header().at.file == name })
}

// A workbench is where mutants are looked at, one after the other: what rules come to is
// worked out once.
type workbench struct {
	declares string
	language *language
	read     map[string]reading
}

// lint is what lint says of a corpus in which one document is as it is now.
func (w *workbench) lint(t *testing.T, of *corpus, name string, text []byte) Findings {
	t.Helper()
	l := of.without(name)
	if err := l.file(fstest.MapFS{name: {Data: text}}, name); err != nil {
		t.Fatal(err)
	}
	l.set.sort()
	l.set.found = l.found.sorted()
	c := newCompiler(l.set)
	if declares := fmt.Sprint(c.book.declared()); w.language == nil || declares != w.declares {
		w.declares, w.language, w.read = declares, newLanguage(c.book.declared()), map[string]reading{}
	}
	c.book.language, c.read = w.language, w.read
	_, more := c.compile()
	return serious(slices.Concat(l.set.found, more).sorted())
}

// A mutant is a document, a place in it, and what is done there.
type mutant struct {
	of   *corpus
	name string // of the document
	at   inside
	kind string
	how  mutation
}

// allMutants are those of the shipped policy, and of what does not occur in it.
func allMutants(t *testing.T) (all []mutant) {
	t.Helper()
	done := map[string]bool{}
	for _, of := range []*corpus{newCorpus(t, filesOf(t, "../configs/policy")), newCorpus(t, filesOf(t, "testdata/whole"))} {
		for _, name := range of.names {
			kind := valueAt(of.docs[name], "kind")
			for _, at := range within(of.docs[name], nil) {
				for _, m := range mutations {
					key := strings.Join([]string{kind, at.name, m.name}, " ")
					if done[key] || m.does(of.docs[name], kind, at) == nil {
						continue
					}
					done[key] = true
					all = append(all, mutant{of, name, at, kind, m})
				}
			}
		}
	}
	return all
}

// does returns the document with the field changed; nil where there is nothing to change.
func (m mutation) does(doc *yaml.Node, kind string, at inside) *yaml.Node {
	if m.in != "" && m.in != nameOf(doc) {
		return nil
	}
	changed := clone(doc)
	of := changed
	for _, i := range at.way[:len(at.way)-1] {
		of = of.Content[i]
	}
	if m.at != nil && !m.at.MatchString(kind+at.name) || !m.do(of, at.way[len(at.way)-1]) {
		return nil
	}
	return changed
}

// clone copies a node, which to encode changes.
func clone(n *yaml.Node) *yaml.Node {
	c := *n
	c.Content = make([]*yaml.Node, len(n.Content))
	for i, inner := range n.Content {
		c.Content[i] = clone(inner)
	}
	return &c
}

// mutated is what lint says of a mutant, as a row of testdata/mutations.txt; nothing where
// it says of all fields the same.
func (w *workbench) mutated(t *testing.T, m mutant) string {
	t.Helper()
	var here, elsewhere []string
	for _, f := range w.lint(t, m.of, m.name, written(t, m.how.does(m.of.docs[m.name], m.kind, m.at))) {
		if f.File == m.name {
			here = append(here, string(f.Code))
		} else {
			elsewhere = append(elsewhere, string(f.Code))
		}
	}
	here, elsewhere = slices.Compact(slices.Sorted(slices.Values(here))), slices.Compact(slices.Sorted(slices.Values(elsewhere)))
	what := fmt.Sprintf("%s %s %s", m.kind, m.at.name, m.how.name)
	switch class := harmlessAs(what); {
	case len(here) > 1:
		t.Errorf("%s: %v, want one code", what, here)
	case m.how.always != "" && len(here) == 1 && Code(here[0]) == m.how.always:
		return ""
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

// filesOf are the documents of a folder.
func filesOf(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	from := os.DirFS(folder)
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

func nameOf(doc *yaml.Node) string {
	for i := 0; i+1 < len(doc.Content); i += 2 {
		if doc.Content[i].Value == "metadata" {
			return valueAt(doc.Content[i+1], "name")
		}
	}
	return ""
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
