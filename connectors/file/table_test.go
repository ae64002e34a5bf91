package file

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/schema"

	"github.com/google/go-cmp/cmp"
)

func TestTableContract(t *testing.T) {
	for name, c := range map[string]struct {
		options    map[string]string
		deactivate connectors.Deactivate
	}{
		"by user name": {nil, connectors.DeactivateActive},
		"an id of its own": {map[string]string{
			"idColumn": "id", "delimiter": ";", "separator": "|", "lineEnd": "lf", "encoding": "utf-8-bom", "spreadsheet": "true",
			"activeColumn": "status", "activeValue": "employed", "inactiveValue": "left", "fixed.site": "Köln",
		}, connectors.DeactivateActive},
		"rows are removed": {map[string]string{"activeColumn": "", "encoding": "utf-16le", "delimiter": "tab"}, connectors.DeactivateDelete},
	} {
		t.Run(name, func(t *testing.T) {
			connectortest.Run(t, connectortest.Harness{
				Open: func(t *testing.T) connectortest.Target {
					options := map[string]string{"column.externalId": "extern"}
					maps.Copy(options, c.options)
					return tableTarget(t, options, c.deactivate)
				},
				Entitlements: []string{"Building, weekdays", "Hardware lab", `Records "room"`},
				Deletes:      c.deactivate == connectors.DeactivateDelete,
			})
		})
	}
}

func tableTarget(t *testing.T, options map[string]string, deactivate connectors.Deactivate) connectortest.Target {
	t.Helper()
	table := mustOpenTable(t, filepath.Join(t.TempDir(), "people.csv"), options, deactivate)
	s := &faultyShelf{shelf: table.shelf}
	table.shelf = s
	return connectortest.Target{Connector: table, Hand: &clerk{layout: table.layout, shelf: s}, Faults: s}
}

func mustOpenTable(t *testing.T, path string, options map[string]string, deactivate connectors.Deactivate) *Table {
	t.Helper()
	o := map[string]string{"format": "csv", "path": path, "fsync": "false"}
	maps.Copy(o, options)
	profile := connectors.DefaultProfile()
	profile.Deactivate = deactivate
	c, err := Open(connectors.Options{Config: connectors.Config{Name: "people", Kind: "file", Options: o, Profile: profile}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.(*Table).Close() })
	return c.(*Table)
}

// A faultyShelf fails once, in reading or in replacing.
type faultyShelf struct {
	shelf

	mu     sync.Mutex
	in     int // calls until it fails; 0: never
	took   bool
	writes int
}

func (s *faultyShelf) read() ([]byte, stamp, error) {
	raw, at, err := s.shelf.read()
	if fails, _ := s.fails(0); fails {
		return nil, stamp{}, errFault
	}
	return raw, at, err
}

func (s *faultyShelf) replace(raw []byte) (stamp, error) {
	fails, took := s.fails(1)
	if fails && !took {
		return stamp{}, errFault
	}
	at, err := s.shelf.replace(raw)
	if fails {
		return stamp{}, errors.Join(errFault, err)
	}
	return at, err
}

func (s *faultyShelf) fails(writes int) (fails, took bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes += writes
	if s.in == 0 {
		return false, false
	}
	s.in--
	return s.in == 0, s.took
}

func (s *faultyShelf) Fail(nth int, took bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in, s.took = nth, took
}

func (s *faultyShelf) Spent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	spent := s.in == 0
	s.in = 0
	return spent
}

// A clerk opens the file in a program of their own, and saves it.
type clerk struct {
	*layout

	shelf *faultyShelf
}

func (c *clerk) Writes() int {
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	return c.shelf.writes
}

// records returns all lines, the first with the names of the columns.
func (c *clerk) records() ([][]string, error) {
	raw, err := os.ReadFile(c.path)
	if err != nil {
		return nil, err
	}
	text, err := c.encoding.decode(bytes.TrimPrefix(raw, c.encoding.mark))
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = c.delimiter
	return r.ReadAll()
}

func (c *clerk) save(records [][]string) error {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Comma = c.delimiter
	if err := w.WriteAll(records); err != nil {
		return err
	}
	raw, err := c.encoding.raw(b.String())
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(c.path+".new", raw, 0o600), os.Rename(c.path+".new", c.path))
}

