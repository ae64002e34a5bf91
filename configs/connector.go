package configs

import (
	"cmp"
	"maps"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"drawbridge/connectors"
)

// A connector is the transport side of a Connector document, as it is written.
type connector struct {
	Name              string            `yaml:"name"`
	Kind              string            `yaml:"kind"`    // scim, ldap, sql, rest, webhook, file, memory
	Profile           string            `yaml:"profile"` // a file of the profiles, without .yaml
	BaseURL           string            `yaml:"baseURL"`
	Auth              auth              `yaml:"auth"`
	Options           map[string]string `yaml:"options"` // of the kind
	Shares            string            `yaml:"shares"`  // a rate limit, with the others that name it
	AllowIrreversible bool              `yaml:"allowIrreversible"`
	Concurrency       int               `yaml:"concurrency"` // calls at once; the profile's if it is 0
	Timeout           time.Duration     `yaml:"timeout"`
	Verify            string            `yaml:"verify"`
	Protected         []string          `yaml:"protected"`
}

// auth is one of: a bearer token, a header of the target's own, a key that is sent
// as the profile says, a user with a password, a client with its secret, a service
// account.
type auth struct {
	Bearer     connectors.Secret `yaml:"bearer"`
	Header     connectors.Secret `yaml:"header"`
	HeaderName string            `yaml:"headerName"`
	User       string            `yaml:"user"`
	Password   connectors.Secret `yaml:"password"`
	Key        connectors.Secret `yaml:"key"`
	Signing    connectors.Secret `yaml:"signing"` // one or more, for kind webhook

	ClientID       string            `yaml:"clientID"`
	ClientSecret   connectors.Secret `yaml:"clientSecret"`
	ServiceAccount connectors.Secret `yaml:"serviceAccount"` // its key file, JSON
	Subject        string            `yaml:"subject"`        // whom the service account stands for
	TokenURL       string            `yaml:"tokenURL"`       // the profile's, if it is left out
	Scopes         []string          `yaml:"scopes"`         // likewise

	Owner    string `yaml:"owner"`   // who renews it
	Expires  string `yaml:"expires"` // the day on which it ends, where it does not say so itself
	Insecure bool   `yaml:"insecure"`
}

// connector adds the file's connector i to the configuration.
func (r *reader) connector(i int, f *file) {
	c := f.Connectors[i]
	at := func(name string) string { return key("connectors", i, name) }
	if c.Kind == "" {
		r.wrong(at("kind"), "is missing: write scim, ldap, sql, rest, webhook, manual, file or memory")
	}
	if c.Concurrency < 0 {
		r.wrong(at("concurrency"), "is negative; 0 leaves it to the profile")
	}
	if c.Timeout < 0 {
		r.wrong(at("timeout"), "is negative; 0 is %v", defaultCare.Timeout)
	}
	if c.Verify != "" {
		oneOf(r, at("verify"), c.Verify, verifies)
	}
	profile, text := r.profile(at("profile"), c, f.Profiles.Path)
	if c.Concurrency > 0 {
		profile.Concurrency = c.Concurrency
	}
	out := connectors.Config{
		Name: c.Name, Kind: c.Kind, BaseURL: c.BaseURL, Auth: r.auth(at, c, &profile), Profile: profile,
		ProfileName: c.Profile, ProfileText: text,
		Options: r.options(c.Options), Shares: c.Shares, AllowIrreversible: c.AllowIrreversible,
		File: r.file, Lines: r.optionLines(i),
	}
	for _, other := range f.Config.Connectors {
		if c.Shares != "" && other.Shares == c.Shares && !reflect.DeepEqual(other.Profile.Rate, profile.Rate) {
			r.wrong(at("shares"), "is a limit that connector %s has too, and their profiles have different ones: give them one profile", other.Name)
		}
	}
	if c.Kind == "scim" || c.BaseURL != "" {
		r.target(at("baseURL"), out)
	}
	f.Config.Connectors = append(f.Config.Connectors, out)
	if f.Care == nil {
		f.Care = map[string]Care{}
	}
	f.Care[c.Name] = Care{Timeout: c.Timeout, Verify: c.Verify, Protected: c.Protected}
}

func (r *reader) profile(key string, c connector, dir string) (connectors.Profile, []byte) {
	if c.Profile == "" {
		return connectors.DefaultProfile(), nil
	}
	of, err := ProfileOf(Profiles(dir), c.Profile)
	if err != nil {
		r.wrong(key, "cannot be used: %v", err)
	}
	if kind := of.Profile.Kind; kind != "" && kind != c.Kind {
		r.wrong(key, "is %s, which is for kind %s", c.Profile, kind)
	}
	return of.Profile, of.ProfileText
}

