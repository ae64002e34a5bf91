package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"

	"github.com/go-ldap/ldap/v3"
)

const (
	domain      = "DC=example,DC=internal"
	realmSuffix = "@example.internal"
	dcAdmin     = "administrator" + realmSuffix
	dcPassword  = "A secret, and not a short 1"
)

// A domainController is a Samba that is an Active Directory domain of the test's
// own, which all tests share: each has a part of the tree to itself. It listens
// at an address of its own within loopback, for its ports cannot be chosen.
type domainController struct {
	once sync.Once
	err  error

	dir     string
	address string
	cmd     *exec.Cmd
	stdin   io.Closer // closed, when this process ends at the latest, it ends too
	log     *os.File
	parts   atomic.Int64
}

var theDC domainController

var errNoSamba = errors.New("no Samba (on Debian: apt-get install samba samba-dsdb-modules samba-vfs-modules samba-ad-provision, and root): what needs a real Active Directory is not tested")

// needDC returns the domain controller. Where there is none the test is skipped,
// and fails in continuous integration.
func needDC(t *testing.T) *domainController {
	t.Helper()
	theDC.once.Do(func() { theDC.err = theDC.start() })
	if errors.Is(theDC.err, errNoSamba) && os.Getenv("CI") == "" {
		t.Skip(theDC.err)
	}
	if theDC.err != nil {
		t.Fatal(theDC.err)
	}
	return &theDC
}

func (d *domainController) started() bool { return d.dir != "" }

