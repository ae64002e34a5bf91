package rest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"

	"drawbridge/connectors"
)

// A mistake is what is wrong at a line of a declaration.
type mistake struct {
	line int
	text string
}

// A compiler compiles a declaration and gathers what is wrong with it.
type compiler struct {
	*declaration
	profile  connectors.Profile
	language *language
	wrong    []mistake
}

func (c *compiler) add(line int, format string, args ...any) {
	if line == 0 {
		line = c.profile.REST.Node.Line
	}
	c.wrong = append(c.wrong, mistake{line, fmt.Sprintf(format, args...)})
}

// What expressions may read, by where they stand.
var (
	always   = []string{"options", "now"}
	onAnswer = with(always, "status", "headers", "body", "text")
	onItem   = with(always, "item")
	onPage   = with(always, "body", "headers", "page")
	asking   = with(always, "random")
	ofOne    = with(asking, "id")
)

func with(names []string, more ...string) []string { return append(slices.Clone(names), more...) }

// The types that expressions may have.
var (
	boolean = []*cel.Type{cel.BoolType}
	worded  = []*cel.Type{cel.StringType, cel.IntType, cel.BoolType, cel.DynType}
	listed  = []*cel.Type{cel.ListType(cel.DynType)}
	any1    = []*cel.Type{cel.DynType}
	delay   = []*cel.Type{cel.IntType, cel.StringType}
)

// all compiles the whole declaration.
func (c *compiler) all() {
	attributes := slices.Sorted(maps.Keys(c.Account.Attributes))
	language, err := newLanguage(map[string][]string{
		"options": slices.Sorted(maps.Keys(c.Options)), "attributes": attributes, "changed": attributes,
		"entitlement": {"id", "name"}, "credential": {"name", "ref", "machine"}, "page": {"token", "offset", "number", "size"},
	})
	if err != nil {
		c.add(0, "%v", err)
		return
	}
	c.language = language
	c.expression(&c.Success, onAnswer, boolean)
	c.expression(&c.Message, onAnswer, worded)
	c.rules(c.Errors)
	c.general()
	c.shape(attributes)
	c.people()
	for i := range c.Entitlements {
		c.entitlement(i, &c.Entitlements[i])
	}
	if c.Probe != nil {
		c.request(c.Probe, asking, 0)
	}
	if c.Rotate != nil {
		c.request(c.Rotate, with(ofOne, "credential"), 0)
	}
}

// expression compiles one that may be left out.
func (c *compiler) expression(e *expression, may []string, want []*cel.Type) {
	if e.given() {
		c.wrong = append(c.wrong, c.language.compile(e, may, want...)...)
	}
}

func (c *compiler) needed(e *expression, line int, name string, may []string, want []*cel.Type) {
	if !e.given() {
		c.add(line, "%s is missing", name)
		return
	}
	c.expression(e, may, want)
}

func (c *compiler) rules(rules []errorRule) {
	for i := range rules {
		r := &rules[i]
		c.needed(&r.When, r.line, "when", onAnswer, boolean)
		if !slices.Contains([]meaning{isRetry, isPermanent, isGone, isExists, isDone}, r.Is) {
			c.add(r.line, "is: %q: write retry, permanent, gone, exists or done", r.Is)
		}
		if r.After.given() && r.Is != isRetry {
			c.add(r.After.line, "after: only what is tried again is tried again after some time: write is: retry")
		}
		c.expression(&r.After, onAnswer, delay)
	}
}

// ours are the headers that no declaration sets: the client does.
var ours = []string{"Authorization", "Cookie", "Host", "Content-Length", "Transfer-Encoding"}

func (c *compiler) general() {
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if slices.Contains(ours, http.CanonicalHeaderKey(name)) || strings.ContainsAny(name, " :\r\n\x00") || strings.ContainsAny(c.Headers[name], "\r\n\x00") {
			c.add(0, "headers: %q is no header that can be set here", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Options)) {
		if o := c.Options[name]; name == "timeout" || name == "userNameFrom" || name == "" {
			c.add(0, "options: %q is a name that is taken", name)
		} else if o.Default != "" && o.Optional {
			c.add(0, "options: %s has a default and need not be called optional", name)
		}
	}
}