func (c *clerk) Accounts(context.Context) ([]schema.Account, error) {
	records, err := c.records()
	if err != nil {
		return nil, err
	}
	var all []schema.Account
	for _, cells := range records[1:] {
		value := func(column string) string {
			v := cells[slices.Index(records[0], column)]
			if c.guard && len(v) > 1 && v[0] == '\'' && strings.Contains("=+-@", v[1:2]) {
				v = v[1:]
			}
			return v
		}
		a := schema.Account{Active: true, Attributes: map[string]string{}}
		for path, column := range c.columns {
			a.Attributes[path] = value(column)
		}
		if a.RemoteID = a.Attributes["userName"]; c.id != "" && value(c.id) != "" {
			a.RemoteID = value(c.id)
		}
		if c.active != "" {
			a.Active = value(c.active) != c.off
		}
		if list := value(c.entitlements); list != "" {
			a.Entitlements = strings.Split(list, c.separator)
		}
		all = append(all, a)
	}
	return all, nil
}

func (c *clerk) Put(ctx context.Context, a schema.Account) (schema.Account, error) {
	records, err := c.records()
	if err != nil {
		return a, err
	}
	cells := make([]string, len(records[0]))
	set := func(column, value string) {
		if column != "" {
			cells[slices.Index(records[0], column)] = value
		}
	}
	for path, column := range c.columns {
		set(column, a.Attributes[path])
	}
	a.RemoteID = a.Attributes["userName"]
	set(c.active, map[bool]string{true: c.on, false: c.off}[a.Active])
	set(c.entitlements, strings.Join(a.Entitlements, c.separator))
	return a, c.save(append(records, cells))
}

func (c *clerk) Remove(_ context.Context, id string) error {
	records, err := c.records()
	if err != nil {
		return err
	}
	kept := slices.DeleteFunc(records[1:], func(cells []string) bool {
		return cells[slices.Index(records[0], c.columns["userName"])] == id || c.id != "" && cells[slices.Index(records[0], c.id)] == id
	})
	return c.save(append(records[:1:1], kept...))
}

// table returns a table of the text, and its path.
func table(t *testing.T, text string, options map[string]string) (*Table, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return mustOpenTable(t, path, options, connectors.DeactivateActive), path
}

