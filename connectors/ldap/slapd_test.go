package ldap

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/connectors/ldap/ldaptest"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

const (
	suffix       = "dc=example,dc=com"
	followSuffix = "dc=follow,dc=com" // there the server renames members itself
	rootDN       = "cn=admin," + suffix
	bridgeDN     = "cn=bridge," + suffix // may do what the server's access rules say
	rootPassword = "a secret, and not a short one"
)

// A server is an OpenLDAP of the test's own, which all tests share: each has a
// part of the tree to itself.
type server struct {
	dir    string
	cmd    *exec.Cmd
	log    *os.File
	socket string
	port   string // on loopback, with StartTLS
	tlsURL string
	caFile string
	parts  atomic.Int64
}

var theServer = sync.OnceValues(start)

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		// A hundred is for what is in memory. Here each step is a conversation.
		if err := flag.Set("rapid.checks", "8"); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if s, err := theServer(); err == nil {
		s.stop()
	}
	if theDC.Domain != nil {
		theDC.Stop()
	}
	os.Exit(code)
}

// errNoSlapd says that there is no server to be had on this machine.
var errNoSlapd = errors.New("slapd is not installed (on Debian: apt-get install slapd): what needs a real directory is not tested")

// needServer returns the server. Where there is none the test is skipped, and
// fails in continuous integration, where a skipped test would be taken for one
// that passed.
func needServer(t *testing.T) *server {
	t.Helper()
	s, err := theServer()
	if errors.Is(err, errNoSlapd) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const slapdConf = `
include SCHEMA/core.schema
include SCHEMA/cosine.schema
include SCHEMA/inetorgperson.schema
include SCHEMA/nis.schema
pidfile DIR/slapd.pid
modulepath MODULES
moduleload back_mdb
moduleload ppolicy
moduleload refint
TLSCACertificateFile DIR/ca.pem
TLSCertificateFile DIR/ca.pem
TLSCertificateKeyFile DIR/key.pem
sizelimit 1000
idletimeout 0

database mdb
suffix "dc=example,dc=com"
rootdn "cn=admin,dc=example,dc=com"
rootpw "PASSWORD"
directory DIR/example
maxsize 268435456
dbnosync
index objectClass,entryUUID,uid,mail,cn,member,memberUid,uidNumber eq
access to dn.regex="^cn=locked,ou=groups," by dn.exact="cn=bridge,dc=example,dc=com" read by * none
access to dn.regex="^(uid=.*,)?ou=hidden," by * none
access to dn.regex="^uid=.*,ou=empty," by * none
access to * by dn.exact="cn=bridge,dc=example,dc=com" write by anonymous auth by * none
overlay ppolicy

database mdb
suffix "dc=follow,dc=com"
rootdn "cn=admin,dc=example,dc=com"
directory DIR/follow
maxsize 67108864
dbnosync
index objectClass,entryUUID,uid,cn,member eq
overlay refint
refint_attributes member
refint_nothing "cn=nobody"
`

func start() (*server, error) {
	slapd, err := find("slapd", "/usr/sbin/slapd", "/usr/libexec/slapd", "/usr/local/libexec/slapd")
	if err != nil {
		return nil, errNoSlapd
	}
	schema, err := find("", "/etc/ldap/schema", "/etc/openldap/schema", "/usr/local/etc/openldap/schema")
	if err != nil {
		return nil, err
	}
	modules, err := find("", "/usr/lib/ldap", "/usr/lib64/openldap", "/usr/lib/openldap", "/usr/local/libexec/openldap")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "slapd") // short: the path of a socket may not be long
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, socket: filepath.Join(dir, "ldapi"), caFile: filepath.Join(dir, "ca.pem")}
	if err := s.prepare(schema, modules); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.run(slapd); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// find returns the first of the paths that is there.