func (c *compiler) shape(attributes []string) {
	a := &c.Account
	c.needed(&a.ID, 0, "account.id", onItem, worded)
	c.expression(&a.Active, onItem, boolean)
	c.expression(&a.LastUsed, onItem, worded)
	for _, name := range attributes {
		e := a.Attributes[name]
		c.needed(&e, 0, "account.attributes."+name, onItem, worded)
		a.Attributes[name] = e
	}
	if !slices.Contains(attributes, "userName") {
		c.add(a.ID.line, "account.attributes lacks userName, by which people are known")
	}
	for _, name := range a.Fixed {
		if !slices.Contains(attributes, name) {
			c.add(a.ID.line, "account.fixed names %q, which is not among account.attributes", name)
		}
	}
}

// people compiles the requests about accounts.
func (c *compiler) people() {
	a := &c.Accounts
	if a.List == nil && (len(a.Find) == 0 || a.Read == nil) {
		c.add(0, "accounts: write list, or both find and read: else no account can be looked at")
	}
	if a.List != nil {
		c.listing(a.List, with(asking, "page"), 0)
	}
	for i := range a.Find {
		f := &a.Find[i]
		c.listing(&f.listing, with(asking, "attributes", "page"), 0)
		if _, known := c.Account.Attributes[f.By]; !known {
			c.add(f.line, "accounts.find: by: %q is not among account.attributes", f.By)
		}
	}
	if a.Read != nil {
		c.request(&a.Read.request, ofOne, 0)
		c.expression(&a.Read.Item, with(always, "body"), any1)
	}
	c.expression(&a.ID, with(always, "answer", "attributes"), worded)
	c.steps(a.Create, with(asking, "attributes", "answer", "answers"))
	c.steps(a.Update, with(ofOne, "attributes", "changed", "answer", "answers"))
	c.steps(a.Disable, with(ofOne, "answer", "answers"))
	c.steps(a.Enable, with(ofOne, "answer", "answers"))
	deletes := c.profile.Deactivate == connectors.DeactivateDelete
	switch written := len(a.Create) + len(a.Update) + len(a.Disable) + len(a.Enable); {
	case a.Elsewhere && written > 0:
		c.add(0, "accounts: elsewhere says that others make, change and disable them: write no create, update, disable and enable")
	case a.Elsewhere:
	case len(a.Create) == 0 || len(a.Disable) == 0:
		c.add(0, "accounts: create and disable are needed, or elsewhere: true where others make accounts")
	case len(a.Enable) == 0 && !deletes:
		c.add(0, "accounts: enable is missing: who is disabled must be able to come back, unless the profile says deactivate: delete")
	}
}

func (c *compiler) steps(all steps, may []string) {
	for _, r := range all {
		c.request(r, may, 0)
	}
}

// request compiles a request, and finds its method and its path.
func (c *compiler) request(r *request, may []string, line int) {
	for _, m := range []struct {
		method string
		path   *expression
	}{
		{http.MethodGet, &r.Get}, {http.MethodPost, &r.Post}, {http.MethodPut, &r.Put},
		{http.MethodPatch, &r.Patch}, {http.MethodDelete, &r.Delete},
	} {
		if !m.path.given() {
			continue
		}
		if r.method != "" {
			c.add(m.path.line, "a request has one method: this is its second")
		}
		r.method, r.line = m.method, m.path.line
		r.path = c.template(m.path, may)
	}
	if r.method == "" {
		c.add(line, "a request has a method with its path: write get, post, put, patch or delete")
	}
	if ends := c.Accounts.Disable; r.Needed && !slices.Contains(ends[:max(0, len(ends)-1)], r) {
		c.add(r.line, "needed: nothing goes by it here: it is of a request in disable that others come after")
	}
	c.expression(&r.When, may, boolean)
	c.expression(&r.Body, may, any1)
	if r.Body.given() && r.method == http.MethodGet {
		c.add(r.Body.line, "body: a get sends none")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		e := r.Query[name]
		c.needed(&e, r.line, "query."+name, may, worded)
		r.Query[name] = e
	}
	c.rules(r.Errors)
}