// columns are the least that a table can do with.
var columns = map[string]string{
	"column.userName": "login", "column.displayName": "", "column.name.givenName": "", "column.name.familyName": "", "column.emails.value": "",
	"column.title": "title", "column.department": "", "activeColumn": "works here", "activeValue": "yes", "inactiveValue": "no",
	"entitlementsColumn": "doors", "delimiter": ";", "separator": ",", "lineEnd": "lf",
}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestTableKeepsWhatIsNotOurs changes what it has to, and leaves other columns,
// other people, and other ways to write the same.
func TestTableKeepsWhatIsNotOurs(t *testing.T) {
	c, path := table(t, "phone;login;title;works here;doors\n"+
		"1;ada;Engineer;YES;Roof, Lab\n"+
		"2;bob;\"says \"\"hi\"\"; and more\";perhaps;\n", columns)
	ada := map[string]string{"userName": "ada", "title": "Engineer", "externalId": "has no column"}
	before, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: ada, Entitlements: []string{"Lab", "Roof"}})
	if err != nil || !before.Adopted || text(t, path) == "" {
		t.Fatalf("Apply: %v, %v, want it adopted", before, err)
	}
	if got, want := text(t, path), "phone;login;title;works here;doors\n1;ada;Engineer;YES;Roof, Lab\n"; !strings.HasPrefix(got, want) {
		t.Errorf("nothing was to be done, and it is written as\n%s", got)
	}
	before.Managed = []string{"Lab", "Roof"}
	if _, err := c.Apply(t.Context(), before, schema.Account{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: map[string]string{"userName": "Eve"}, Entitlements: []string{"Lab"}}); err != nil {
		t.Fatal(err)
	}
	want := "phone;login;title;works here;doors\n" +
		"1;ada;Engineer;no;\n" +
		"2;bob;\"says \"\"hi\"\"; and more\";perhaps;\n" +
		";Eve;;yes;Lab\n"
	if diff := cmp.Diff(want, text(t, path)); diff != "" {
		t.Errorf("the table (-want +got):\n%s", diff)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("its permissions are %v, %v, want them kept", info.Mode(), err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
	bob, err := c.Read(t.Context(), "bob")
	if err != nil || !bob.Active {
		t.Errorf("bob works here, perhaps: %v, %v, want him active: only what says no is not", bob, err)
	}
}

// TestTableIsReadAgain decides by the file that is there, and takes no file that
// is half written for one without people.
func TestTableIsReadAgain(t *testing.T) {
	const head = "login;title;works here;doors\n"
	c, path := table(t, head+"ada;;yes;\n", columns)
	replace := func(text string) {
		if err := errors.Join(os.WriteFile(path+".new", []byte(text), 0o600), os.Rename(path+".new", path)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Read(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	replace(head + "bob;;yes;\n")
	if _, err := c.Read(t.Context(), "ada"); connectors.KindOf(err) != connectors.Gone {
		t.Errorf("read who was taken out: %v, want Gone", err)
	}
	for name, wrong := range map[string]struct{ text, want string }{
		"nothing":          {"", "it is empty"},
		"half a line":      {head + "ada;;y", "ends within a line"},
		"half a row":       {head + "ada;;yes\n", "wrong number of fields"},
		"a quote too many": {head + "ada;\"x;yes;\n", "quote"},
		"another table":    {"name;city\nx;y\n", `no column "login"`},
		"a column twice":   {"login;title;works here;doors;login\n", `two columns "login"`},
		"another encoding": {head + "K\xf6ln;;yes;\n", "not UTF-8"},
		"no file":          {"-", "not there"},
	} {
		replace(wrong.text)
		if wrong.text == "-" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		_, errRead := c.Read(t.Context(), "bob")
		_, errApply := c.Apply(t.Context(), schema.Account{RemoteID: "bob", Active: true}, schema.Account{})
		for _, err := range []error{errRead, errApply} {
			if err == nil || connectors.KindOf(err) != connectors.Transient || !strings.Contains(err.Error(), wrong.want) {
				t.Errorf("%s: %v, want an error that passes and says %q", name, err, wrong.want)
			}
		}
		for _, err := range c.List(t.Context()) {
			if err == nil {
				t.Errorf("%s: somebody is listed", name)
			}
		}
	}
	replace(head + "bob;;yes;\n")
	if err := c.Probe(t.Context()); err != nil {
		t.Errorf("when it is there again: %v", err)
	}
}

// TestTableTwice does what is clear although something is not, and lists nobody.
func TestTableTwice(t *testing.T) {
	c, path := table(t, "login;title;works here;doors\nada;;yes;Lab\nADA;;yes;\n;;yes;\nbob;;yes;Lab\n", columns)
	all := []string{"Lab"}
	if _, err := c.Apply(t.Context(), schema.Account{RemoteID: "bob", Active: true, Managed: all}, schema.Account{}); err != nil {
		t.Errorf("disable bob: %v, want it done: it is clear who is meant", err)
	}
	if !strings.Contains(text(t, path), "bob;;no;\n") {
		t.Errorf("bob is not disabled:\n%s", text(t, path))
	}
	_, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: map[string]string{"userName": "Ada"}})
	if connectors.KindOf(err) != connectors.Exists || !strings.Contains(err.Error(), "lines 2 and 3") {
		t.Errorf("adopt one of two: %v, want an error that says which", err)
	}
	_, err = c.Apply(t.Context(), schema.Account{RemoteID: "bob"}, schema.Account{Active: true, Attributes: map[string]string{"userName": "ada"}})
	if connectors.KindOf(err) != connectors.Exists {
		t.Errorf("rename to what others have: %v, want Exists", err)
	}
	if err := c.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "line 4 has no login") {
		t.Errorf("Probe: %v, want it to name the line of nobody", err)
	}
	for _, err := range c.List(t.Context()) {
		if err == nil {
			t.Error("somebody is listed of a table that is not clear")
		}
	}
}

// TestTableRefuses what would not be read as it was written.
func TestTableRefuses(t *testing.T) {
	options := maps.Clone(columns)
	options["encoding"] = "windows-1252"
	c, path := table(t, "login;title;works here;doors\n", options)
	for name, want := range map[string]schema.Account{
		"a letter":        {Attributes: map[string]string{"userName": "ada", "title": "東京"}},
		"a door's letter": {Attributes: map[string]string{"userName": "ada"}, Entitlements: []string{"東"}},
		"a separator":     {Attributes: map[string]string{"userName": "ada"}, Entitlements: []string{"Building, all hours"}},
		"no user name":    {Attributes: map[string]string{"title": "x"}},
	} {
		want.Active = true
		if _, err := c.Apply(t.Context(), schema.Account{}, want); connectors.KindOf(err) != connectors.Permanent || err == nil {
			t.Errorf("%s: %v, want a permanent error", name, err)
		}
	}
	if _, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: map[string]string{"userName": "Zoë €"}}); err != nil {
		t.Fatal(err)
	}
	if got := text(t, path); got != "login;title;works here;doors\nZo\xeb \x80;;yes;\n" {
		t.Errorf("written as %q", got)
	}
}

