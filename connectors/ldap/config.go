package ldap

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"drawbridge/connectors"
)

// The ways to disable.
const (
	byAttribute = "attribute" // an attribute says so
	byFlag      = "flag"      // bits of an attribute that is a number say so
	byMove      = "move"      // the entry stands elsewhere
	byDelete    = "delete"    // the entry is gone
)

// settings is what the options of a connector come to.
type settings struct {
	address  string // host:port, or the path of a socket
	network  string // tcp or unix
	tls      *tls.Config
	startTLS bool
	user     string
	secret   connectors.Secret

	userBase     string
	userClasses  []string
	userFilter   string
	rdn          string              // the attribute that names a new entry
	id           string              // the attribute that is the remote id
	attributes   map[string][]string // SCIM path to the attributes that carry it; the first is read
	required     []string            // attributes that an entry must have
	groupBase    string              // empty: there are no entitlements
	groupFilter  string
	groupName    string
	member       string
	placeholder  string // the member of a group that has nobody
	memberValue  string // what of an entry it lists: dn, or an attribute
	memberFollow bool   // the server renames members itself
	memberRange  int    // members to ask for at once; 0: all, as far as the server gives them
	primary      string // the attribute with the RID of the group that lists nobody; empty: there is none
	nested       bool   // what is held through another group counts

	disable      string // one of the ways
	disableAttr  string
	disableValue string
	disableBits  int64  // with byFlag: disableValue as a number
	enableValue  string // empty: the attribute is removed
	disabledBase string // where the disabled are moved; empty: they stay

	fresh     map[string]string // what attributes of a new entry say besides
	spans     map[string]span   // the numbers that attributes of new entries get
	shortName string            // the attribute that a new entry has a short name in; empty: none
	password  bool              // a new entry gets a password that nobody knows
	protected []condition       // of entries that are never changed
	unadopted []condition       // of entries that are not taken over

	oneDomain bool // the server is asked for what is its own, and for no references to others

	lastUsed   string           // the attribute that says when a person was last seen; empty: none does
	usedBehind time.Duration    // how long ago that may have been so
	now        func() time.Time // of those times

	timeout     time.Duration
	connections int
	pageSize    uint32
}

// defaults has the value of every option that may be left out and is not empty then.
var defaults = map[string]string{
	"userClass":        "inetOrgPerson",
	"rdn":              "uid",
	"id":               "entryUUID",
	"required":         "cn sn",
	"groupClass":       "groupOfNames",
	"groupName":        "cn",
	"member":           "member",
	"memberValue":      "dn",
	"disable":          byAttribute,
	"disableAttribute": "pwdAccountLockedTime",
	"disableValue":     "000001010000Z", // locked until somebody unlocks it, for the ppolicy overlay
	"timeout":          "30s",
	"connections":      "8",
	"pageSize":         "500",
	"startTLS":         "false",
	"memberFollow":     "false",
	"nested":           "false",
	"oneDomain":        "false",

	"attribute.userName":        "uid",
	"attribute.displayName":     "cn displayName",
	"attribute.name.givenName":  "givenName",
	"attribute.name.familyName": "sn",
	"attribute.emails.value":    "mail",
	"attribute.title":           "title",
	"attribute.department":      "departmentNumber",
	"attribute.employeeNumber":  "employeeNumber",
}

// optional are the options that are empty when they are left out.
var optional = []string{
	"userBase", "userFilter", "groupBase", "groupFilter", "placeholder", "enableValue", "disabledBase", "caFile",
	"memberRange", "primaryGroup", "shortName", "initialPassword", "protected", "notAdopted",
}

// Options that begin with one of these are about an attribute.
const (
	attributePrefix = "attribute."
	newPrefix       = "new."
	numberPrefix    = "number."
)

// read returns the settings that the configuration comes to, or everything that
// is wrong with it.
func read(c connectors.Config) (*settings, error) {
	known := slices.Concat(slices.Sorted(maps.Keys(defaults)), optional)
	for name := range c.Options {
		if strings.HasPrefix(name, attributePrefix) || strings.HasPrefix(name, newPrefix) || strings.HasPrefix(name, numberPrefix) {
			known = append(known, name)
		}
	}
	r := &reader{options: maps.Clone(defaults)}
	r.check(c.Known(known...))
	maps.Copy(r.options, c.Options)
	s := &settings{
		user: c.Auth.User, secret: c.Auth.Secret,
		userBase: r.dn("userBase"), userClasses: r.words("userClass"), rdn: r.word("rdn"), id: r.word("id"),
		required: r.words("required"), groupBase: r.dn("groupBase"), groupName: r.word("groupName"), member: r.word("member"),
		memberValue: r.word("memberValue"), fresh: r.fresh(), spans: r.spans(),
		placeholder: r.dn("placeholder"), memberFollow: r.flag("memberFollow"),
		disable: r.options["disable"], disableAttr: r.word("disableAttribute"), disableValue: r.options["disableValue"],
		enableValue: r.options["enableValue"], disabledBase: r.dn("disabledBase"),
		timeout: r.duration("timeout"), connections: r.number("connections", 1000), pageSize: uint32(r.number("pageSize", 100_000)),
		startTLS: r.flag("startTLS"), attributes: r.attributes(), oneDomain: r.flag("oneDomain"), nested: r.flag("nested"),
		primary: r.maybe("primaryGroup"), shortName: r.maybe("shortName"), password: r.password(),
		protected: r.conditions("protected"), unadopted: r.conditions("notAdopted"),
		lastUsed: c.Profile.LastUsed, usedBehind: c.Profile.UsedBehind, now: time.Now,
	}
	if r.options["memberRange"] != "" {
		s.memberRange = r.number("memberRange", 100_000)
	}
	if s.disable == byFlag {
		s.disableBits = r.bits()
	}
	s.userFilter = r.filter("userFilter", "userClass")
	s.groupFilter = r.filter("groupFilter", "groupClass")
	if s.placeholder == "" {
		s.placeholder = "cn=nobody," + s.groupBase
	}
	r.check(s.consistent(c))
	r.check(s.server(c, r.options["caFile"]))
	return s, errors.Join(r.errs...)
}

