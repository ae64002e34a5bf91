package configs

import (
	"crypto/x509"
	"os"
	"strings"

	"drawbridge/evidence/feed"
)

// A Feed tells another system of decisions.
type Feed struct {
	Name    string `yaml:"name"`
	Format  string `yaml:"format"`  // ocsf, cef
	File    string `yaml:"file"`    // that lines are appended to
	Syslog  string `yaml:"syslog"`  // or a server: udp://, tcp:// or tls://HOST:PORT
	CAs     string `yaml:"cas"`     // file of the authorities by which a server is believed over TLS; empty: the machine's
	History bool   `yaml:"history"` // it begins with the first decision, and not with the next one

	Roots *x509.CertPool `yaml:"-"` // those of CAs
}

// feeds checks where decisions go.
func (r *reader) feeds(f *file) {
	var names []string
	for i := range f.Feeds {
		names = append(names, f.Feeds[i].Name)
		r.feed(i, &f.Feeds[i])
	}
	r.unique("feeds", names)
	if len(names) == 0 {
		f.Feeds = nil // an empty list says what no list says
	}
}

func (r *reader) feed(i int, f *Feed) {
	at := func(name string) string { return key("feeds", i, name) }
	if strings.ContainsAny(f.Name, "/ ") {
		r.wrong(at("name"), "is %q: write it without slashes and spaces", f.Name)
	}
	oneOf(r, at("format"), f.Format, []string{"ocsf", "cef"})
	f.File, f.CAs = r.path(f.File), r.path(f.CAs)
	if (f.File == "") == (f.Syslog == "") {
		r.wrong(at("file"), "or syslog says where the lines go: write one of them")
		return
	}
	if f.Syslog != "" {
		if _, err := feed.NewSyslog(f.Syslog, nil); err != nil {
			r.wrong(at("syslog"), "is %q: write udp://, tcp:// or tls://, a host and a port", f.Syslog)
		}
	}
	if f.CAs == "" {
		return
	}
	text, err := os.ReadFile(f.CAs)
	if f.Roots = x509.NewCertPool(); err != nil || !f.Roots.AppendCertsFromPEM(text) {
		r.wrong(at("cas"), "is %s, which is not a file with certificates that can be read", f.CAs)
	}
}

// Sink returns where the lines of a feed go.
func (f Feed) Sink() (feed.Sink, error) {
	if f.File != "" {
		return feed.File{Path: f.File}, nil
	}
	return feed.NewSyslog(f.Syslog, f.Roots)
}