// TestSpreadsheet keeps a spreadsheet from taking what people are called for formulas.
func TestSpreadsheet(t *testing.T) {
	options := maps.Clone(columns)
	options["spreadsheet"] = "true"
	c, path := table(t, "login;title;works here;doors\n", options)
	for i, title := range []string{`=HYPERLINK("http://x")`, "+49 221", "-", "@x", "'=1", "''=1", "'quoted'", "plain", "\t=1"} {
		want := schema.Account{Active: true, Attributes: map[string]string{"userName": fmt.Sprint("p", i), "title": title}}
		got, err := c.Apply(t.Context(), schema.Account{}, want)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := c.Read(t.Context(), got.RemoteID); err != nil || again.Attributes["title"] != title {
			t.Errorf("%q is read back as %q, %v", title, again.Attributes["title"], err)
		}
	}
	r := csv.NewReader(strings.NewReader(text(t, path)))
	r.Comma = ';'
	records, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, cells := range records[1:] {
		if strings.ContainsAny(cells[1][:1], formulas) {
			t.Errorf("a spreadsheet takes %q for a formula", cells[1])
		}
	}
}

// A slowShelf replaces only when it is told to.
type slowShelf struct {
	shelf

	writes int
	goOn   chan func()
}

func (s *slowShelf) replace(raw []byte) (stamp, error) {
	s.writes++
	if before := <-s.goOn; before != nil {
		before()
	}
	return s.shelf.replace(raw)
}

// TestTableWritesAreShared lets ten changes come while one is being written: they
// are written together.
func TestTableWritesAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := mustOpenTable(t, filepath.Join(t.TempDir(), "people.csv"), nil, connectors.DeactivateActive)
		s := &slowShelf{shelf: c.shelf, goOn: make(chan func())}
		c.shelf = s
		const people = 11
		errs := make(chan error, people)
		for n := range people {
			go func() {
				_, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: connectortest.Person(n)})
				errs <- err
			}()
			if n == 0 {
				synctest.Wait() // the first is being written
			}
		}
		synctest.Wait()
		close(s.goOn)
		for range people {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if s.writes != 2 {
			t.Errorf("%d writes for %d changes, want 2", s.writes, people)
		}
		n := 0
		for _, err := range c.List(t.Context()) {
			if n++; err != nil {
				t.Fatal(err)
			}
		}
		if n != people {
			t.Errorf("%d are listed, want %d", n, people)
		}
	})
}

