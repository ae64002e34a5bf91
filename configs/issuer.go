package configs

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// An Issuer is somebody whose signed tokens (JWTs) are believed, and what they
// give.
type Issuer struct {
	Name       string         `yaml:"name"`
	Issuer     string         `yaml:"issuer"`     // what its tokens name as iss, letter by letter
	Audience   Words          `yaml:"audience"`   // a token is for one of these
	JWKSURL    string         `yaml:"jwksURL"`    // of its keys; its own document says it where this is left out
	Algorithms []string       `yaml:"algorithms"` // that it may sign with
	Leeway     time.Duration  `yaml:"leeway"`     // by which clocks may differ
	Refresh    time.Duration  `yaml:"refresh"`    // how old its keys may get
	Stale      time.Duration  `yaml:"stale"`      // how long they are believed while it does not answer
	MaxLife    time.Duration  `yaml:"maxLife"`    // how long a token may be valid at most
	Caller     string         `yaml:"caller"`     // claim that names who uses the API
	Sources    []IssuerSource `yaml:"sources"`
	Roles      []IssuerRole   `yaml:"roles"`
	Events     []string       `yaml:"events"` // sources that may push Security Event Tokens which it signed
}

// An IssuerSource says which tokens are a source's: those with all these claims.
type IssuerSource struct {
	Name   string            `yaml:"name"`
	Claims map[string]string `yaml:"claims"`
}

// An IssuerRole says which tokens give a role in the API: those with all these
// claims.
type IssuerRole struct {
	Role   schema.APIRole    `yaml:"role"`
	Claims map[string]string `yaml:"claims"`
}

// Words are a list in which one word may stand by itself.
type Words []string

// UnmarshalYAML reads a word, or a list of them.
func (w *Words) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*w = Words{node.Value}
		return nil
	}
	return node.Decode((*[]string)(w))
}

// algorithms are those that an issuer may sign with, the usual ones first: none of
// them has a secret that both sides know.
var algorithms = []string{"RS256", "PS256", "ES256", "EdDSA", "RS384", "RS512", "PS384", "PS512", "ES384", "ES512"}

// defaultIssuer has the values of what is left out.
var defaultIssuer = Issuer{
	Algorithms: algorithms[:4], Leeway: time.Minute, Refresh: 15 * time.Minute, Stale: 24 * time.Hour, MaxLife: 24 * time.Hour, Caller: "sub",
}

// issuers checks who is believed, and fills in what was left out.
func (r *reader) issuers(f *file) {
	if len(f.Issuers) == 0 {
		f.Issuers = nil // an empty list says what no list says
	}
	var names []string
	for i := range f.Issuers {
		c := &f.Issuers[i]
		names = append(names, c.Name)
		c.complete()
		r.issuer(i, *c)
		if first := slices.IndexFunc(f.Issuers, func(o Issuer) bool { return o.Issuer == c.Issuer }); c.Issuer != "" && first < i {
			r.wrong(key("issuers", i, "issuer"), "is %s, which issuers.%d has too: write both under one", c.Issuer, first)
		}
	}
	r.unique("issuers", names)
}

func (c *Issuer) complete() {
	if len(c.Algorithms) == 0 {
		c.Algorithms = slices.Clone(defaultIssuer.Algorithms)
	}
	for _, d := range []struct{ value, otherwise *time.Duration }{
		{&c.Leeway, &defaultIssuer.Leeway}, {&c.Refresh, &defaultIssuer.Refresh}, {&c.Stale, &defaultIssuer.Stale}, {&c.MaxLife, &defaultIssuer.MaxLife},
	} {
		if *d.value == 0 {
			*d.value = *d.otherwise
		}
	}
	if c.Caller == "" {
		c.Caller = defaultIssuer.Caller
	}
}

func (r *reader) issuer(i int, c Issuer) {
	at := func(name string) string { return key("issuers", i, name) }
	switch {
	case c.Issuer == "":
		r.wrong(at("issuer"), "is missing: write what its tokens name as iss, as in https://idp.example.com/tenant")
	case c.JWKSURL == "" && !fetchable(c.Issuer):
		r.wrong(at("issuer"), "is %q, which is no https URL, so that its document cannot be found: write the URL of its keys as jwksURL", c.Issuer)
	case c.JWKSURL != "" && !fetchable(c.JWKSURL):
		r.wrong(at("jwksURL"), "is %q: write an https URL", c.JWKSURL)
	}
	if len(c.Audience) == 0 || slices.Contains(c.Audience, "") {
		r.wrong(at("audience"), "is missing: write what its tokens name as aud, or tokens for others would open this bridge")
	}
	for _, a := range c.Algorithms {
		oneOf(r, at("algorithms"), a, algorithms)
	}
	if c.Leeway < 0 || c.Leeway > 10*time.Minute {
		r.wrong(at("leeway"), "is %v: clocks differ by ten minutes at most", c.Leeway)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"refresh", c.Refresh}, {"stale", c.Stale}, {"maxLife", c.MaxLife}} {
		if d.value < time.Minute {
			r.wrong(at(d.name), "is %v: a minute is the least", d.value)
		}
	}
	if c.Stale < c.Refresh {
		r.wrong(at("stale"), "is %v, and keys are refreshed each %v only", c.Stale, c.Refresh)
	}
	if len(c.Sources)+len(c.Roles)+len(c.Events) == 0 {
		r.wrong(at("sources"), "and roles and events are missing, so that no token of it would open anything")
	}
	if slices.Contains(c.Events, "") {
		r.wrong(at("events"), "has an empty name: name sources")
	}
	r.issuerRules(i, c)
}

// issuerRules looks at what an issuer's tokens give. A rule without claims would
// take every token.
func (r *reader) issuerRules(i int, c Issuer) {
	for j, s := range c.Sources {
		rule := key("issuers", i, "sources")
		if s.Name == "" {
			r.wrong(key(rule, j, "name"), "is missing: name a source")
		}
		r.claims(key(rule, j, "claims"), s.Claims)
	}
	for j, role := range c.Roles {
		rule := key("issuers", i, "roles")
		oneOf(r, key(rule, j, "role"), role.Role, schema.APIRoles())
		r.claims(key(rule, j, "claims"), role.Claims)
	}
}

func (r *reader) claims(at string, claims map[string]string) {
	if len(claims) == 0 {
		r.wrong(at, "are missing: every token of the issuer would be taken; write what one has to say, as in { azp: CLIENT }")
	}
	for name, value := range claims {
		if name == "" || value == "" {
			r.wrong(at, "has %s with no value: a claim is compared, and an empty one is nobody's", strconv.Quote(name))
		}
	}
}

// fetchable reports whether something may be fetched from a URL: over TLS, or on
// this machine.
func fetchable(at string) bool {
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && connectors.Loopback(u.Hostname())
}