func (c *compiler) listing(l *listing, may []string, line int) {
	c.request(&l.request, may, line)
	c.needed(&l.Items, l.line, "items", with(always, "body"), listed)
	c.expression(&l.Only, onItem, boolean)
	c.paging(&l.Page, l.line)
}

func (c *compiler) paging(p *paging, line int) {
	switch p.Style {
	case "", pageNone:
		p.Style = pageNone
	case pageLink, pageOffset, pageNumber:
	case pageToken:
		c.needed(&p.Next, line, "page.next", onPage, worded)
	default:
		c.add(line, "page.style is %q: write none, link, token, offset or number", p.Style)
	}
	if p.Next.given() && p.Style != pageToken {
		c.add(p.Next.line, "page.next is of style token")
	}
	if p.Size < 0 || p.First < 0 {
		c.add(line, "page.size and page.first are not negative")
	}
	c.expression(&p.Total, onPage, worded)
}

// entitlement compiles the ith kind of them.
func (c *compiler) entitlement(i int, e *entitlement) {
	for _, other := range c.Entitlements[:i] {
		if strings.HasPrefix(e.Prefix, other.Prefix) || strings.HasPrefix(other.Prefix, e.Prefix) {
			c.add(e.line, "entitlements: the prefixes %q and %q cannot be told apart", other.Prefix, e.Prefix)
		}
	}
	if e.Catalogue != nil {
		c.listing(&e.Catalogue.listing, with(asking, "page"), e.line)
		c.needed(&e.Catalogue.ID, e.line, "catalogue.id", onItem, worded)
		c.needed(&e.Catalogue.Name, e.line, "catalogue.name", onItem, worded)
	}
	c.holdings(e)
	who := "id"
	if e.Batch > 0 {
		who = "ids"
	}
	if e.Batch < 0 {
		c.add(e.line, "entitlements: batch is negative; 0 is one account in each request")
	}
	c.steps(e.Grant, with(asking, who, "entitlement", "answer", "answers"))
	c.steps(e.Revoke, with(asking, who, "entitlement", "answer", "answers"))
	if len(e.Grant) == 0 || len(e.Revoke) == 0 {
		c.add(e.line, "entitlements: grant and revoke are needed: what is given must be able to end")
	}
}

// holdings compiles what says who holds the entitlements.
func (c *compiler) holdings(e *entitlement) {
	if e.Of != nil {
		if e.Of.asks() {
			c.listing(&e.Of.listing, with(ofOne, "page"), e.line)
		}
		c.named(e.Of, e.line)
	}
	if e.Everyone != nil {
		c.listing(&e.Everyone.listing, with(asking, "page"), e.line)
		c.named(e.Everyone, e.line)
		c.needed(&e.Everyone.Account, e.Everyone.line, "everyone.account", onItem, worded)
	}
	if e.Members != nil {
		c.listing(&e.Members.listing, with(asking, "entitlement", "page"), e.line)
		c.needed(&e.Members.Account, e.Members.line, "members.account", onItem, worded)
		if e.Catalogue == nil {
			c.add(e.Members.line, "entitlements: members needs a catalogue: it says of which entitlements to ask for them")
		}
	}
	if e.Holds != nil {
		c.request(e.Holds, with(ofOne, "entitlement"), e.line)
	}
	if e.Of == nil && e.Members == nil && e.Holds == nil && e.Everyone == nil {
		c.add(e.line, "entitlements: write of, holds, members or everyone: else nobody can tell what an account holds")
	}
}

// named compiles what says which entitlement it is.
func (c *compiler) named(h *holding, line int) {
	if h.ID.given() == h.Name.given() {
		c.add(max(line, h.line), "entitlements: write one of id and name: it says which entitlement it is")
	}
	c.expression(&h.ID, onItem, any1)
	c.expression(&h.Name, onItem, any1)
}

// asks reports whether the holding has a request of its own. One that has none
// is read from the account itself.
func (h *holding) asks() bool {
	r := h.request
	return r.Get.given() || r.Post.given() || r.Put.given() || r.Patch.given() || r.Delete.given()
}
