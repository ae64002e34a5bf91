package store

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"drawbridge/schema"
)

// TestReading holds what is decoded here against what encoding/json makes of it:
// of any record, the same; and of one whose every field is set, without its help,
// so that a field that is new is not forgotten.
func TestReading(t *testing.T) {
	t.Run("identities", func(t *testing.T) { reads(t, Identities) })
	t.Run("groups", func(t *testing.T) { reads(t, Groups) })
	t.Run("grants", func(t *testing.T) { reads(t, Grants) })
	t.Run("assignments", func(t *testing.T) { reads(t, Assignments) })
	t.Run("accounts", func(t *testing.T) { reads(t, Accounts) })
	t.Run("windows", func(t *testing.T) { reads(t, Windows) })
}

func reads[R any](t *testing.T, c *Collection[R]) {
	var full R
	fill(reflect.ValueOf(&full).Elem(), nil)
	value, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	var want R // what is never kept (json:"-") is not there
	if err := json.Unmarshal(value, &want); err != nil {
		t.Fatal(err)
	}
	var got R
	if ok := c.all.read(nil, value, &got); !ok || !cmp.Equal(got, want) {
		t.Errorf("%s: it was not read (%v); is there a field that decode.go does not know? %s", value, ok, cmp.Diff(want, got))
	}
	for n := range value {
		if c.all.read(nil, value[:n], &got) {
			t.Errorf("%s: it was cut short, and read as %+v", value[:n], got)
		}
	}
	for _, damaged := range damages(value) {
		readsAsJSON(t, c, damaged)
	}
	rapid.Check(t, func(r *rapid.T) {
		var rec, want R
		fill(reflect.ValueOf(&rec).Elem(), r)
		value, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(value, &want); err != nil {
			t.Fatal(err)
		}
		var got R
		err = c.all.decode(nil, value, &got)
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: %v: %s", value, err, cmp.Diff(want, got))
		}
	})
}

// TestTold holds what is read of a record to know whose it is against all of it.
func TestTold(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var rec, is schema.Identity
		fill(reflect.ValueOf(&rec).Elem(), r)
		if rapid.Bool().Draw(r, "there") {
			rec.Deleted = time.Time{}
		}
		value, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(value, &is); err != nil {
			t.Fatal(err)
		}
		for _, source := range []string{"", "hr", is.Source} {
			told, gone, err := Told(reading(Identities.all.name, value), source, rec.ID)
			if err != nil || told != (is.Source == source) || gone != is.Gone() {
				t.Errorf("%s: told by %q: %v, gone %v, %v", value, source, told, gone, err)
			}
		}
	})
	if told, _, err := Told(reading("other", nil), "hr", "1"); told || err != nil {
		t.Errorf("of nobody: %v, %v", told, err)
	}
}

// reading is a reader of a table in which every key has one value.
func reading(table string, value []byte) Reader {
	return &transaction{txn: single{table: table, value: value}}
}

type single struct {
	Txn
	table string
	value []byte
}

func (s single) Get(table string, keys ...[]byte) ([][]byte, error) {
	if table != s.table {
		return make([][]byte, len(keys)), nil
	}
	return [][]byte{s.value}, nil
}

// TestWriting holds records that are encoded here against those of encoding/json.
func TestWriting(t *testing.T) {
	t.Run("members", func(t *testing.T) { writes(t, Members) })
	t.Run("accounts", func(t *testing.T) { writes(t, Accounts) })
	if _, ok := writeMember(nil, schema.Member{Group: "01999999-9999-7999-8999-999999999999", Member: "2"}); !ok {
		t.Error("an edge is left to encoding/json")
	}
	var full schema.Account
	fill(reflect.ValueOf(&full).Elem(), nil)
	if _, ok := writeAccount(nil, full); !ok {
		t.Error("an account is left to encoding/json")
	}
}

func writes[R any](t *testing.T, c *Collection[R]) {
	rapid.Check(t, func(r *rapid.T) {
		var rec R
		fill(reflect.ValueOf(&rec).Elem(), r)
		want, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		var room slab
		before := room.clone([]byte("before"))
		got, err := c.all.encode(&room, &rec)
		after := room.clone([]byte("after"))
		if err != nil || !bytes.Equal(got, want) || string(before) != "before" || string(after) != "after" {
			t.Errorf("%s, %v; want %s, between %s and %s", got, err, want, before, after)
		}
	})
}

