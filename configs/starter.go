package configs

import (
	"cmp"
	_ "embed" // the templates
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// A Starter is what a connector begins with: a configuration and a Connector
// document, with blanks. Each blank is on a line that says "fill in".
type Starter struct {
	Name    string // of the connector
	Kind    string // left out: the profile's, or scim
	Profile string // left out: none
	File    string // what the configuration will be called, for its own comments
}

//go:embed starters/connector.yaml.tmpl
var starterConfig string

//go:embed starters/document.yaml.tmpl
var starterDocument string

var starterName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// Write returns the configuration and the document. Profiles are looked for in the
// file system.
func (s Starter) Write(profiles fs.FS) (config, document []byte, err error) {
	if !starterName.MatchString(s.Name) {
		return nil, nil, fmt.Errorf("name %q: small letters, digits and hyphens: %w", s.Name, schema.ErrInvalid)
	}
	v := starting{Starter: s, Title: s.Name}
	if err := v.profiled(profiles); err != nil {
		return nil, nil, err
	}
	if err := v.kind(); err != nil {
		return nil, nil, err
	}
	v.noted()
	if config, err = filled(starterConfig, v); err != nil {
		return nil, nil, err
	}
	document, err = filled(starterDocument, v)
	return config, document, err
}

func filled(text string, v starting) ([]byte, error) {
	t, err := template.New("").Parse(text)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	if err := t.Execute(&b, v); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}

// A starting is what the templates are filled with.
type starting struct {
	Starter
	Title        string
	Notes        []string // what the profile's file begins with
	Unknown      []string // one sentence's worth, or nothing
	Restrictions []string
	Irreversible bool
	TokenOwner   string // whose leaving ends the credential

	Address, AddressHint string // of a target; with neither there is none
	Auth, AuthHint       string
	AuthBlank            bool
	Options              []starterOption
	Target, Example      string // what an entitlement is there

	profile connectors.Profile
}

type starterOption struct{ Name, Value, Hint string }

// profiled takes over what the profile says.
func (v *starting) profiled(profiles fs.FS) error {
	v.profile = connectors.DefaultProfile()
	if v.Profile == "" {
		return nil
	}
	of, err := ProfileOf(profiles, v.Profile)
	if err != nil {
		return err
	}
	v.profile = of.Profile
	if kind := v.profile.Kind; v.Kind != "" && kind != "" && kind != v.Kind {
		return fmt.Errorf("profile %s is for kind %s, not %s: %w", v.Profile, kind, v.Kind, schema.ErrInvalid)
	}
	v.Kind = cmp.Or(v.Kind, v.profile.Kind, "scim")
	v.Title, v.Irreversible = v.profile.Title, v.profile.Irreversible
	v.Restrictions, v.TokenOwner = v.profile.Restrictions, v.profile.Token.Owner
	if v.Profile == "generic" {
		v.Title = v.Name
	}
	for line := range strings.Lines(string(of.ProfileText)) {
		if !strings.HasPrefix(line, "#") {
			break
		}
		v.Notes = append(v.Notes, strings.TrimRight(line, "\n"))
	}
	if len(v.profile.Unknown) > 0 {
		v.Unknown = []string{strings.Join(v.profile.Unknown, ", ")}
	}
	return v.declared()
}

// declared takes over what a declaration of a target's own API asks for.
func (v *starting) declared() error {
	if v.profile.REST.Node == nil {
		return nil
	}
	var d struct {
		BaseURL string `yaml:"baseURL"`
		Options map[string]struct {
			Default  *string `yaml:"default"`
			Optional bool    `yaml:"optional"`
		} `yaml:"options"`
	}
	if err := v.profile.REST.Node.Decode(&d); err != nil {
		return err
	}
	v.Address = d.BaseURL
	for name, o := range d.Options {
		if !o.Optional && o.Default == nil {
			v.Options = append(v.Options, starterOption{name, "", "fill in: the profile says what it is"})
		}
	}
	slices.SortFunc(v.Options, func(a, b starterOption) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// noted has the blank for the address say what the profile says of it.
func (v *starting) noted() {
	for _, note := range v.Notes {
		if said, ok := strings.CutPrefix(note, "# Base URL: "); ok && v.AddressHint != "" {
			v.AddressHint = said
		}
	}
}

// kind says what each kind of connector wants to know.
func (v *starting) kind() error {
	v.Target, v.Example = "a "+v.profile.Groups.Noun()+"'s name", "Wiki Readers"
	switch v.Kind {
	case "scim":
		v.AddressHint = "what /Users follows, as in https://wiki.example.com/scim/v2"
	case "rest":
		v.Target, v.Example = "the profile says how it is written", "..."
		v.AddressHint = "what the API's paths follow, as in https://wiki.example.com/api"
	case "sql":
		v.Target, v.Example = "as the statement for memberships has it", "..."
		v.AddressHint = "postgres://HOST/DATABASE or mariadb://HOST/DATABASE"
	case "ldap":
		v.AddressHint = "ldaps://ldap.example.com"
		v.Options = []starterOption{
			{"userBase", "", "fill in: people are below it, as in ou=people,dc=example,dc=com"},
			{"groupBase", "", "groups are below it; empty: there are no entitlements"},
		}
	case "webhook":
		v.Target, v.Example = "any name that the application understands", "clerk"
		v.AddressHint = "where messages are sent, as in https://shop.example.com/drawbridge"
		v.Options = []starterOption{{"accounts", "false", `"true": the application says what accounts it has`}}
	case "file":
		v.Target, v.Example = "any name that whoever reads the file understands", "Building, all hours"
		ending := ".jsonl"
		if v.profile.Options["format"] == "csv" {
			ending = ".csv"
		}
		v.Options = []starterOption{{"path", "data/" + v.Name + ending, "the file to write to"}}
	case "manual":
		v.Target, v.Example = "what people call it", "Server room"
		v.Options = []starterOption{{"assignee", "", "the email address of who is asked; empty: whoever takes it"}}
	case "memory":
	case "":
		return fmt.Errorf("neither a profile nor a kind: name one: %w", schema.ErrInvalid)
	default:
		return fmt.Errorf("kind %q: write scim, ldap, sql, rest, webhook, manual, file or memory: %w", v.Kind, schema.ErrInvalid)
	}
	v.credential()
	return nil
}

// credential says how the connector shows who it is.
func (v *starting) credential() {
	variable := func(suffix string) string {
		return "env:" + strings.ToUpper(strings.ReplaceAll(v.Name, "-", "_")) + "_" + suffix
	}
	v.AuthBlank, v.AuthHint = true, "set that variable, or write file:PATH"
	scheme := v.profile.Auth.Scheme
	switch {
	case slices.Contains([]string{"file", "manual", "memory"}, v.Kind):
	case v.Kind == "webhook":
		v.Auth, v.AuthHint = "signing: "+variable("SIGNING_SECRET"), "set that variable: echo whsec_$(openssl rand -base64 32)"
	case v.Kind == "sql" || v.Kind == "ldap" || scheme == connectors.AuthBasic:
		v.Auth, v.AuthHint = `user: "", password: `+variable("PASSWORD"), "the bridge's own account there; "+v.AuthHint
	case scheme == connectors.AuthHeader || scheme == connectors.AuthQuery:
		v.Auth = "key: " + variable("KEY")
	case scheme == connectors.AuthClient:
		v.Auth = `clientID: "", clientSecret: ` + variable("CLIENT_SECRET")
		if v.profile.Auth.TokenURL == "" {
			v.Auth += `, tokenURL: ""`
		}
	case scheme == connectors.AuthJWT:
		v.Auth = `serviceAccount: ` + variable("SERVICE_ACCOUNT") + `, subject: ""`
		v.AuthHint = "the text of its key file, or file:PATH of that; subject is the administrator whom it stands for"
	default:
		v.Auth = "bearer: " + variable("TOKEN")
	}
	if v.Auth != "" && v.TokenOwner != "" {
		v.Auth += `, owner: ""`
	}
}

// A ProfileView says what a profile is for.
type ProfileView struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Kind    string   `json:"kind"`
	Unknown []string `json:"unknown"` // what nobody has found out yet
}

// ListProfiles lists the profiles of a file system, by name. One that cannot be
// used is an error.
func ListProfiles(profiles fs.FS) ([]ProfileView, error) {
	files, err := fs.Glob(profiles, "*.yaml")
	if err != nil {
		return nil, err
	}
	var all []ProfileView
	for _, file := range files {
		name := strings.TrimSuffix(file, ".yaml")
		p, err := connectors.LoadProfile(profiles, name)
		if err != nil {
			return nil, err
		}
		view := ProfileView{Name: name, Title: p.Title, Kind: cmp.Or(p.Kind, "scim"), Unknown: p.Unknown}
		if view.Unknown == nil {
			view.Unknown = []string{}
		}
		all = append(all, view)
	}
	return all, nil
}