func find(command string, paths ...string) (string, error) {
	if path, err := exec.LookPath(command); err == nil {
		return path, nil
	}
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("none of %s is there", strings.Join(paths, ", "))
}

func (s *server) prepare(schema, modules string) error {
	for _, sub := range []string{"example", "follow"} {
		if err := os.Mkdir(filepath.Join(s.dir, sub), 0o700); err != nil {
			return err
		}
	}
	if err := ldaptest.Certificate(s.dir, net.IPv4(127, 0, 0, 1)); err != nil {
		return err
	}
	conf := strings.NewReplacer("SCHEMA", schema, "MODULES", modules, "DIR", s.dir, "PASSWORD", rootPassword).Replace(slapdConf)
	return os.WriteFile(filepath.Join(s.dir, "slapd.conf"), []byte(conf), 0o600)
}

// run starts the server and waits until it answers.
func (s *server) run(slapd string) (err error) {
	ports := make([]string, 2)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		ports[i] = l.Addr().String()
		defer l.Close()
		if err := l.Close(); err != nil {
			return err
		}
	}
	s.port, s.tlsURL = ports[0], "ldaps://"+ports[1]
	if s.log, err = os.Create(filepath.Join(s.dir, "log")); err != nil {
		return err
	}
	urls := "ldapi://" + url.PathEscape(s.socket) + " ldap://" + s.port + " " + s.tlsURL
	s.cmd = exec.Command(slapd, "-f", filepath.Join(s.dir, "slapd.conf"), "-h", urls, "-d", "0")
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	died := make(chan error, 1)
	go func() { died <- s.cmd.Wait() }()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	late := time.After(30 * time.Second)
	for {
		if c, err := s.dial(); err == nil {
			return errors.Join(s.trunk(c), c.Close())
		}
		select {
		case <-again.C:
		case err := <-died:
			said, _ := os.ReadFile(s.log.Name())
			return fmt.Errorf("slapd ended: %w\n%s", err, said)
		case <-late:
			return errors.New("slapd does not answer")
		}
	}
}

// dial connects as the one who may do everything, past any proxy.
func (s *server) dial() (*ldap.Conn, error) {
	raw, err := net.Dial("unix", s.socket)
	if err != nil {
		return nil, err
	}
	c := ldap.NewConn(raw, false)
	c.Start()
	if err := c.Bind(rootDN, rootPassword); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (s *server) trunk(c *ldap.Conn) error {
	var errs []error
	for _, name := range []string{suffix, followSuffix} {
		add := ldap.NewAddRequest(name, nil)
		add.Attribute("objectClass", []string{"domain"})
		errs = append(errs, c.Add(add))
	}
	bridge := ldap.NewAddRequest(bridgeDN, nil)
	bridge.Attribute("objectClass", []string{"organizationalRole", "simpleSecurityObject"})
	bridge.Attribute("userPassword", []string{rootPassword})
	return errors.Join(append(errs, c.Add(bridge))...)
}

func (s *server) stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
	}
	if s.log != nil {
		_ = s.log.Close()
	}
	_ = os.RemoveAll(s.dir)
}

// part makes a part of the tree for one test, with places for people, disabled
// people and groups, and somebody in it, and returns its name and a connection to look at it.
func (s *server) part(t *testing.T, suffix string) (string, *ldap.Conn) {
	t.Helper()
	c, err := s.dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	base := fmt.Sprintf("ou=part%d,%s", s.parts.Add(1), suffix)
	for _, name := range []string{base, "ou=people," + base, "ou=disabled," + base, "ou=groups," + base} {
		add := ldap.NewAddRequest(name, nil)
		add.Attribute("objectClass", []string{"organizationalUnit"})
		if err := c.Add(add); err != nil {
			t.Fatalf("add %s: %v", name, err)
		}
	}
	resident := ldap.NewAddRequest("uid=resident,ou=people,"+base, nil)
	resident.Attribute("objectClass", []string{"inetOrgPerson"})
	resident.Attribute("cn", []string{"Who was here before"})
	resident.Attribute("sn", []string{"Resident"})
	if err := c.Add(resident); err != nil {
		t.Fatalf("add %s: %v", resident.DN, err)
	}
	return base, c
}

