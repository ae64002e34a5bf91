package configs

import (
	"bytes"
	"embed"
	"fmt"
	"net"
	"regexp"
	"strings"
	"text/template"
	"time"

	"drawbridge/schema"
)

// A Beginning is what a bridge begins with: a configuration, and a policy with
// everything but roles.
type Beginning struct {
	Owner, Deputy string // the email addresses of two people, who answer for all of it
	Listen        string // host:port
	Begun         time.Time
}

//go:embed starters/bridge
var beginnings embed.FS

// Secrets are the files, below the configuration, that it refers to for tokens.
func (Beginning) Secrets() []string { return []string{"secrets/admin", "secrets/hr"} }

// An address is written into YAML as it is, so that it is of plain letters.
var address = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*@[A-Za-z0-9][A-Za-z0-9.-]*$`)

// Write returns the files, in the order in which they are best read.
func (b Beginning) Write() (files []BegunFile, err error) {
	for _, who := range []string{b.Owner, b.Deputy} {
		if !address.MatchString(who) {
			return nil, fmt.Errorf("%q is no email address: %w", who, schema.ErrInvalid)
		}
	}
	if _, _, err := net.SplitHostPort(b.Listen); err != nil || strings.ContainsAny(b.Listen, " #\"\n") {
		return nil, fmt.Errorf("listen %q: write HOST:PORT, as in 127.0.0.1:8080: %w", b.Listen, schema.ErrInvalid)
	}
	if host, _, _ := net.SplitHostPort(b.Listen); host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return nil, fmt.Errorf("listen %q: begin where this machine alone reaches it, as at 127.0.0.1:8080; for others drawbridge.yaml wants tls: %w", b.Listen, schema.ErrInvalid)
	}
	if b.Owner == b.Deputy {
		return nil, fmt.Errorf("%s cannot be their own deputy: name two people: %w", b.Owner, schema.ErrInvalid)
	}
	for _, f := range []struct{ path, from, what string }{
		{"drawbridge.yaml", "drawbridge.yaml.tmpl", "how the bridge is reached, and what it reaches"},
		{"policy/policy.yaml", "policy.yaml.tmpl", "who is believed, what can be held, who agrees, what ends it"},
		{".gitignore", "gitignore.tmpl", "what is not for version control"},
	} {
		t, err := template.ParseFS(beginnings, "starters/bridge/"+f.from)
		if err != nil {
			return nil, err
		}
		var text bytes.Buffer
		if err := t.Execute(&text, b); err != nil {
			return nil, err
		}
		files = append(files, BegunFile{Path: f.path, What: f.what, Text: text.Bytes()})
	}
	return files, nil
}

// A BegunFile is one file of a beginning.
type BegunFile struct {
	Path string // below the folder of the configuration, with slashes
	What string // what is in it, in a few words
	Text []byte
}
