package configs

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// values checks what is written, and fills in what follows from it.
func (r *reader) values(f *file) {
	r.listen(f)
	oneOf(r, "store.driver", f.Store.Driver, []string{"bolt"})
	for _, p := range []struct{ key, value string }{
		{"store.path", f.Store.Path}, {"policy.path", f.Policy.Path}, {"audit.key", f.Audit.Key},
	} {
		if p.value == "" {
			r.wrong(p.key, "is empty: write a path, or leave it out")
		}
	}
	if info, err := os.Stat(f.Policy.Path); f.Policy.Path != "" && (err != nil || !info.IsDir()) {
		r.wrong("policy.path", "is %s, which is not a folder that can be read", f.Policy.Path)
	}
	if f.Audit.Origin == "" || strings.ContainsAny(f.Audit.Origin, " \t\r\n+") {
		r.wrong("audit.origin", "names the log, without spaces and plus signs, as in example.com/drawbridge")
	}
	if f.Audit.AnchorURL != "" && !fetchable(f.Audit.AnchorURL) {
		r.wrong("audit.anchorURL", "is no URL of a web hook, as in https://log.example.com/heads; http:// is for this machine alone")
	}
	if f.Audit.CheckpointEvery <= 0 {
		r.wrong("audit.checkpointEvery", "must be more than nothing")
	}
	oneOf(r, "discovery", f.Discovery, []string{"config", "all", "none"})
	oneOf(r, "log.format", f.Log.Format, []string{"text", "json"})
	if f.Shutdown.Grace < 0 {
		r.wrong("shutdown.grace", "is negative")
	}
	r.caps(f.Limits)
	r.names(f)
	r.certificates(f)
	r.issuers(f)
	if f.Credentials.WarnBefore < 0 {
		r.wrong("credentials.warnBefore", "is negative; 0s warns of nothing before it is late")
	}
	for i := range f.Sweeps {
		r.sweep(i, &f.Sweeps[i])
	}
}

// names checks the lists of what has a name.
func (r *reader) names(f *file) {
	var tokens, sources, targets, runs []string
	for i, t := range f.Admin.Tokens {
		tokens = append(tokens, t.Name)
		oneOf(r, key("admin.tokens", i, "role"), t.Role, schema.APIRoles())
	}
	for _, s := range f.Sources {
		sources = append(sources, s.Name)
	}
	for i, c := range f.Connectors {
		targets = append(targets, c.Name)
		if strings.ContainsAny(c.Name, "/ ") {
			r.wrong(key("connectors", i, "name"), "is %q: write it without slashes and spaces", c.Name)
		}
	}
	for _, s := range f.Sweeps {
		runs = append(runs, s.Name)
	}
	r.unique("admin.tokens", tokens)
	r.unique("sources", sources)
	r.unique("connectors", targets)
	r.unique("sweeps", runs)
}

func (r *reader) listen(f *file) {
	host, port, err := net.SplitHostPort(f.Listen)
	if err != nil || port == "" {
		r.wrong("listen", "is %q: write host:port, as in 127.0.0.1:8080", f.Listen)
	}
	r.tls(f)
	if f.PublicURL == "" {
		f.PublicURL = publicURL(f.TLS.On(), host, port)
	}
	f.PublicURL = strings.TrimRight(f.PublicURL, "/")
	u, err := url.Parse(f.PublicURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" && path.Clean(u.Path) != u.Path || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		r.wrong("publicURL", "is how others reach the bridge, as in https://drawbridge.example.com, or https://example.com/bridge where a proxy takes that path off")
	}
}

