package console

import "testing"

// TestBreaks tells a browser where a line may end in an address, and changes nothing else.
func TestBreaks(t *testing.T) {
	for page, want := range map[string]string{
		`<p>anna.kowalska@northwind.example</p>`:                    `<p>anna.<wbr>kowalska@<wbr>northwind.<wbr>example</p>`,
		`<p>for a&#43;b@x.example.</p>`:                             `<p>for a&#43;b@<wbr>x.<wbr>example.</p>`,
		`<a href="/people/a@x.example" title="a@x.example">a</a>`:   `<a href="/people/a@x.example" title="a@x.example">a</a>`,
		`<title>a@x.example</title>`:                                `<title>a@x.example</title>`,
		`<textarea name="reason">to a@x.example</textarea>`:         `<textarea name="reason">to a@x.example</textarea>`,
		`<select><option>a@x.example</option></select> b@x.example`: `<select><option>a@x.example</option></select> b@<wbr>x.<wbr>example`,
		`<script src="x.js"></script><p>Version 1.2 @ noon</p>`:     `<script src="x.js"></script><p>Version 1.2 @ noon</p>`,
		`<p>1.5 s, docs/sweeps.md, &lt;a.b&gt;</p>`:                 `<p>1.5 s, docs/sweeps.md, &lt;a.b&gt;</p>`,
	} {
		if got := string(withBreaks([]byte(page))); got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", page, got, want)
		}
	}
}