// consistent finds options that do not fit each other.
func (s *settings) consistent(c connectors.Config) error {
	var errs []error
	if s.userBase == "" {
		errs = append(errs, errors.New("option userBase is empty: name the entry below which people are"))
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(s.attributes)), func(names []string) bool { return slices.Contains(names, s.rdn) }) {
		errs = append(errs, fmt.Errorf("option rdn is %s, which no attribute option writes: add one, as in attribute.userName: %s", s.rdn, s.rdn))
	}
	for _, path := range c.Profile.Match {
		if len(s.attributes[path]) == 0 {
			errs = append(errs, fmt.Errorf("the profile matches accounts by %s: say what carries it, as in attribute.%s: uid", path, path))
		}
	}
	if s.memberValue != byName && s.nested {
		errs = append(errs, errors.New("option nested is for groups that list names: a group that lists people otherwise has no groups in it"))
	}
	if s.memberValue != byName && !slices.ContainsFunc(slices.Collect(maps.Values(s.attributes)), func(names []string) bool { return contains(names, s.memberValue) }) {
		errs = append(errs, fmt.Errorf("option memberValue is %s, which no attribute option writes: add one, as in attribute.userName: %s", s.memberValue, s.memberValue))
	}
	if !descr(s.lastUsed) {
		errs = append(errs, fmt.Errorf("the profile's lastUsed is %q, want a name of the LDAP schema", s.lastUsed))
	}
	errs = append(errs, s.once())
	switch s.disable {
	case byAttribute, byFlag:
	case byMove:
		if s.disabledBase == "" {
			errs = append(errs, errors.New("option disabledBase is empty: name the entry below which the disabled are moved"))
		}
	case byDelete:
		if !c.AllowIrreversible {
			errs = append(errs, errors.New("option disable is delete, which cannot be undone: say allowIrreversible: true as well, or disable by attribute or move"))
		}
	default:
		errs = append(errs, fmt.Errorf("option disable is %q, want attribute, flag, move or delete", s.disable))
	}
	return errors.Join(errs...)
}

// once refuses an attribute that would be written for two reasons.
func (s *settings) once() error {
	var errs []error
	why := map[string]string{}
	if s.disable == byAttribute || s.disable == byFlag {
		why[strings.ToLower(s.disableAttr)] = "disableAttribute"
	}
	if s.shortName != "" {
		why[strings.ToLower(s.shortName)] = "shortName"
	}
	for prefix, names := range map[string][]string{newPrefix: slices.Collect(maps.Keys(s.fresh)), numberPrefix: slices.Collect(maps.Keys(s.spans))} {
		for _, name := range names {
			why[strings.ToLower(name)] = prefix + name
		}
	}
	for _, path := range slices.Sorted(maps.Keys(s.attributes)) {
		for _, name := range s.attributes[path] {
			if other, twice := why[strings.ToLower(name)]; twice {
				errs = append(errs, fmt.Errorf("options %s%s and %s both write %s", attributePrefix, path, other, name))
			}
			why[strings.ToLower(name)] = attributePrefix + path
		}
	}
	return errors.Join(errs...)
}

// server reads where the server is, and refuses to send the password to another
// machine in clear text.
func (s *settings) server(c connectors.Config, caFile string) error {
	if c.Auth.User != "" && c.Auth.Secret == "" {
		return errors.New("auth has a user and no password: a server takes that for anybody")
	}
	u, err := url.Parse(c.BaseURL)
	if path, socket := strings.CutPrefix(c.BaseURL, "ldapi://"); socket {
		s.network = "unix"
		s.address, err = url.PathUnescape(path)
		return err
	}
	if err != nil || u.Hostname() == "" || u.Scheme != "ldap" && u.Scheme != "ldaps" {
		return fmt.Errorf("baseURL is %q, want ldaps://HOST, ldap://HOST or ldapi://PATH", c.BaseURL)
	}
	port := map[string]string{"ldap": "389", "ldaps": "636"}[u.Scheme]
	if u.Port() != "" {
		port = u.Port()
	}
	s.network, s.address = "tcp", net.JoinHostPort(u.Hostname(), port)
	if u.Scheme == "ldaps" || s.startTLS {
		s.tls = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	}
	switch {
	case u.Scheme == "ldaps" && s.startTLS:
		return errors.New("option startTLS is for ldap://, and baseURL is ldaps:// already")
	case s.tls == nil && c.Auth.Exposed(u.Hostname()):
		return errors.New("the password would go unencrypted to another machine: use ldaps://, or option startTLS: true, or say auth.insecure: true")
	case s.tls == nil && s.password:
		return errors.New("option initialPassword needs an encrypted connection: use ldaps://, or option startTLS: true")
	case caFile == "":
		return nil
	case s.tls == nil:
		return errors.New("option caFile is for ldaps:// or startTLS")
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return fmt.Errorf("option caFile: %w", err)
	}
	s.tls.RootCAs = x509.NewCertPool()
	if !s.tls.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("option caFile: %s has no certificate in PEM", caFile)
	}
	return nil
}