// group adds a group with the members, or with a placeholder.
func group(t *testing.T, c *ldap.Conn, base, name string, members ...string) {
	t.Helper()
	if len(members) == 0 {
		members = []string{"cn=nobody,ou=groups," + base}
	}
	add := ldap.NewAddRequest(dn("cn", name, "ou=groups,"+base), nil)
	add.Attribute("objectClass", []string{"groupOfNames"})
	add.Attribute("member", members)
	if err := c.Add(add); err != nil {
		t.Fatalf("add group %q: %v", name, err)
	}
}

// A proxy stands between the connector and the server, counts requests, and
// drops one: before the server hears of it, or after it answered.
type proxy struct {
	net.Listener

	dial func() (net.Conn, error) // the server
	tls  *tls.Config              // of the connector's side; nil: it is not encrypted

	mu     sync.Mutex
	in     int // requests until one is dropped; 0: never
	took   bool
	writes int
	before func(ber.Tag) // told of each request before the server is; nil: nobody
	conns  map[net.Conn]bool
}

func newProxy(t *testing.T, dial func() (net.Conn, error), secure *tls.Config) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, dial: dial, tls: secure, conns: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.hangUp()
		wg.Wait()
	})
	return p
}

// hangUp drops every connection there is, as a server that restarts does.
func (p *proxy) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *proxy) serve(client net.Conn) {
	p.mu.Lock()
	p.conns[client] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.conns, client)
		p.mu.Unlock()
		_ = client.Close()
	}()
	server, err := p.dial()
	if err != nil {
		return
	}
	defer server.Close()
	if p.tls != nil {
		client = tls.Server(client, p.tls)
	}
	for p.exchange(client, server) == nil {
	}
}

// exchange passes one request on, and its answers back.
func (p *proxy) exchange(client, server net.Conn) error {
	request, err := ber.ReadPacket(client)
	if err != nil {
		return err
	}
	tag := request.Children[1].Tag
	drop, took, before := p.next(tag)
	if before != nil {
		before(tag)
	}
	if drop && !took || tag == ldap.ApplicationUnbindRequest {
		return io.EOF
	}
	if _, err := server.Write(request.Bytes()); err != nil {
		return err
	}
	for {
		answer, err := ber.ReadPacket(server)
		if err != nil {
			return err
		}
		last := answer.Children[1].Tag != ldap.ApplicationSearchResultEntry && answer.Children[1].Tag != ldap.ApplicationSearchResultReference
		if drop && last {
			return io.EOF
		}
		if _, err := client.Write(answer.Bytes()); err != nil || last {
			return err
		}
	}
}

// writes are the requests that change something.
var writes = []ber.Tag{ldap.ApplicationAddRequest, ldap.ApplicationModifyRequest, ldap.ApplicationModifyDNRequest, ldap.ApplicationDelRequest}

// next counts a request, and says whether it is to be dropped, and who is to be told.
func (p *proxy) next(tag ber.Tag) (drop, took bool, before func(ber.Tag)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Contains(writes, tag) {
		p.writes++
	}
	if tag == ldap.ApplicationUnbindRequest || p.in == 0 {
		return false, false, p.before
	}
	p.in--
	return p.in == 0, p.took, p.before
}

// Fail makes the nth request from now fail.
func (p *proxy) Fail(nth int, took bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.in, p.took = nth, took
}

// Spent reports whether it did.
func (p *proxy) Spent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	spent := p.in == 0
	p.in = 0
	return spent
}

// tell has before told of each request before the server is.
func (p *proxy) tell(before func(ber.Tag)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before = before
}

func (p *proxy) written() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writes
}
