package signed_test

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"testing"

	"drawbridge/policy"
	"drawbridge/policy/signed"
	"drawbridge/policy/signed/signedtest"
	"drawbridge/schema"
)

var documents = map[string]string{
	"policy.yaml":       "kind: PolicySet\n",
	"roles/sales.yaml":  "kind: Role\n",
	"roles/eu/de.yml":   "kind: Role\n# de\n",
	"sources/workday.y": "this is no document",
}

// read are those of the documents that are some.
func read() map[string]string {
	some := maps.Clone(documents)
	delete(some, "sources/workday.y")
	return some
}

// TestVerify is R-PUB-2: documents are believed to be those of a signed commit where each of
// them is, all of them are there, and a key signed it that is named; whatever else somebody
// changes on the way shows.
func TestVerify(t *testing.T) {
	lead, other := signedtest.NewHand("lead@example.com", "a"), signedtest.NewHand("other@example.com", "b")
	elsewhere := lead
	elsewhere.Namespace = "file"
	for name, test := range map[string]struct {
		by     signedtest.Hand
		change func(e *signed.Objects, docs map[string]string)
		want   string // of the error; nothing where there is none
	}{
		"as it was signed":         {by: lead},
		"signed by somebody else":  {by: other, want: "which is none of those that the policy in force names"},
		"signed as something else": {by: elsewhere, want: `was made for "file"`},
		"a document is altered": {by: lead, want: "roles/sales.yaml is another document in it", change: func(_ *signed.Objects, docs map[string]string) {
			docs["roles/sales.yaml"] += "# and more\n"
		}},
		"a document is left out": {by: lead, want: "roles/eu/de.yml is in it, and not among the documents", change: func(_ *signed.Objects, docs map[string]string) {
			delete(docs, "roles/eu/de.yml")
		}},
		"a document is added": {by: lead, want: "roles/more.yaml is not in it", change: func(_ *signed.Objects, docs map[string]string) {
			docs["roles/more.yaml"] = "kind: Role\n"
		}},
		"another folder of it": {by: lead, want: "among the documents", change: func(e *signed.Objects, _ map[string]string) { e.Folder = "rules" }},
		"no folder of it":      {by: lead, want: "there is no folder rules/other", change: func(e *signed.Objects, _ map[string]string) { e.Folder = "rules/other" }},
		"a file as a folder":   {by: lead, want: "there is no folder README.md", change: func(e *signed.Objects, _ map[string]string) { e.Folder = "README.md" }},
		"another author": {by: lead, want: "its signature is not over what it says", change: func(e *signed.Objects, _ map[string]string) {
			e.Commit = bytes.Replace(e.Commit, []byte("ann@"), []byte("eve@"), 1)
		}},
		"other words": {by: lead, want: "its signature is not over what it says", change: func(e *signed.Objects, _ map[string]string) {
			e.Commit = append(e.Commit, '!')
		}},
		"another tree of its own": {by: lead, want: "lacks its tree", change: func(e *signed.Objects, _ map[string]string) {
			e.Trees[0] = append(e.Trees[0], e.Trees[0]...)
		}},
		"no trees": {by: lead, want: "lacks its tree", change: func(e *signed.Objects, _ map[string]string) { e.Trees = nil }},
		"nobody signed": {by: lead, want: "nobody signed it", change: func(e *signed.Objects, _ map[string]string) {
			head, rest, _ := bytes.Cut(e.Commit, []byte("gpgsig"))
			_, rest, _ = bytes.Cut(rest, []byte("END SSH SIGNATURE-----\n"))
			e.Commit = append(bytes.Clone(head), rest...)
		}},
		"a signature of OpenPGP": {by: lead, want: "another way than with an SSH key", change: func(e *signed.Objects, _ map[string]string) {
			e.Commit = bytes.ReplaceAll(e.Commit, []byte("SSH SIGNATURE"), []byte("PGP SIGNATURE"))
		}},
		"a signature cut off": {by: lead, want: "cannot be read", change: func(e *signed.Objects, _ map[string]string) {
			e.Commit = bytes.Replace(e.Commit, []byte("-----END SSH SIGNATURE-----"), nil, 1)
		}},
		"another tree in front": {by: lead, want: "says tree twice", change: func(e *signed.Objects, _ map[string]string) {
			e.Commit = append([]byte("tree "+strings.Repeat("0", 40)+"\n"), e.Commit...)
		}},
		"no commit": {by: lead, want: "is not one", change: func(e *signed.Objects, _ map[string]string) { e.Commit = []byte("tree") }},
	} {
		t.Run(name, func(t *testing.T) {
			e, docs := test.by.Commit("ann@example.com", documents), read()
			if test.change != nil {
				test.change(&e, docs)
			}
			got, err := signed.Demand{Signers: []policy.Signer{lead.Signer()}}.Verify(e, docs)
			if test.want == "" {
				if err != nil || got.Signer != "lead@example.com" || got.Author != "ann@example.com" || len(got.ID) != 40 {
					t.Errorf("got %+v, %v", got, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(err, schema.ErrForbidden) && !errors.Is(err, schema.ErrInvalid) {
				t.Errorf("got %+v, %v; want that %q", got, err, test.want)
			}
		})
	}
}

// FuzzVerify has whatever arrives as a commit and as a tree be read without a panic, and
// nothing be believed that was not signed.
func FuzzVerify(f *testing.F) {
	lead := signedtest.NewHand("lead@example.com", "a")
	e := lead.Commit("ann@example.com", documents)
	f.Add(e.Commit, e.Trees[0])
	f.Add([]byte("tree \n\n"), []byte("40000 a\x00"))
	demand := signed.Demand{Signers: []policy.Signer{lead.Signer()}, After: strings.Repeat("0", 40)}
	f.Fuzz(func(t *testing.T, commit, tree []byte) {
		got, err := demand.Verify(signed.Objects{Commit: commit, Trees: [][]byte{tree}, Between: [][]byte{commit}}, read())
		if err == nil {
			t.Errorf("believed %+v", got)
		}
	})
}

// TestFewTreesAreNotManyDocuments has a commit whose trees hold each other twice, so that
// a few of them make more paths than there is time for, and one that is very deep.
func TestFewTreesAreNotManyDocuments(t *testing.T) {
	lead := signedtest.NewHand("lead@example.com", "a")
	for name, levels := range map[string]int{"wide": 12, "deep": 40} {
		paths := []string{""}
		for range levels {
			var next []string
			for _, p := range paths {
				if next = append(next, p+"a/"); name == "wide" {
					next = append(next, p+"b/")
				}
			}
			paths = next
		}
		files := map[string]string{}
		for _, p := range paths {
			files[p+"x.txt"] = ""
		}
		_, err := signed.Demand{Signers: []policy.Signer{lead.Signer()}}.Verify(lead.Commit("ann@example.com", files), nil)
		if !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
