package sql_test

import (
	"flag"
	"os"
	"testing"

	"drawbridge/connectors/sql/sqltest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		// A hundred is for what is in memory. Here each step is a conversation.
		if err := flag.Set("rapid.checks", "6"); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	sqltest.Stop()
	os.Exit(code)
}
