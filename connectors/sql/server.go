package sql

import (
	"crypto/tls"
	"crypto/x509"
	db "database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"drawbridge/connectors"
)

// serverOptions say where the server is.
var serverOptions = []string{"socket", "user", "tls", "caFile", "certFile", "keyFile"}

// The ways to encrypt.
const (
	tlsVerify  = "verify"  // and the server is who it says
	tlsEncrypt = "encrypt" // whoever it is
	tlsOff     = "off"
)

// server is where the server is, and how we get in.
type server struct {
	socket   string // of this machine; empty: host and port
	host     string
	port     string
	database string
	secret   connectors.Secret
	tls      *tls.Config
}

// locate reads where the server is, and refuses to send the password to another
// machine in clear text.
func (s *settings) locate(c connectors.Config) error {
	u, err := url.Parse(c.BaseURL)
	if err != nil || dialects[u.Scheme] == nil || u.User != nil || u.RawQuery != "" {
		return errors.New("baseURL wants postgres://HOST/DATABASE, mariadb://HOST/DATABASE or mysql://HOST/DATABASE; what else there is to say stands under auth and options")
	}
	s.dialect = dialects[u.Scheme]
	s.socket, s.host, s.port = c.Options["socket"], u.Hostname(), u.Port()
	s.database = strings.TrimPrefix(u.Path, "/")
	s.login, s.secret = c.Auth.User, c.Auth.Secret
	if s.login == "" {
		s.login = c.Options["user"]
	}
	if s.port == "" {
		s.port = s.usual
	}
	switch {
	case s.login == "":
		return errors.New("auth.user is missing: name the account to log in with, or, where that needs no password, as option user")
	case (s.socket == "") == (s.host == ""):
		return errors.New("baseURL has a HOST, or option socket the path of a socket: one of them")
	case s.database == "" && !s.mysql:
		return errors.New("baseURL names no database, as in postgres://HOST/DATABASE")
	}
	return s.encrypt(c)
}

// encrypt reads how the connection is encrypted: to another machine always, and
// verified, unless something else is said.
func (s *settings) encrypt(c connectors.Config) error {
	how := c.Options["tls"]
	near := s.socket != "" || connectors.Loopback(s.host)
	if how == "" {
		how = tlsVerify
		if near && c.Options["caFile"] == "" {
			how = tlsOff
		}
	}
	if how != tlsVerify && how != tlsEncrypt && how != tlsOff {
		return fmt.Errorf("option tls is %q, want verify, encrypt or off", how)
	}
	if how != tlsVerify && !near && c.Auth.Exposed(s.host) {
		return fmt.Errorf("with option tls: %s the password could be read on its way to another machine: use tls: verify, or say auth.insecure: true", how)
	}
	if how == tlsOff {
		return nil
	}
	s.tls = &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: how == tlsEncrypt}
	if file := c.Options["caFile"]; file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("option caFile: %w", err)
		}
		s.tls.RootCAs = x509.NewCertPool()
		if !s.tls.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("option caFile: %s has no certificate in PEM", file)
		}
	}
	if c.Options["certFile"] != "" || c.Options["keyFile"] != "" {
		pair, err := tls.LoadX509KeyPair(c.Options["certFile"], c.Options["keyFile"])
		if err != nil {
			return fmt.Errorf("options certFile and keyFile: %w", err)
		}
		s.tls.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// open returns a pool of connections, none of which is made yet.
func (s *settings) open() (*db.DB, error) {
	connector, err := s.postgres()
	if s.mysql {
		connector, err = s.mariadb()
	}
	if err != nil {
		return nil, err
	}
	pool := db.OpenDB(connector)
	pool.SetMaxOpenConns(s.connections)
	pool.SetMaxIdleConns(s.connections)
	pool.SetConnMaxIdleTime(time.Minute)
	pool.SetConnMaxLifetime(time.Hour)
	return pool, nil
}

// postgres returns what connects to PostgreSQL. The library looks for what it is
// not told in the environment and in files: it is told everything.
func (s *settings) postgres() (driver.Connector, error) {
	cfg, err := pgx.ParseConfig("host=localhost user=none password=none dbname=none sslmode=disable connect_timeout=1 passfile=/dev/null")
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	port, err := strconv.ParseUint(s.port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("baseURL: port %q is none", s.port)
	}
	cfg.Host, cfg.Port = s.host, uint16(port)
	if s.socket != "" {
		// The library makes a socket's path of a folder and a port.
		folder, name := path.Split(s.socket)
		port, err := strconv.ParseUint(strings.TrimPrefix(name, ".s.PGSQL."), 10, 16)
		if err != nil {
			return nil, fmt.Errorf("option socket is %q, want the path of a socket, as in /run/postgresql/.s.PGSQL.5432", s.socket)
		}
		cfg.Host, cfg.Port = folder, uint16(port)
	}
	cfg.User, cfg.Password, cfg.Database = s.login, s.secret.Reveal(), s.database
	cfg.TLSConfig, cfg.Fallbacks, cfg.ConnectTimeout = s.tls, nil, s.timeout
	cfg.ValidateConnect, cfg.AfterConnect = nil, nil
	if s.socket != "" {
		cfg.TLSConfig = nil // a socket of this machine knows no TLS
	}
	limit := strconv.FormatInt(s.timeout.Milliseconds(), 10)
	cfg.RuntimeParams = map[string]string{
		"application_name": "drawbridge", "client_encoding": "UTF8", "standard_conforming_strings": "on",
		"statement_timeout": limit, "lock_timeout": limit,
	}
	return stdlib.GetConnector(*cfg), nil
}

// mariadb returns what connects to MariaDB and MySQL. Values that do not fit are
// an error there, and never cut off.
func (s *settings) mariadb() (driver.Connector, error) {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr = "tcp", net.JoinHostPort(s.host, s.port)
	if s.socket != "" {
		cfg.Net, cfg.Addr = "unix", s.socket
	}
	cfg.User, cfg.Passwd, cfg.DBName = s.login, s.secret.Reveal(), s.database
	cfg.TLS = s.tls
	cfg.Timeout, cfg.ClientFoundRows, cfg.AllowNativePasswords = s.timeout, true, true
	cfg.Logger = &mysql.NopLogger{} // what it says, it returns as well
	cfg.Collation = "utf8mb4_general_ci"
	seconds := strconv.Itoa(max(1, int(s.timeout/time.Second)))
	cfg.Params = map[string]string{"innodb_lock_wait_timeout": seconds, "lock_wait_timeout": seconds}
	mode := "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO"
	if s.name == "mariadb" {
		mode += ",NO_AUTO_CREATE_USER"
		cfg.Params["max_statement_time"] = seconds
	} else {
		cfg.Params["max_execution_time"] = strconv.FormatInt(s.timeout.Milliseconds(), 10)
	}
	cfg.Params["sql_mode"] = "'" + mode + "'"
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return connector, nil
}
