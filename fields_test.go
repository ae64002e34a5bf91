package drawbridge_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drawbridge/policy"
)

// compiled are the fields of documents that only policy's compiler reads, and what comes of
// each.
var compiled = map[string]string{
	"Bypass.When":                   "a rule: Book.Admits",
	"FlowRules.ApproverMustBe":      "a rule: Book.Approves",
	"TicketBond.Valid":              "a rule: whether a ticket is good enough",
	"TicketBond.ExpiresWithTicket":  "a trigger: bond/ticket",
	"TicketBond.Silence":            "what that trigger does when nobody tells",
	"Entitlement.Confers":           "the catalogue: schema.Entitlement",
	"Entitlement.Environment":       "likewise",
	"NHISpec.ThirdParty":            "a vendor is demanded, and its contract ends access",
	"Credential.Ref":                "that it is a reference, and no secret",
	"Bypass.Approval":               "after is all that it can be",
	"FlowRules.DistinctApprovers":   "nobody ever agrees twice: false is refused, E-IDLE",
	"FlowRules.OnTimeout":           "deny is all that it can be",
	"Limits.OnExceeded":             "hold is all that it can be",
	"MassChange.OnExceeded":         "likewise",
	"MachineReview.By":              "owner is all that it can be",
	"MachineRules.InteractiveLogin": "allow is refused, and nothing said is told: E-NHI10, W-NHI10",
	"MachineRules.SharedUse":        "allow is told: W-NHI9",
	"OnEnd.VerifyRemoved":           "the connector says whether targets are read back: false is refused, E-BYPASS and E-IDLE",
	"Reviewers.ExcludeAuthor":       "they always are: false is refused, E-IDLE",
	"Reviewers.ExcludeSubject":      "likewise",
}

// TestEveryFieldHasAnEffect holds that what a policy document says is gone by: each field of
// each kind is read by some code that is not there to refuse documents, as the methods of
// policy's compiler are, nor to rehearse a policy's own tests. What those alone read has no
// effect at a bridge, however carefully it is checked. R-POL-2.
func TestEveryFieldHasAnEffect(t *testing.T) {
	h := listed(t)
	read := h.fieldsRead(t)
	seen := map[string]bool{}
	for _, kind := range policy.Kinds() {
		for _, field := range h.fieldsOf(t, kind) {
			seen[field] = true
			why, known := compiled[field]
			rehearsed := kind == "Test" && read[field] != ""
			switch by := read[field] == byBridge || rehearsed; {
			case by && known:
				t.Errorf("%s is said to be read by lint alone (%s), and is not: take it out of the list", field, why)
			case !by && !known:
				t.Errorf("%s of %s is accepted, and nothing goes by it: build it, or have lint refuse it", field, kind)
			}
		}
	}
	for field := range compiled {
		if !seen[field] {
			t.Errorf("no document has a field %s", field)
		}
	}
}

// Who reads a field.
const (
	byLint      = "lint"
	byRehearsal = "rehearsal"
	byBridge    = "bridge"
)

const policyPath = "drawbridge/policy"

// A house is the packages of the module, and those that they stand on, as they are compiled.
type house struct {
	files    *token.FileSet
	packages map[string]builtPackage
	types    types.Importer
}

type builtPackage struct {
	ImportPath, Dir, Export string
	GoFiles, Imports        []string
}

func listed(t *testing.T) house {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Imports", "./...")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	h := house{files: token.NewFileSet(), packages: map[string]builtPackage{}}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p builtPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("read what go list printed: %v", err)
		}
		h.packages[p.ImportPath] = p
	}
	h.types = importer.ForCompiler(h.files, "gc", func(path string) (io.ReadCloser, error) { return os.Open(h.packages[path].Export) })
	return h
}

// fieldsOf returns the fields of a kind of document, and of all that is in it, as
// TYPE.FIELD.
func (h house) fieldsOf(t *testing.T, kind string) (all []string) {
	t.Helper()
	of, err := h.types.Import(policyPath)
	if err != nil {
		t.Fatal(err)
	}
	var within func(typ types.Type)
	within = func(typ types.Type) {
		switch typ := typ.(type) {
		case *types.Pointer:
			within(typ.Elem())
		case *types.Slice:
			within(typ.Elem())
		case *types.Map:
			within(typ.Elem())
		case *types.Named:
			name, body := ours(typ)
			for i := 0; body != nil && i < body.NumFields(); i++ {
				f := body.Field(i)
				field := name + "." + f.Name()
				if !f.Exported() || slices.Contains(all, field) {
					continue
				}
				if !f.Embedded() {
					all = append(all, field)
				}
				within(f.Type())
			}
		}
	}
	within(of.Scope().Lookup(kind).Type())
	return all
}

// ours returns the name and the fields of a struct of policy; none of another type.
func ours(typ types.Type) (name string, body *types.Struct) {
	named, ok := typ.(*types.Named)
	if !ok || named.Obj().Pkg() == nil || named.Obj().Pkg().Path() != policyPath {
		return "", nil
	}
	body, _ = named.Underlying().(*types.Struct)
	return named.Obj().Name(), body
}

// fieldsRead returns by whom each field of a struct of policy is read, the most that counts.
func (h house) fieldsRead(t *testing.T) map[string]string {
	t.Helper()
	read := map[string]string{}
	for _, p := range h.packages {
		if p.ImportPath != policyPath && !slices.Contains(p.Imports, policyPath) {
			continue
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(h.files, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
		if _, err := (&types.Config{Importer: h.types}).Check(p.ImportPath, h.files, files, info); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			file := filepath.Base(h.files.Position(f.Pos()).Filename)
			for _, d := range f.Decls {
				who := readerOf(p.ImportPath, file, d)
				for _, field := range selected(d, info) {
					if read[field] != byBridge && (who != byLint || read[field] == "") {
						read[field] = who
					}
				}
			}
		}
	}
	return read
}

// readerOf says as whom a declaration reads.
func readerOf(of, file string, d ast.Decl) string {
	if of != policyPath {
		return byBridge
	}
	if strings.HasPrefix(file, "test_") {
		return byRehearsal
	}
	fn, ok := d.(*ast.FuncDecl)
	if !ok || fn.Recv == nil {
		return byBridge
	}
	if star, ok := fn.Recv.List[0].Type.(*ast.StarExpr); ok && types.ExprString(star.X) == "compiler" {
		return byLint
	}
	return byBridge
}

// selected returns the fields of structs of policy that a declaration reads, and does not
// only write.
func selected(d ast.Decl, info *types.Info) (fields []string) {
	written := map[ast.Node]bool{}
	ast.Inspect(d, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && a.Tok == token.ASSIGN {
			for _, to := range a.Lhs {
				written[to] = true
			}
		}
		e, ok := n.(*ast.SelectorExpr)
		if !ok || info.Selections[e] == nil || info.Selections[e].Kind() != types.FieldVal {
			return true
		}
		typ := info.Selections[e].Recv()
		for _, i := range info.Selections[e].Index() { // of what is embedded on the way, too
			if p, ok := typ.Underlying().(*types.Pointer); ok {
				typ = p.Elem()
			}
			f := typ.Underlying().(*types.Struct).Field(i)
			if name, body := ours(typ); body != nil && !written[e] {
				fields = append(fields, name+"."+f.Name())
			}
			typ = f.Type()
		}
		return true
	})
	return fields
}
