package sqltest

import (
	"context"
	db "database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // registers pgx
)

// startPostgres starts one. Who comes over TCP needs a password.
func startPostgres(ctx context.Context) (*Server, error) {
	initdb, err := find("postgresql", "initdb", "/usr/lib/postgresql/*/bin/initdb", "/usr/local/pgsql/bin/initdb")
	if err != nil {
		return nil, err
	}
	s, err := prepare(ctx, "postgres")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(s.dir, "data")
	if err := once(ctx, initdb, "-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8"); err != nil {
		return nil, err
	}
	hba := "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
	if err := os.WriteFile(filepath.Join(s.dir, "hba.conf"), []byte(hba), 0o644); err != nil {
		return nil, err
	}
	s.Socket = filepath.Join(s.dir, ".s.PGSQL."+s.port())
	s.start = func(ctx context.Context) *exec.Cmd {
		args := []string{"-D", data, "-k", s.dir, "-h", "127.0.0.1", "-p", s.port()}
		for _, setting := range []string{
			"fsync=off", "full_page_writes=off", "autovacuum=off", "shared_buffers=16MB", "max_connections=100",
			"deadlock_timeout=200ms", "ssl=on", "ssl_cert_file=" + s.CAFile, "ssl_key_file=" + filepath.Join(s.dir, "key.pem"),
			"hba_file=" + filepath.Join(s.dir, "hba.conf"),
		} {
			args = append(args, "-c", setting)
		}
		return exec.CommandContext(ctx, filepath.Join(filepath.Dir(initdb), "postgres"), args...)
	}
	s.open = func(database string) (*db.DB, error) {
		if database == "" {
			database = "postgres"
		}
		return db.Open("pgx", fmt.Sprintf("host=%s port=%s user=postgres dbname=%s sslmode=disable", s.dir, s.port(), database))
	}
	s.as = func(user string) (*db.DB, error) {
		return db.Open("pgx", fmt.Sprintf("host=127.0.0.1 port=%s user=%s password='%s' dbname=postgres sslmode=disable", s.port(), user, Password))
	}
	return s, s.run(ctx)
}

// startMariaDB starts one. Its root comes by the socket, without a password.
func startMariaDB(ctx context.Context) (*Server, error) {
	daemon, err := find("mariadb-server", "mariadbd", "/usr/sbin/mariadbd", "/usr/libexec/mariadbd")
	if err != nil {
		return nil, err
	}
	install, err := find("mariadb-server", "mariadb-install-db")
	if err != nil {
		return nil, err
	}
	s, err := prepare(ctx, "mariadb")
	if err != nil {
		return nil, err
	}
	s.Socket = filepath.Join(s.dir, "socket")
	settings := filepath.Join(s.dir, "my.cnf")
	text := strings.NewReplacer("DIR", s.dir, "PORT", s.port()).Replace(`[mysqld]
datadir=DIR/data
socket=DIR/socket
pid-file=DIR/pid
bind-address=127.0.0.1
port=PORT
skip-log-bin
character-set-server=utf8mb4
collation-server=utf8mb4_bin
skip-name-resolve
innodb_log_file_size=8M
innodb_buffer_pool_size=32M
innodb_flush_log_at_trx_commit=2
innodb_flush_method=nosync
innodb_doublewrite=0
ssl_cert=DIR/ca.pem
ssl_key=DIR/key.pem
`)
	if err := os.WriteFile(settings, []byte(text), 0o644); err != nil {
		return nil, err
	}
	err = once(ctx, install, "--defaults-file="+settings, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
	if err != nil {
		return nil, err
	}
	s.start = func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, daemon, "--defaults-file="+settings)
	}
	connect := func(network, address, user, password, database string) (*db.DB, error) {
		cfg := mysql.NewConfig()
		cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = network, address, user, password, database
		cfg.Logger = &mysql.NopLogger{}
		connector, err := mysql.NewConnector(cfg)
		if err != nil {
			return nil, err
		}
		return db.OpenDB(connector), nil
	}
	s.open = func(database string) (*db.DB, error) { return connect("unix", s.Socket, "root", "", database) }
	s.as = func(user string) (*db.DB, error) { return connect("tcp", s.Addr, user, Password, "") }
	return s, s.run(ctx)
}
