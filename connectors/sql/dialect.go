package sql

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A dialect is what servers differ in, besides the statements they are given.
type dialect struct {
	name    string
	mysql   bool   // of that family: how strings are written, and what a transaction may hold
	usual   string // port
	quote   byte   // around names
	longest int    // an account's name, in bytes

	// reserved are accounts that are the server's own, or its host's.
	reserved []string
}

// dialects, by the scheme of the URL.
var dialects = map[string]*dialect{
	"postgres": {
		name: "postgres", usual: "5432", quote: '"', longest: 63,
		reserved: []string{
			"public", "none", "postgres", "rdsadmin", "rds_superuser", "cloudsqladmin", "cloudsqlsuperuser",
			"azure_superuser", "azure_pg_admin", "azuresu",
		},
	},
	"mariadb": {name: "mariadb", mysql: true, usual: "3306", quote: '`', longest: 128, reserved: mysqlReserved},
	"mysql":   {name: "mysql", mysql: true, usual: "3306", quote: '`', longest: 32, reserved: mysqlReserved},
}

var mysqlReserved = []string{
	"public", "none", "root", "mysql", "mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema", "debian-sys-maint",
	"rdsadmin", "cloudsqladmin", "cloudsqlsuperuser", "azure_superuser",
}

// placeholder stands for the nth value of a statement, counted from one.
func (d *dialect) placeholder(n int) string {
	if d.mysql {
		return "?"
	}
	return "$" + strconv.Itoa(n)
}

// quoted returns what stands for the name in a statement. It is the one way in
// which anything that is not in the configuration becomes part of a statement's
// text, and refuses whatever is not plainly a name.
func (d *dialect) quoted(name string) (string, error) {
	switch {
	case name == "":
		return "", errors.New("it is empty")
	case !utf8.ValidString(name):
		return "", errors.New("it is not UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return "", errors.New("it has a control character in it")
	case strings.TrimSpace(name) != name:
		return "", errors.New("it begins or ends with a space")
	case len(name) > d.longest:
		// The server would cut it off, and what is left may be another's name.
		return "", fmt.Errorf("it has %d bytes, and a name has %d at most", len(name), d.longest)
	}
	q := string(d.quote)
	return q + strings.ReplaceAll(name, q, q+q) + q, nil
}

// account is quoted, for the name of an account that is to be written to: one that
// is the server's own is none.
func (d *dialect) account(name, login string) (string, error) {
	folded := strings.ToLower(name)
	if slices.Contains(d.reserved, folded) || !d.mysql && strings.HasPrefix(folded, "pg_") {
		return "", errors.New("it is an account of the server itself, which is never written to")
	}
	if login != "" && strings.EqualFold(name, login) {
		return "", errors.New("it is the account we log in with, which is never written to")
	}
	return d.quoted(name)
}

// folded returns an unquoted name as the server has it.
func (d *dialect) folded(name string) string {
	if d.mysql {
		return name
	}
	return strings.ToLower(name)
}