// publicURL is how a bridge is reached where nobody says otherwise.
func publicURL(tls bool, host, port string) string {
	scheme := "http"
	if tls {
		scheme = "https"
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

func (r *reader) caps(l RequestLimits) {
	for _, c := range []struct {
		key   string
		value int64
	}{
		{"userBody", l.UserBody}, {"groupBody", l.GroupBody}, {"operations", int64(l.Operations)}, {"depth", int64(l.Depth)}, {"scan", int64(l.Scan)},
		{"bulkBody", l.BulkBody}, {"bulkOperations", int64(l.BulkOperations)},
	} {
		if c.value < 0 {
			r.wrong("limits."+c.key, "is negative; 0 is the default")
		}
	}
}

func (r *reader) sweep(i int, s *Sweep) {
	at := func(name string) string { return key("sweeps", i, name) }
	oneOf(r, at("name"), s.Name, sweeps)
	if _, err := cron.ParseStandard(s.Schedule); err != nil {
		r.wrong(at("schedule"), "is %q: write cron's five fields, or @every 30s (%v)", s.Schedule, err)
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil {
		r.wrong(at("timeZone"), "is %q: write one as in Europe/Berlin", s.TimeZone)
	}
	if s.Mode != "" {
		oneOf(r, at("mode"), s.Mode, []schema.Mode{schema.Observe, schema.Propose, schema.Enforce})
	}
	if s.Jitter < 0 || s.Age < 0 {
		r.wrong(at("jitter"), "and age are times, neither of them negative")
	}
	r.scope(i, s)
	for _, usual := range Default().Sweeps {
		if usual.Name == s.Name && s.Age == 0 {
			s.Age = usual.Age
		}
	}
	if s.Limits.Count < 0 || s.Limits.Percent < 0 || s.Limits.Percent > 100 {
		r.wrong(at("limits"), "must be a count and a percentage, neither of them negative")
	}
	if s.Limits.Count == 0 {
		s.Limits.Count = defaultLimits.Count
	}
	if s.Limits.Percent == 0 {
		s.Limits.Percent = defaultLimits.Percent
	}
}

// scopes say what a sweep can be bound to: connectors, roles, and who it is about. Those of
// which nothing is said are about none of them. The table in docs/sweeps.md says the same.
var scopes = map[string]struct{ connectors, roles, people bool }{
	"expiry":      {connectors: true, roles: true, people: true},
	"drift":       {connectors: true, people: true},
	"orphans":     {connectors: true},
	"unused":      {connectors: true, roles: true, people: true},
	"unmanaged":   {connectors: true, people: true},
	"ownerless":   {connectors: true, roles: true, people: true},
	"exceptions":  {roles: true, people: true},
	"evidence":    {roles: true, people: true},
	"credentials": {connectors: true},
	"reviews":     {roles: true},
	"silence":     {connectors: true},
	"unconfirmed": {connectors: true, people: true},
}

// scope checks that a sweep looks at a scope as it is given one, and has a mode that it knows.
func (r *reader) scope(i int, s *Sweep) {
	wrong := func(name, why string) {
		r.wrong(key("sweeps", i, "scope."+name), "is not looked at by %s: %s", s.Name, why)
	}
	takes := scopes[s.Name]
	if len(s.Scope.Connectors) > 0 && !takes.connectors {
		wrong("connectors", "it is about none")
	}
	if len(s.Scope.Roles) > 0 && !takes.roles {
		wrong("roles", "it is about none")
	}
	if s.Name == "retention" && s.Mode == schema.Propose {
		r.wrong(key("sweeps", i, "mode"), "is not for retention: it prunes what the policy says, or observes")
	}
	if s.Name == "everybody" && s.Mode == schema.Propose {
		r.wrong(key("sweeps", i, "mode"), "is not for everybody: it takes nothing away by itself, and there is nothing to release")
	}
	if s.Scope.Where != "" && !takes.people {
		wrong("where", "it is not about people")
	}
}

// Warnings returns what is not wrong and yet should be known, a line each.
func (c *Config) Warnings() []string {
	var all []string
	host, _, err := net.SplitHostPort(c.Listen)
	if err == nil && !c.TLS.On() && !connectors.Loopback(host) {
		all = append(all, fmt.Sprintf("listen: %s is open to other machines without TLS: let something in front do TLS, or set tls", c.Listen))
	}
	if len(c.Admin.Tokens)+len(c.Admin.Certificates) == 0 && !slices.ContainsFunc(c.Issuers, func(i Issuer) bool { return len(i.Roles) > 0 }) {
		all = append(all, "admin.tokens: nobody may use the API")
	}
	if out := c.leftOut(); len(out) > 0 {
		all = append(all, fmt.Sprintf("sweeps: nobody looks for what these would find, which are left out: %s", strings.Join(out, ", ")))
	}
	all = append(all, c.TLS.expiring(time.Now(), c.Credentials.WarnBefore)...)
	for _, t := range c.Connectors {
		if t.Auth.Secret == "" && (t.Kind == "scim" || t.Kind == "ldap" || t.Kind == "rest" || t.Kind == "webhook") {
			all = append(all, fmt.Sprintf("connectors: %s shows no credential to its target", t.Name))
		}
	}
	return append(all, c.reachedTwice()...)
}

// reachedTwice warns of connectors that reach the same accounts: each takes away what it is
// not told of, which is what the other gives, and what policy says of an entitlement at the
// one does not hold for it at the other.
func (c *Config) reachedTwice() (all []string) {
	first := map[string]string{}
	for _, t := range c.Connectors {
		if t.BaseURL == "" && len(t.Options) == 0 {
			continue // it reaches nothing, or what is its own
		}
		as := fmt.Sprintf("%q %q %q %q %q %q", t.Kind, plainURL(t.BaseURL), t.Options, t.Auth.User, t.Auth.Secret.Reveal(), shown(t.Profile.Auth))
		if other, ok := first[as]; ok {
			all = append(all, fmt.Sprintf("connectors: %s reaches what %s does, as the same user: each takes what the other gives; keep one", t.Name, other))
			continue
		}
		first[as] = t.Name
	}
	return all
}

// shown is what tells one user's tenants apart, beside the secret: where a token is fetched
// and what for, or the name that the secret goes by.
func shown(by connectors.AuthScheme) []string {
	switch by.Scheme {
	case connectors.AuthClient, connectors.AuthJWT:
		return append(slices.Sorted(slices.Values(by.Scopes)), plainURL(by.TokenURL))
	case connectors.AuthHeader:
		return []string{http.CanonicalHeaderKey(by.Header)}
	case connectors.AuthQuery:
		return []string{by.Header}
	default:
		return nil
	}
}

// plainURL writes an address as it is compared: RFC 3986, section 6.2.
func plainURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	u.Host = strings.ToLower(u.Hostname()) + ":" + cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443", "ldap": "389", "ldaps": "636"}[u.Scheme])
	u.Path = strings.TrimRight(u.Path, "/")
	return u.String()
}

// leftOut names the sweeps that there are and that the configuration does not run.
func (c *Config) leftOut() []string {
	return slices.DeleteFunc(slices.Clone(sweeps), func(name string) bool {
		return slices.ContainsFunc(c.Sweeps, func(s Sweep) bool { return s.Name == name })
	})
}

// unique reports names that are missing or there twice.
func (r *reader) unique(list string, names []string) {
	for i, name := range names {
		switch {
		case name == "":
			r.wrong(key(list, i, "name"), "is missing")
		case slices.Index(names, name) < i:
			r.wrong(key(list, i, "name"), "is %q, which is there already", name)
		}
	}
}

func oneOf[T ~string](r *reader, key string, got T, allowed []T) {
	if slices.Contains(allowed, got) {
		return
	}
	var choice []string
	for _, a := range allowed {
		choice = append(choice, string(a))
	}
	r.wrong(key, "is %q: write one of %s", got, strings.Join(choice, ", "))
}

// key is a key within an element of a list.
func key(list string, i int, name string) string { return fmt.Sprintf("%s.%d.%s", list, i, name) }