func (d *domainController) start() error {
	samba, errServer := find("samba", "/usr/sbin/samba")
	tool, errTool := find("samba-tool", "/usr/bin/samba-tool")
	if errServer != nil || errTool != nil || os.Getuid() != 0 {
		return errNoSamba
	}
	var err error
	if d.dir, err = os.MkdirTemp("", "samba"); err != nil {
		return err
	}
	if err := d.choose(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	provision := exec.CommandContext(ctx, tool, "domain", "provision", "--realm=EXAMPLE.INTERNAL", "--domain=EXAMPLE",
		"--server-role=dc", "--dns-backend=NONE", "--use-rfc2307", "--adminpass="+dcPassword, "--host-name=dc1",
		"--host-ip="+d.address, "--targetdir="+filepath.Join(d.dir, "dc"))
	if said, err := provision.CombinedOutput(); err != nil {
		return fmt.Errorf("samba-tool domain provision: %w\n%s", err, said[max(0, len(said)-2000):])
	}
	if err := d.configure(); err != nil {
		return err
	}
	return d.run(samba)
}

// choose finds an address at which nobody listens.
func (d *domainController) choose() error {
	for range 20 {
		d.address = fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
		l, err := net.Listen("tcp", d.address+":389")
		if err == nil {
			return l.Close()
		}
	}
	return errors.New("there is no address within 127.0.0.0/8 with port 389 free")
}

const smbConf = `
[global]
	netbios name = DC1
	realm = EXAMPLE.INTERNAL
	workgroup = EXAMPLE
	server role = active directory domain controller
	server services = ldap
	dcerpc endpoint servers =
	interfaces = ADDRESS/8
	bind interfaces only = yes
	ldap server require strong auth = allow_sasl_over_tls
	tls keyfile = DIR/key.pem
	tls certfile = DIR/ca.pem
	tls cafile =
	private dir = DIR/dc/private
	state directory = DIR/dc/state
	cache directory = DIR/dc/cache
	lock directory = DIR/dc
	pid directory = DIR/dc
	ncalrpc dir = DIR/dc/ncalrpc
	binddns dir = DIR/dc/bind-dns
	log file = DIR/log
	ldb:nosync = true
`

func (d *domainController) configure() error {
	conf := strings.NewReplacer("DIR", d.dir, "ADDRESS", d.address).Replace(smbConf)
	return errors.Join(
		certificate(d.dir, net.ParseIP(d.address)),
		os.MkdirAll(filepath.Join(d.dir, "dc", "cache"), 0o755),
		os.WriteFile(filepath.Join(d.dir, "smb.conf"), []byte(conf), 0o600),
	)
}

// run starts the server and waits until it answers.
func (d *domainController) run(samba string) (err error) {
	if d.log, err = os.Create(filepath.Join(d.dir, "out")); err != nil {
		return err
	}
	d.cmd = exec.Command(samba, "--interactive", "--debug-stdout", "--model=single", "--maximum-runtime=1200",
		"--no-process-group", "--configfile="+filepath.Join(d.dir, "smb.conf"))
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	if d.stdin, err = d.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	died := make(chan error, 1)
	go func() { died <- d.cmd.Wait() }()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	late := time.After(time.Minute)
	for {
		if c, err := d.dial(); err == nil {
			return c.Close()
		}
		select {
		case <-again.C:
		case err := <-died:
			said, _ := os.ReadFile(d.log.Name())
			return fmt.Errorf("samba ended: %w\n%s", err, said)
		case <-late:
			return errors.New("samba does not answer")
		}
	}
}

func (d *domainController) stop() {
	if d.stdin != nil {
		_ = d.stdin.Close()
		_ = d.cmd.Process.Kill()
	}
	if d.log != nil {
		_ = d.log.Close()
	}
	_ = os.RemoveAll(d.dir)
}

func (d *domainController) caFile() string { return filepath.Join(d.dir, "ca.pem") }

// secure connects, encrypted, past any proxy.
func (d *domainController) secure() (net.Conn, error) {
	return tls.Dial("tcp", d.address+":636", &tls.Config{InsecureSkipVerify: true})
}

// dial connects as the domain's administrator.
func (d *domainController) dial() (*ldap.Conn, error) {
	raw, err := d.secure()
	if err != nil {
		return nil, err
	}
	c := ldap.NewConn(raw, true)
	c.Start()
	if err := c.Bind(dcAdmin, dcPassword); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// adTarget opens a connector, as the profile for Active Directory describes it, to
// a part of the domain.
func adTarget(t *testing.T, options map[string]string) *place {
	t.Helper()
	d := needDC(t)
	conn, err := d.dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	base := fmt.Sprintf("OU=part%d,%s", d.parts.Add(1), domain)
	for _, name := range []string{base, "ou=people," + base, "ou=disabled," + base, "ou=groups," + base} {
		addEntry(t, conn, name, map[string]string{"objectClass": "organizationalUnit"})
	}
	for _, name := range groupNames {
		addEntry(t, conn, dn("cn", name, "ou=groups,"+base), map[string]string{"objectClass": "group"})
	}
	addEntry(t, conn, "cn=resident,ou=people,"+base, map[string]string{"objectClass": "user"})
	cert, err := tls.LoadX509KeyPair(d.caFile(), filepath.Join(d.dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	p := newProxy(t, d.secure, &tls.Config{Certificates: []tls.Certificate{cert}})
	o := map[string]string{
		"userBase": "ou=people," + base, "groupBase": "ou=groups," + base, "caFile": d.caFile(),
		"attribute.externalId": "carLicense", "timeout": "20s",
	}
	maps.Copy(o, options)
	if o["disabledBase"] != "" {
		o["disabledBase"] += "," + base
	}
	connector := openAD(t, "ldaps://"+p.Addr().String(), o)
	return &place{
		Target: connectortest.Target{
			Connector: connector, Hand: &hand{settings: connector.settings, conn: conn, proxy: p}, Faults: p,
			Use: (&hand{settings: connector.settings, conn: conn}).use(func(at time.Time) string {
				return strconv.FormatInt(at.Unix()*10_000_000+116_444_736_000_000_000, 10)
			}),
		},
		connector: connector, proxy: p, base: base, conn: conn,
	}
}

func openAD(t *testing.T, url string, options map[string]string) *Connector {
	t.Helper()
	profile, err := connectors.LoadProfile(configs.Profiles(""), "active-directory")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(connectors.Options{Config: connectors.Config{
		Kind: "ldap", BaseURL: url, Auth: connectors.Auth{User: dcAdmin, Secret: dcPassword}, Options: options, Profile: profile,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.(*Connector).Close() })
	return c.(*Connector)
}

func addEntry(t *testing.T, conn *ldap.Conn, name string, attributes map[string]string) {
	t.Helper()
	add := ldap.NewAddRequest(name, nil)
	for attribute, value := range attributes {
		add.Attribute(attribute, []string{value})
	}
	if err := conn.Add(add); err != nil {
		t.Fatalf("add %s: %v", name, err)
	}
}