// TestTableSomebodyElse lets others save the file between a change's being decided
// and its being written: what they saved stays, and the change is made to that.
func TestTableSomebodyElse(t *testing.T) {
	c, path := table(t, "login;title;works here;doors\nada;;yes;\n", columns)
	s := &meddled{shelf: c.shelf}
	c.shelf = s
	s.before = func() {
		other := strings.Replace(text(t, path), "ada;;", "ada;Boss;", 1) + "bob;;yes;\n"
		if err := errors.Join(os.WriteFile(path+".new", []byte(other), 0o600), os.Rename(path+".new", path)); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Apply(t.Context(), schema.Account{RemoteID: "ada", Active: true}, schema.Account{}); err != nil {
		t.Fatal(err)
	}
	if got, want := text(t, path), "login;title;works here;doors\nada;Boss;no;\nbob;;yes;\n"; got != want {
		t.Errorf("the table is\n%swant\n%s", got, want)
	}
}

// A meddled shelf has something done before it first says what lies on it while
// something is being written.
type meddled struct {
	shelf

	stamps int
	before func()
}

func (m *meddled) stamp() (stamp, error) {
	if m.stamps++; m.stamps == 1 {
		m.before()
	}
	return m.shelf.stamp()
}

func TestTableMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		options    map[string]string
		deactivate connectors.Deactivate
		want       string
	}{
		"unknown":          {map[string]string{"colour": "red"}, "", `unknown option "colour"`},
		"no path":          {map[string]string{"path": ""}, "", "option path is empty"},
		"no such encoding": {map[string]string{"encoding": "ebcdic"}, "", `option encoding is "ebcdic"`},
		"no delimiter":     {map[string]string{"delimiter": "||"}, "", `option delimiter is "||"`},
		"a quote":          {map[string]string{"delimiter": `"`}, "", "option delimiter is"},
		"no line end":      {map[string]string{"lineEnd": "\n"}, "", "option lineEnd"},
		"no separator":     {map[string]string{"separator": ""}, "", "option separator"},
		"no flag":          {map[string]string{"spreadsheet": "yes"}, "", `option spreadsheet is "yes"`},
		"no user name":     {map[string]string{"column.userName": ""}, "", "column.userName"},
		"never disabled":   {map[string]string{"activeColumn": ""}, connectors.DeactivateActive, "deactivate: delete"},
		"on is off":        {map[string]string{"activeValue": "No", "inactiveValue": "no"}, "", "are to differ"},
		"one column":       {map[string]string{"column.title": "active"}, "", `both name the column "active"`},
		"a fixed one":      {map[string]string{"fixed.email": "x"}, "", `both name the column "email"`},
		"another format":   {map[string]string{"format": "xlsx"}, "", `option format is "xlsx"`},
	} {
		o := map[string]string{"format": "csv", "path": "people.csv"}
		maps.Copy(o, c.options)
		profile := connectors.DefaultProfile()
		profile.Deactivate = c.deactivate
		if c.deactivate == "" {
			profile.Deactivate = connectors.DeactivateActive
		}
		_, err := Unopened(connectors.Config{Kind: "file", Options: o, Profile: profile})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestThePageKnowsTheOptions holds the connector's page to the options there are.
func TestThePageKnowsTheOptions(t *testing.T) {
	page := text(t, filepath.Join("..", "..", "docs", "connectors", "file.md"))
	for name, value := range tableDefaults {
		if row := "\n| `" + name + "` | `" + value + "` |"; !strings.Contains(page, row) {
			t.Errorf("the page has no row %q", strings.TrimSpace(row))
		}
	}
}

// FuzzTable reads any table, and what is read is written and read as the same.
func FuzzTable(f *testing.F) {
	for _, text := range []string{
		"userName,displayName,givenName,familyName,email,title,department,active,entitlements\r\n\"a\"\"b\",x,,,,\"one\ntwo\",,FALSE,a; b\r\n",
		"\xEF\xBB\xBFuserName,displayName,givenName,familyName,email,title,department,active,entitlements,more\n,,,,,'=1,,,,\n", "", "x\n",
	} {
		f.Add([]byte(text), true)
	}
	match := []string{"userName", "emails.value"}
	f.Fuzz(func(t *testing.T, raw []byte, guard bool) {
		l, err := readLayout(connectors.Config{Options: map[string]string{"path": "x", "spreadsheet": fmt.Sprint(guard)}, Profile: connectors.DefaultProfile()})
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.parse(raw, match)
		if err != nil {
			return
		}
		written, err := s.render()
		if err != nil {
			t.Fatal(err)
		}
		again, err := l.parse(written, match)
		if err != nil {
			t.Fatalf("%q is written as %q, which is refused: %v", raw, written, err)
		}
		for i, r := range s.rows {
			if diff := cmp.Diff(r.account, again.rows[i].account); diff != "" {
				t.Fatalf("%q is written as %q, which is another account (-before +after):\n%s", raw, written, diff)
			}
		}
	})
}

// BenchmarkTable changes one row of ten thousand, from eight workers at once.
func BenchmarkTable(b *testing.B) {
	const people = 10_000
	path := filepath.Join(b.TempDir(), "people.csv")
	l, err := readLayout(connectors.Config{Options: map[string]string{"path": path}, Profile: connectors.DefaultProfile()})
	if err != nil {
		b.Fatal(err)
	}
	s := l.empty([]string{"userName"})
	for n := range people {
		s.add(schema.Account{RemoteID: connectortest.Person(n)["userName"], Active: true, Attributes: connectortest.Person(n)})
	}
	raw, err := s.render()
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		b.Fatal(err)
	}
	c, err := Open(connectors.Options{Config: connectors.Config{Options: map[string]string{"format": "csv", "path": path}}})
	if err != nil {
		b.Fatal(err)
	}
	var group sync.WaitGroup
	for b.Loop() {
		for n := range 8 {
			group.Go(func() {
				person := connectortest.Person(n)
				have := schema.Account{RemoteID: person["userName"]}
				got, err := c.(*Table).Read(b.Context(), have.RemoteID)
				if err == nil {
					_, err = c.Apply(b.Context(), have, schema.Account{Active: !got.Active, Attributes: person})
				}
				if err != nil {
					b.Error(err)
				}
			})
		}
		group.Wait()
	}
}
