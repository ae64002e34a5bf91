// Package ldaptest starts a real Active Directory for tests: a Samba domain controller
// with a folder and an address of its own, gone when the tests are.
package ldaptest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	chance "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// What every domain has: its suffix, that of the names of people, and who may do everything.
const (
	Suffix   = "DC=example,DC=internal"
	Realm    = "@example.internal"
	Admin    = "administrator" + Realm
	Password = "A secret, and not a short 1"
)

// A Domain is a Samba that is an Active Directory domain of the tests' own. It listens
// at an address of its own within loopback, for its ports cannot be chosen.
type Domain struct {
	Address string // on loopback: LDAP and StartTLS at port 389, LDAPS at 636

	dir   string
	cmd   *exec.Cmd
	stdin io.Closer // closed, when this process ends at the latest, it ends too
	log   *os.File
}

// ErrMissing says that there is no Samba, or none that could be a domain controller.
var ErrMissing = errors.New("no Samba (on Debian: apt-get install samba samba-dsdb-modules samba-vfs-modules samba-ad-provision, and root): what needs a real Active Directory is not tested")

// parts returns where the server is and what makes a domain.
func parts() (server, tool string, err error) {
	server, errServer := exec.LookPath("samba")
	if errServer != nil {
		server = "/usr/sbin/samba"
		_, errServer = os.Stat(server)
	}
	tool, errTool := exec.LookPath("samba-tool")
	if errServer != nil || errTool != nil || os.Getuid() != 0 {
		return "", "", ErrMissing
	}
	return server, tool, nil
}

// Installed reports whether a domain can be started here.
func Installed() bool {
	_, _, err := parts()
	return err == nil
}

// Start makes a domain and waits until it answers, which takes some seconds. Whoever
// starts one stops it, also when it failed. It fails with ErrMissing where none can be.
func Start() (*Domain, error) {
	server, tool, err := parts()
	if err != nil {
		return nil, err
	}
	d := &Domain{}
	if d.dir, err = os.MkdirTemp("", "samba"); err != nil {
		return nil, err
	}
	if err := d.choose(); err != nil {
		return d, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) //nolint:forbidigo // a whole package's tests share it
	defer cancel()
	provision := exec.CommandContext(ctx, tool, "domain", "provision", "--realm=EXAMPLE.INTERNAL", "--domain=EXAMPLE",
		"--server-role=dc", "--dns-backend=NONE", "--use-rfc2307", "--adminpass="+Password, "--host-name=dc1",
		"--host-ip="+d.Address, "--targetdir="+filepath.Join(d.dir, "dc"))
	if said, err := provision.CombinedOutput(); err != nil {
		return d, fmt.Errorf("samba-tool domain provision: %w\n%s", err, said[max(0, len(said)-2000):])
	}
	if err := d.configure(); err != nil {
		return d, err
	}
	return d, d.run(server)
}

// choose finds an address at which nobody listens.
func (d *Domain) choose() error {
	for range 20 {
		d.Address = fmt.Sprintf("127.%d.%d.%d", 1+chance.IntN(254), chance.IntN(256), 1+chance.IntN(254))
		l, err := net.Listen("tcp", d.Address+":389") //nolint:noctx // it is closed at once
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

func (d *Domain) configure() error {
	conf := strings.NewReplacer("DIR", d.dir, "ADDRESS", d.Address).Replace(smbConf)
	return errors.Join(
		Certificate(d.dir, net.ParseIP(d.Address)),
		os.MkdirAll(filepath.Join(d.dir, "dc", "cache"), 0o755),
		os.WriteFile(filepath.Join(d.dir, "smb.conf"), []byte(conf), 0o600),
	)
}

// run starts the server and waits until it answers.
func (d *Domain) run(samba string) (err error) {
	if d.log, err = os.Create(filepath.Join(d.dir, "out")); err != nil {
		return err
	}
	d.cmd = exec.Command(samba, //nolint:noctx // Stop ends it
		"--interactive", "--debug-stdout", "--model=single", "--maximum-runtime=1200",
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
		if c, err := d.Dial(); err == nil {
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

// Stop ends it, and removes all of it.
func (d *Domain) Stop() {
	if d.stdin != nil {
		_ = d.stdin.Close()
		_ = d.cmd.Process.Kill()
	}
	if d.log != nil {
		_ = d.log.Close()
	}
	_ = os.RemoveAll(d.dir)
}

// CAFile vouches for the domain controller at its address, and has the key beside it, in key.pem.
func (d *Domain) CAFile() string { return filepath.Join(d.dir, "ca.pem") }

// Secure connects, encrypted, past any proxy.
func (d *Domain) Secure() (net.Conn, error) {
	return tls.Dial("tcp", d.Address+":636", &tls.Config{InsecureSkipVerify: true}) //nolint:noctx // on loopback
}

// Dial connects as the domain's administrator.
func (d *Domain) Dial() (*ldap.Conn, error) {
	raw, err := d.Secure()
	if err != nil {
		return nil, err
	}
	c := ldap.NewConn(raw, true)
	c.Start()
	if err := c.Bind(Admin, Password); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Certificate makes one for the address, which vouches for itself, with its key,
// as ca.pem and key.pem in the folder.
func Certificate(dir string, address net.IP) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), address},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600),
	)
}
