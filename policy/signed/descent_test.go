package signed_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"drawbridge/policy"
	"drawbridge/policy/signed"
	"drawbridge/policy/signed/signedtest"
	"drawbridge/schema"
)

var lead = signedtest.NewHand("lead@example.com", "a")

// TestFolderThatIsMeant is R-PUB-2: what somebody signed in another folder of the repository,
// to be tried there, is not what they signed to be in force.
func TestFolderThatIsMeant(t *testing.T) {
	for name, test := range map[string]struct {
		demanded, is string
		want         string // in which folder they are; nothing where it is refused
	}{
		"any":                    {"", "rules/policy", "rules/policy"},
		"the one":                {"rules/policy", "rules/policy", "rules/policy"},
		"the one, in other ways": {"/rules//policy/", "rules/policy/", "rules/policy"},
		"one beside it":          {"rules/policy", "rules/staging", ""},
		"one below it":           {"rules", "rules/policy", ""},
		"all of the repository":  {".", ".", "."},
		"nothing said is all":    {".", "", "."},
		"all, and one is meant":  {"rules", ".", ""},
		"one, and all is meant":  {".", "rules", ""},
	} {
		t.Run(name, func(t *testing.T) {
			work := signedtest.Work{Author: "ann@example.com", Folder: strings.Trim(test.is, "/"), Documents: documents}
			if work.Folder == "" {
				work.Folder = "."
			}
			e := lead.Sign(work)
			e.Folder = test.is
			got, err := signed.Demand{Signers: []policy.Signer{lead.Signer()}, Folder: test.demanded}.Verify(e, read())
			if got.Folder != test.want || test.want == "" && !errors.Is(err, schema.ErrForbidden) {
				t.Errorf("it is of %q, %v; want %q", got.Folder, err, test.want)
			}
		})
	}
}

// A history is commits, each of which comes after others, by what they are called.
type history map[string]signed.Objects

func (h history) add(name, words string, after ...string) {
	for i, parent := range after {
		after[i] = h.id(parent)
	}
	h[name] = lead.Sign(signedtest.Work{
		Author: "ann@example.com", Folder: "rules/policy", Documents: documents, Parents: after, Words: strings.TrimSpace(name + "\n\n" + words),
	})
}

// disguise adds a header after those that git itself writes, which it reads over.
func (h history) disguise(name, header string) {
	e := h[name]
	e.Commit = bytes.Replace(e.Commit, []byte("\n\n"), []byte("\n"+header+"\n\n"), 1)
	h[name] = e
}

func (h history) id(name string) string { return signedtest.ID(h[name]) }

// TestDescent is R-PUB-2: a commit comes after another one where the commits between say so,
// each of which is named by the one that comes after it.
func TestDescent(t *testing.T) {
	h := history{}
	h.add("one", "")
	h.add("two", "", "one")
	h.add("side", "", "one")
	h.add("three", "", "two")
	h.add("merge", "", "side", "three")
	h.add("anew", "Because.\n\nFollows: "+h.id("three")+"\n")
	h.add("after", "", "anew")
	h["contributed"] = lead.Unsigned(signedtest.Work{
		Author: "eve@example.com", Folder: "rules/policy", Documents: documents, Parents: []string{h.id("one")}, Words: "Help\n\nFollows: " + h.id("three"),
	})
	h.add("merge of that", "", "one", "contributed")
	h["disguised"] = lead.Unsigned(signedtest.Work{Author: "eve@example.com", Folder: "rules/policy", Documents: documents, Parents: []string{h.id("one")}})
	h.disguise("disguised", "parent "+h.id("three"))
	h.add("merge of it", "", "one", "disguised")
	h.add("quoted", "> Follows: "+h.id("three"))
	for name, test := range map[string]struct {
		is, after string
		between   string // names, newest first
		want      string // of the error; nothing where there is none
	}{
		"anything":                      {is: "two"},
		"itself":                        {is: "two", after: "two"},
		"its child":                     {is: "two", after: "one"},
		"further on":                    {is: "three", after: "one", between: "two"},
		"a merge":                       {is: "merge", after: "one", between: "three two"},
		"a merge, by the other way":     {is: "merge", after: "one", between: "side"},
		"a commit before":               {is: "one", after: "two", want: "does not come after the commit " + h.id("two")},
		"a commit before, and its tale": {is: "one", after: "two", between: "three", want: "does not come after"},
		"a commit beside":               {is: "side", after: "two", between: "one", want: "does not come after"},
		"one between is missing":        {is: "three", after: "one", want: "does not come after"},
		"in another order":              {is: "merge", after: "one", between: "two three", want: "does not come after"},
		"one that is none of them":      {is: "three", after: "one", between: "side", want: "does not come after"},
		"written anew":                  {is: "anew", after: "three"},
		"after it was written anew":     {is: "after", after: "three", between: "anew", want: "does not come after"},
		"what nobody signed says so":    {is: "merge of that", after: "three", between: "contributed", want: "does not come after"},
		"a parent that git sees not":    {is: "merge of it", after: "three", between: "disguised", want: "does not come after"},
		"somebody else's words":         {is: "quoted", after: "three", want: "say in a line of the message, and sign it: Follows: " + h.id("three")},
	} {
		t.Run(name, func(t *testing.T) {
			e, d := h[test.is], signed.Demand{Signers: []policy.Signer{lead.Signer()}}
			if test.after != "" {
				d.After = h.id(test.after)
			}
			for name := range strings.FieldsSeq(test.between) {
				e.Between = append(e.Between, h[name].Commit)
			}
			_, err := d.Verify(e, read())
			if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, schema.ErrForbidden) || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v; want that %q", err, test.want)
			}
		})
	}
}

// TestDescentHasAnEnd has more commits be sent than are looked at.
func TestDescentHasAnEnd(t *testing.T) {
	h := history{}
	h.add("0", "")
	for i := range signed.MostBetween + 2 {
		h.add(fmt.Sprint(i+1), "", fmt.Sprint(i))
	}
	for last, want := range map[int]error{signed.MostBetween + 1: nil, signed.MostBetween + 2: schema.ErrInvalid} {
		e := h[fmt.Sprint(last)]
		for i := last - 1; i > 0; i-- {
			e.Between = append(e.Between, h[fmt.Sprint(i)].Commit)
		}
		_, err := signed.Demand{Signers: []policy.Signer{lead.Signer()}, After: h.id("0")}.Verify(e, read())
		if !errors.Is(err, want) {
			t.Errorf("with %d between: %v, want %v", len(e.Between), err, want)
		}
	}
}

// TestOf tells of which commit documents are that nobody has to have signed.
func TestOf(t *testing.T) {
	e := lead.Unsigned(signedtest.Work{Author: "ann@example.com", Folder: "policy", Documents: documents})
	if c, err := signed.Of(e, read()); err != nil || c.ID != signedtest.ID(e) || c.Folder != "policy" || c.Author != "ann@example.com" || c.Signer != "" {
		t.Errorf("it is of %+v, %v", c, err)
	}
	if c, err := signed.Of(e, map[string]string{"policy.yaml": "kind: Other\n"}); !errors.Is(err, schema.ErrForbidden) {
		t.Errorf("other documents are of %+v, %v", c, err)
	}
}
