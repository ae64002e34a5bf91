package connectors

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Secret is a credential. However it is printed, logged or marshalled, it
// shows as dots; Reveal is the one way to read it.
type Secret string

const dots = "•••"

// String returns dots.
func (s Secret) String() string { return dots }

// GoString returns dots.
func (s Secret) GoString() string { return dots }

// LogValue returns dots.
func (s Secret) LogValue() slog.Value { return slog.StringValue(dots) }

// MarshalText returns dots.
func (s Secret) MarshalText() ([]byte, error) { return []byte(dots), nil }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// A Config says which system a connector talks to. Its secrets are resolved
// already: a connector reads no environment and no file of secrets.
type Config struct {
	Name    string
	Kind    string // a key of Kinds
	BaseURL string // of the target: for SCIM what /Users follows
	Auth    Auth
	Profile Profile
	// ProfileName and ProfileText are the profile's file, for people: its name without
	// .yaml, and its text, whose comments cite where what it says was read.
	ProfileName string
	ProfileText []byte
	Options     map[string]string // of the kind; a kind refuses what it does not know

	// File and Lines say where the options are written, as the line on which the
	// text of each begins: for errors. Empty where nobody knows.
	File  string
	Lines map[string]int

	// Shares names a rate limit that this connector uses up together with the others
	// that name it: that of an organisation, at one vendor. Empty: it has its own.
	Shares string

	// AllowIrreversible lets the connector make calls that the profile says
	// cannot be undone.
	AllowIrreversible bool
}

// Auth is how a connector shows who it is. The zero value shows nothing.
type Auth struct {
	Secret   Secret    // a bearer token, or the password of User
	User     string    // for basic authentication and for a bind; empty otherwise
	Owner    string    // who renews it: an email address; empty: whoever owns the connector
	Expires  time.Time // when it ends, as its owner says; zero: as it says itself, see End
	Insecure bool      // send the secret unencrypted to another machine
}

// Exposed reports whether the secret, sent unencrypted to the host, would reach
// another machine without a word that allows it.
func (a Auth) Exposed(host string) bool {
	return a.Secret != "" && !a.Insecure && !Loopback(host)
}

// Loopback reports whether the host is this machine, by its name or address.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Options are what a connector is opened with.
type Options struct {
	Config

	Log       *slog.Logger      // nil: none
	Transport http.RoundTripper // nil: a pooled one of the connector's own
	Now       func() time.Time  // nil: time.Now
	Rate      *Rate             // the target's rate limit, set by Kinds.Open; nil: none

	// Catalogue returns the entitlements that somebody may be given there, by the
	// target's names, as they are now; nil: nobody knows. A connector needs it where
	// the target says of an account only whether it holds what it is asked about.
	Catalogue func() []string

	// Observe, where it is not nil, is told of every request and the status it
	// was answered with, 0 for no answer. It must not block.
	Observe func(method string, status int, took time.Duration)
}

// Kinds maps the name of a kind of connector to what opens one. It is handed in
// explicitly (see connectors/builtin): nothing registers itself.
type Kinds map[string]func(Options) (Connector, error)

// Open opens the connector with the rate limit of its profile. How many calls may be
// under way at once its lane keeps, which has as many workers; a Gatherer, of which
// more are told to at once, keeps it itself.
func (k Kinds) Open(o Options) (Connector, error) {
	open, ok := k[o.Kind]
	if !ok {
		known := strings.Join(slices.Sorted(maps.Keys(k)), ", ")
		return nil, fmt.Errorf("connector %s: unknown kind %q: use one of %s", o.Name, o.Kind, known)
	}
	o = o.Defaults()
	if o.Rate == nil {
		o.Rate = NewRate(o.Profile.Rate)
	}
	c, err := open(o)
	if err != nil {
		return nil, fmt.Errorf("connector %s: %w", o.Name, err)
	}
	if o.Profile.LastUsed != "" && !TellsUse(c) {
		return nil, fmt.Errorf("connector %s: its profile says lastUsed, which kind %s does not read: leave it out", o.Name, o.Kind)
	}
	return c, nil
}

// Defaults returns the options with a value for whatever was left out.
func (o Options) Defaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Profile.isZero() {
		o.Profile = DefaultProfile()
	}
	if len(o.Profile.Options) > 0 {
		all := maps.Clone(o.Profile.Options)
		maps.Copy(all, o.Options)
		o.Options = all
	}
	return o
}

// At returns where the option is written, for the beginning of an error: its file
// and the line of its text, counted from one, or where it begins for none. It is
// empty where that is not known.
func (c Config) At(option string, line int) string {
	first, ok := c.Lines[option]
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", c.File, first+max(0, line-1))
}

// Known returns an error for each option of the config that is not among names.
func (c Config) Known(names ...string) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Options)) {
		if !slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("unknown option %q: kind %s knows %s", name, c.Kind, strings.Join(names, ", ")))
		}
	}
	return errors.Join(errs...)
}

// Flag returns the option as a boolean; left out it is false.
func (c Config) Flag(name string) (bool, error) {
	switch c.Options[name] {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, fmt.Errorf("option %s is %q, want true or false", name, c.Options[name])
}
