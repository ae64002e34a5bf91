package examine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"

	"drawbridge/connectors"
)

// A Diagnosis says in plain words where the way to a target ends.
type Diagnosis struct {
	Where string `json:"where"`        // name, connection, tls, credential, permission, address, language, limit, target
	What  string `json:"what"`         // what is wrong
	Do    string `json:"do,omitempty"` // what may help
	Said  string `json:"said"`         // the error itself
}

// Diagnose says what an error of a target means, to whoever configured it.
func Diagnose(c connectors.Config, err error) Diagnosis {
	d := diagnosed(c, err)
	d.Said = err.Error()
	return d
}

func diagnosed(c connectors.Config, err error) Diagnosis {
	for _, look := range []func(connectors.Config, error) (Diagnosis, bool){ofTLS, ofNetwork, ofLanguage, ofCode} {
		if d, ok := look(c, err); ok {
			return d
		}
	}
	return Diagnosis{Where: "target", What: "the target answers, and not as hoped for", Do: "see what it said"}
}

// ofTLS is about the encryption, and whom it shows the target to be.
func ofTLS(_ connectors.Config, err error) (Diagnosis, bool) {
	d := Diagnosis{Where: "tls"}
	if errors.Is(err, http.ErrSchemeMismatch) {
		d.What, d.Do = "the target does not speak TLS at that port", "write http:// for a target on this machine, or the port that has TLS"
		return d, true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		d.What, d.Do = "what answers at that port does not speak TLS", "look at the port and the scheme of baseURL"
		return d, true
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		d.What, d.Do = "the certificate is another host's", "write the host that it is for in baseURL; it is for "+strings.Join(e.Certificate.DNSNames, ", ")
		return d, true
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		d.What, d.Do = "the certificate has expired, or is not valid yet", "have the target's renewed, and look at the clock here"
		return d, true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		d.What = "nobody that this machine trusts vouches for the certificate"
		d.Do = "add the authority to the system's (SSL_CERT_FILE names a file of them), or name it in the option caFile where the kind has one"
		return d, true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		d.What, d.Do = "the certificate cannot be verified", "see what is said of it"
		return d, true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		d.What, d.Do = "the target ends the handshake", "it may want a client certificate, or another version of TLS"
		return d, true
	}
	return d, false
}

// ofNetwork is about getting there at all.
func ofNetwork(_ connectors.Config, err error) (Diagnosis, bool) {
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		d := Diagnosis{Where: "name", What: "the name " + e.Name + " is not known", Do: "look at the host in baseURL"}
		if !e.IsNotFound {
			d.What, d.Do = "the name "+e.Name+" cannot be looked up now", "look at the resolver of this machine"
		}
		return d, true
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return Diagnosis{Where: "connection", What: "nobody listens at that address", Do: "look at the host and the port of baseURL, and whether the target runs"}, true
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return Diagnosis{Where: "connection", What: "there is no answer in time", Do: "a firewall may drop what is sent there; the target may be slow: see option timeout"}, true
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Diagnosis{Where: "connection", What: "there is no way to that address", Do: "look at the network, and at HTTPS_PROXY"}, true
	case errors.Is(err, syscall.ECONNRESET):
		return Diagnosis{Where: "connection", What: "the connection is cut off", Do: "a firewall or an address allow list of the target may do that"}, true
	}
	return Diagnosis{}, false
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// ofLanguage is about a target that is something else.
func ofLanguage(c connectors.Config, err error) (Diagnosis, bool) {
	if !errors.Is(err, connectors.ErrForeign) {
		return Diagnosis{}, false
	}
	d := Diagnosis{Where: "language", What: "something answers there, and not in " + strings.ToUpper(c.Kind), Do: "baseURL may lead to pages for people: it is what the API's paths follow"}
	if c.Kind == "scim" {
		d.Do += ", as in https://wiki.example.com/scim/v2"
	}
	return d, true
}

