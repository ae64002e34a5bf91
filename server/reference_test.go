package server_test

import (
	"slices"
	"testing"

	"drawbridge/access/unmapped"
	"drawbridge/server"
	"drawbridge/store"
)

// TestReferences: what refers to something is a URI (RFC 7643, section 2.3.7), one of
// the web where it refers to a resource. Senders write other things there, which must
// fail nothing: they are dropped as what no schema has, and told to the operator.
func TestReferences(t *testing.T) {
	var counter unmapped.Counter
	var s *store.Store
	c := newClient(t, func(o *server.Options) { o.Unmapped, s = &counter, o.Store })
	for value, kept := range map[string]bool{
		"https://example.com/ada?a=b#c": true, "HTTP://EXAMPLE.COM/": true, "/people/ada": true, "../Users/1": true, "www.example.com/ada": true, "#ada": true, "//cdn.example.com/a.png": true, "https://example.com/\u00e4da": true,
		"not given": false, "javascript:alert(1)": false, "data:image/png;base64,AAAA": false, "C:\\\\photos\\\\ada.png": false, "c:/photos/ada.png": false, "https://": false,
		"http://[::1": false, "<a href='x'>": false, "https://example.com/a\\nb": false, "%zz": false, "urn:example:ada": false, "ftp://example.com/a": false, "mailto:ada@example.com": false,
	} {
		u := c.user(`,"title":"t","profileUrl":"` + value + `","photos":[{"value":"` + value + `","type":"photo"},{"value":"https://example.com/t.png","type":"thumbnail"}],` +
			`"` + staffURN + `":{"manager":{"value":"m","$ref":"` + value + `"}}`)
		u.has("t", "title").has("m", staffURN, "manager", "value")
		if kept {
			want := u.at("profileUrl")
			c.check(want != nil, "%s is dropped", value)
			u.count(2, "photos").has(want, "photos", 0, "value").has(want, staffURN, "manager", "$ref")
			continue
		}
		u.has(nil, "profileUrl").count(1, "photos").has("https://example.com/t.png", "photos", 0, "value").has(nil, staffURN, "manager", "$ref")

		// A PATCH with it leaves what was there, and does the rest.
		c.patch(u.path(), `{"op":"add","path":"profileUrl","value":"https://example.com/1"},{"op":"add","path":"`+staffURN+`:manager","value":{"value":"m","$ref":"../Users/m"}}`).is(200)
		for _, ops := range []string{
			`{"op":"replace","path":"profileUrl","value":"` + value + `"},{"op":"add","path":"title","value":"u"}`,
			`{"op":"replace","value":{"profileUrl":"` + value + `","title":"u"}}`,
			`{"op":"replace","path":"photos[type eq \"thumbnail\"].value","value":"` + value + `"},{"op":"add","path":"title","value":"u"}`,
			`{"op":"add","path":"photos","value":[{"value":"` + value + `","type":"photo"}]},{"op":"add","path":"title","value":"u"}`,
			`{"op":"replace","path":"` + staffURN + `:manager.$ref","value":"` + value + `"},{"op":"add","path":"title","value":"u"}`,
		} {
			c.patch(u.path(), ops).is(200).has("u", "title").has("https://example.com/1", "profileUrl").count(1, "photos").has("https://example.com/t.png", "photos", 0, "value").
				has("../Users/m", staffURN, "manager", "$ref")
		}
		c.patch(u.path(), `{"op":"replace","path":"`+staffURN+`:manager","value":{"value":"n","$ref":"`+value+`"}}`).is(200).has("n", staffURN, "manager", "value")
		c.send("PUT", u.path(), `{"userName":"`+u.name()+`","profileUrl":"`+value+`"}`).is(200).has(nil, "profileUrl")
	}
	var named []string
	err := s.View(t.Context(), func(r store.Reader) error {
		all, err := counter.Of(r, "workday")
		for _, one := range all {
			named = append(named, one.Attribute)
		}
		return err
	})
	slices.Sort(named)
	if want := []string{"photos.value", "profileUrl", staffURN + ":manager.$ref"}; err != nil || !slices.Equal(named, want) {
		t.Errorf("not mapped are %v, %v; want %v", named, err, want)
	}
}

// TestReferencesOfAnyKind may be what they like, as their schema has it.
func TestReferencesOfAnyKind(t *testing.T) {
	c := extended(t)
	g := c.team("g", `"wiki":"urn:example:wiki","home":"urn:example:home","costCentre":"1"`).has(nil, teamURN, "wiki").has("urn:example:home", teamURN, "home")
	c.get("/Schemas/"+teamURN).is(200).has(true, "attributes", 6, "caseExact")
	c.check(c.findGroups(teamURN+`:home eq "URN:example:home"`, "") == "" && c.findGroups(teamURN+`:home eq "urn:example:home"`, "") == "g", "case makes no difference in a URI")
	c.patch(g.path(), `{"op":"replace","path":"`+teamURN+`:home","value":"no URI at all"}`).is(204)
	c.get(g.path()).is(200).has("urn:example:home", teamURN, "home")
}