// damages are a value with a byte of it that is another, that is gone, or that stands
// there twice.
func damages(value []byte) (all [][]byte) {
	for n := range value {
		for _, c := range []byte("\x00\x1f \"\\{}[],:-+.0e1nxtu/\x7f\x80\xff") {
			damaged := bytes.Clone(value)
			damaged[n] = c
			all = append(all, damaged)
		}
		all = append(all, slices.Concat(value[:n], value[n+1:]), slices.Concat(value[:n+1], value[n:]))
	}
	return all
}

// readsAsJSON holds what is read, if it is, against what encoding/json makes of it.
func readsAsJSON[R any](t *testing.T, c *Collection[R], value []byte) {
	t.Helper()
	var got, want R
	if !c.all.read(nil, value, &got) {
		return
	}
	if err := c.all.parse(nil, value, &want); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%q was read, and encoding/json says %v: %s", value, err, cmp.Diff(want, got))
	}
}

// FuzzReading is the same of anything.
func FuzzReading(f *testing.F) {
	for _, seed := range []string{`{}`, `{"id":"a","resource":{"a":[1,"}"],"b":null}}`, `{"resource":{"a":"\u00e9\n"}}`, `{"because":null}`, `{"resource":-0.5e+7}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		readsAsJSON(t, Identities, value)
		readsAsJSON(t, Grants, value)
		readsAsJSON(t, Assignments, value)
		readsAsJSON(t, Accounts, value)
	})
}

// fill sets every field of a record, to what the generator draws where there is one.
func fill(v reflect.Value, r *rapid.T) {
	some := func(most int) int {
		if r == nil {
			return most
		}
		return rapid.IntRange(0, most).Draw(r, "some")
	}
	switch v.Interface().(type) {
	case json.RawMessage:
		raw := `{"a":[{"b":"}\\\""},-1.5e3,null,true,[]],"c":{}}`
		if r != nil {
			raw = rapid.SampledFrom([]string{raw, `null`, `{}`, `{"name":{"familyName":"O'\"<&"},"x":"\\"}`, `[]`}).Draw(r, "raw")
		}
		v.SetBytes([]byte(raw))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(1_700_000_000, int64(some(999_999_999))).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		text := "text"
		if r != nil {
			text = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", `a "quoted" \`, "<&>", "\x00", "\xff", "Zoë", "\u2028", "\x7f"})).Draw(r, "text")
		}
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(some(1) == 1)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(some(1 << 40)))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), some(2), 2))
		for i := range v.Len() {
			fill(v.Index(i), r)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range some(1) {
			key, element := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, r)
			fill(element, r)
			v.SetMapIndex(key, element)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(field, r)
		}
	default:
		panic("a kind of field that no record has yet: " + v.Kind().String())
	}
}

// BenchmarkReading is what one record of each of the hot ones costs to decode.
func BenchmarkReading(b *testing.B) {
	resource := `{"userName":"ada.lovelace@example.com","name":{"familyName":"Lovelace","givenName":"Ada"},"emails":[{"value":"ada@example.com","type":"work","primary":true}],` +
		`"active":true,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Engineering","employeeNumber":"4711","manager":{"value":"0199"}}}`
	now := time.Now().UTC()
	i := schema.Identity{ID: "01999999-9999-7999-8999-999999999999", Source: "hr", Kind: schema.Human, UserName: "ada.lovelace@example.com", ExternalID: "4711",
		Email: "ada@example.com", Active: true, Resource: []byte(resource), Version: 3, Created: now, Modified: now}
	value, err := json.Marshal(i)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("identity", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := readIdentity(nil, value); !ok {
				b.Fatal("not read")
			}
		}
	})
	b.Run("identity by encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := Identities.all.parse(nil, value, new(schema.Identity)); err != nil {
				b.Fatal(err)
			}
		}
	})
	account := schema.Account{Connector: "wiki", Identity: i.ID, RemoteID: i.ID, Active: true, Entitlements: []string{"Readers"}, Managed: []string{"Readers"}, State: schema.Settled,
		Attributes: map[string]string{"userName": i.UserName, "displayName": "Ada Lovelace", "title": "", "emails.value": i.Email}, Observed: now,
		Last: schema.Change{Received: now, Decided: now, Sent: now, Acknowledged: now, Because: []string{i.ID}}}
	for name, write := range map[string]func() error{
		"account written":                  func() error { _, err := Accounts.all.encode(nil, &account); return err },
		"account written by encoding/json": func() error { _, err := json.Marshal(account); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := write(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("identity written", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(i); err != nil {
				b.Fatal(err)
			}
		}
	})
}