// auth resolves a connector's credential. The way it is sent is the profile's,
// unless what is written here is another.
func (r *reader) auth(at func(string) string, c connector, p *connectors.Profile) connectors.Auth {
	a := c.Auth
	out := connectors.Auth{User: cmp.Or(a.User, a.ClientID, a.Subject), Owner: a.Owner, Insecure: a.Insecure}
	if a.Expires != "" {
		var err error
		if out.Expires, err = time.Parse(time.DateOnly, a.Expires); err != nil {
			r.wrong(at("auth.expires"), "is %q: write the day on which the credential ends, as in 2027-01-31", a.Expires)
		}
	}
	given := 0
	use := func(name string, reference connectors.Secret, kind connectors.AuthKind) {
		if reference == "" {
			return
		}
		given++
		out.Secret = r.secret(at("auth."+name), reference)
		if p.Auth.Scheme != kind {
			p.Auth = connectors.AuthScheme{Scheme: kind, Header: "Authorization", TokenURL: p.Auth.TokenURL, Scopes: p.Auth.Scopes}
		}
	}
	use("bearer", a.Bearer, connectors.AuthBearer)
	use("header", a.Header, connectors.AuthHeader)
	use("password", a.Password, connectors.AuthBasic)
	use("key", a.Key, r.keyed(at, c, p))
	use("signing", a.Signing, connectors.AuthSigned)
	use("clientSecret", a.ClientSecret, connectors.AuthClient)
	use("serviceAccount", a.ServiceAccount, connectors.AuthJWT)
	r.fetched(at, a, p)
	if a.HeaderName != "" {
		p.Auth.Header = a.HeaderName
	}
	switch {
	case given > 1:
		r.wrong(at("auth"), "has %d credentials: write one of bearer, header, key, signing, password, clientSecret and serviceAccount", given)
	case a.Header != "" && a.HeaderName == "" && p.Auth.Header == "Authorization":
		r.wrong(at("auth.headerName"), "is missing: name the header that carries the credential")
	case a.HeaderName != "" && a.Header == "":
		r.wrong(at("auth.headerName"), "names a header and auth.header has no secret for it")
	case a.Password != "" && a.User == "":
		r.wrong(at("auth.user"), "is missing: a password is some user's")
	case a.User != "" && a.Password == "":
		r.wrong(at("auth.password"), "is missing: write env:NAME or file:PATH")
	}
	return out
}

// keyed returns the scheme of the profile for a key: in a header, or in the query.
func (r *reader) keyed(at func(string) string, c connector, p *connectors.Profile) connectors.AuthKind {
	scheme := p.Auth.Scheme
	if c.Auth.Key != "" && scheme != connectors.AuthHeader && scheme != connectors.AuthQuery {
		r.wrong(at("auth.key"), "is for a profile that says where the key goes: write header with headerName, or bearer")
	}
	return scheme
}

// fetched takes over what is said of a token that is fetched.
func (r *reader) fetched(at func(string) string, a auth, p *connectors.Profile) {
	fetches := a.ClientSecret != "" || a.ServiceAccount != ""
	switch {
	case a.ClientSecret != "" && a.ClientID == "":
		r.wrong(at("auth.clientID"), "is missing: a client secret is some client's")
	case a.ClientID != "" && a.ClientSecret == "":
		r.wrong(at("auth.clientSecret"), "is missing: write env:NAME or file:PATH")
	case a.Subject != "" && a.ServiceAccount == "":
		r.wrong(at("auth.subject"), "is whom a service account stands for, and auth.serviceAccount is missing")
	case !fetches && (a.TokenURL != "" || len(a.Scopes) > 0):
		r.wrong(at("auth"), "says how a token is fetched, and has neither clientSecret nor serviceAccount to fetch it with")
	}
	if a.TokenURL != "" {
		p.Auth.TokenURL = a.TokenURL
	}
	if len(a.Scopes) > 0 {
		p.Auth.Scopes = a.Scopes
	}
	if a.ClientSecret != "" && p.Auth.TokenURL == "" {
		r.wrong(at("auth.tokenURL"), "is missing: write the address where tokens are fetched")
	}
}

// options makes the paths among the options ones that can be opened: path, and
// whatever ends in File.
func (r *reader) options(options map[string]string) map[string]string {
	out := maps.Clone(options)
	for name, value := range out {
		if name == "path" || strings.HasSuffix(name, "File") {
			out[name] = r.path(value)
		}
	}
	return out
}

// optionLines returns the line on which the text of each option of connector i
// begins.
func (r *reader) optionLines(i int) map[string]int {
	lines := map[string]int{}
	node := &r.root
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	for _, part := range []string{"connectors", strconv.Itoa(i), "options"} {
		if node, _ = child(node, part); node == nil {
			return nil
		}
	}
	for at := 0; at+1 < len(node.Content) && node.Kind == yaml.MappingNode; at += 2 {
		text := node.Content[at+1]
		lines[node.Content[at].Value] = text.Line
		if text.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			lines[node.Content[at].Value]++ // after the line with the mark
		}
	}
	return lines
}

// target looks at where a connector leads: a secret leaves the machine
// encrypted, or by a word that says otherwise.
func (r *reader) target(key string, c connectors.Config) {
	u, err := url.Parse(c.BaseURL)
	switch {
	case c.BaseURL == "":
		r.wrong(key, "is missing: write the URL that /Users follows, as in https://wiki.example.com/scim/v2")
	case err != nil || u.Scheme == "" || u.Host == "" && u.Path == "":
		r.wrong(key, "is not a URL with a scheme, as in https://wiki.example.com/scim/v2")
	case u.User != nil:
		r.wrong(key, "holds a user: write it under auth, and the password as a reference")
	case u.Scheme == "http" && c.Auth.Exposed(u.Hostname()):
		r.wrong(key, "would send the credential unencrypted to another machine: use https, or say auth.insecure: true")
	}
}