// credential, permission, address and so on are what codes of several protocols say.
var codes = map[string]Diagnosis{
	"401": {Where: "credential", What: "the target does not accept the credential", Do: "is it of this target, whole, and not expired? is it shown as the profile says (auth)?"},
	"403": {Where: "permission", What: "the target knows who calls, and does not allow it", Do: "the credential may lack a scope or a role; an address allow list may keep this machine out"},
	"404": {Where: "address", What: "there is nothing at that path", Do: "baseURL is what the API's paths follow: look for a part that is missing, is there twice, or is another tenant's"},
	"405": {Where: "address", What: "that path is there for something else", Do: "baseURL may be wrong"},
	"429": {Where: "limit", What: "the target says that it is called too often", Do: "wait; the profile's rate may be too high, or others use the limit up"},

	"ldap 49": {Where: "credential", What: "the directory does not accept name and password", Do: "auth.user is the whole name of an entry, as in cn=bridge,dc=example,dc=com"},
	"ldap 50": {Where: "permission", What: "the directory knows who calls, and does not allow it", Do: "give the bridge's entry the rights that the page of kind ldap names"},
	"ldap 32": {Where: "address", What: "an entry that is named does not exist, or is not shown", Do: "look at userBase and groupBase"},
	"ldap 13": {Where: "tls", What: "the directory wants the connection encrypted", Do: "write ldaps://, or option startTLS"},

	"sql 28P01": {Where: "credential", What: "the server does not accept name and password", Do: "look at auth"},
	"sql 28000": {Where: "credential", What: "the server lets nobody of that name in from here", Do: "look at auth, and at pg_hba.conf"},
	"sql 3D000": {Where: "address", What: "there is no such database", Do: "look at the end of baseURL"},
	"sql 42501": {Where: "permission", What: "the server knows who calls, and does not allow it", Do: "the profile says which rights it takes"},
	"sql 42P01": {Where: "language", What: "a table in a statement does not exist", Do: "change the statements to what your tables are"},
	"sql 42703": {Where: "language", What: "a column in a statement does not exist", Do: "change the statements to what your tables are"},
	"sql 1045":  {Where: "credential", What: "the server does not accept name and password", Do: "look at auth, and from which hosts that user may come"},
	"sql 1049":  {Where: "address", What: "there is no such database", Do: "look at the end of baseURL"},
	"sql 1044":  {Where: "permission", What: "the server knows who calls, and does not allow that database", Do: "the profile says which rights it takes"},
	"sql 1142":  {Where: "permission", What: "the server knows who calls, and does not allow it", Do: "the profile says which rights it takes"},
	"sql 1146":  {Where: "language", What: "a table in a statement does not exist", Do: "change the statements to what your tables are"},
}

// ofCode is about what the target says in its protocol's own codes.
func ofCode(c connectors.Config, err error) (Diagnosis, bool) {
	var e *connectors.Error
	for e == nil || e.Code == "" {
		var ok bool
		if e, ok = errors.AsType[*connectors.Error](err); !ok {
			return Diagnosis{}, false
		}
		err = e.Err // one without a code may be about one that has
	}
	if d, ok := codes[e.Code]; ok && c.Kind != "ldap" && c.Kind != "sql" {
		return d, true
	}
	if d, ok := codes[c.Kind+" "+e.Code]; ok {
		return d, true
	}
	switch {
	case c.Kind == "ldap" || c.Kind == "sql":
		return Diagnosis{}, false
	case strings.HasPrefix(e.Code, "3"):
		return Diagnosis{Where: "address", What: "the target sends callers elsewhere", Do: "write the address that it leads to as baseURL; it may be a page to log in at"}, true
	case strings.HasPrefix(e.Code, "5"):
		return Diagnosis{Where: "target", What: "the target is in trouble itself", Do: "try again later; a wrong tenant in baseURL looks like this at some"}, true
	}
	return Diagnosis{}, false
}
