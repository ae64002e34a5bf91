package connectors_test

import (
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// TestSetLastUsed reads what targets write for when an account was used last.
func TestSetLastUsed(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	at := func(year int, month time.Month, day, hour, minute, second int) time.Time {
		return time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	}
	for name, test := range map[string]struct {
		text    string
		behind  time.Duration
		want    time.Time
		unclear bool
	}{
		"RFC 3339":                  {text: "2026-11-02T08:30:00Z", want: at(2026, 11, 2, 8, 30, 0)},
		"with a zone":               {text: "2026-11-02T10:30:00+02:00", want: at(2026, 11, 2, 8, 30, 0)},
		"with a zone without colon": {text: "2026-11-02T10:30:00+0200", want: at(2026, 11, 2, 8, 30, 0)},
		"without a zone":            {text: "2026-11-02T08:30:00", want: at(2026, 11, 2, 20, 30, 0)},
		"of SQL":                    {text: "2026-11-02 08:30:00", want: at(2026, 11, 2, 20, 30, 0)},
		"of PostgreSQL":             {text: "2026-11-02 10:30:00+02", want: at(2026, 11, 2, 8, 30, 0)},
		"of a directory":            {text: "20261102083000Z", want: at(2026, 11, 2, 8, 30, 0)},
		"of Windows":                {text: "134069886000000000", want: at(2025, 11, 7, 11, 30, 0)},
		"seconds":                   {text: "1793608200", want: at(2026, 11, 2, 8, 30, 0)},
		"milliseconds":              {text: "1793608200000", want: at(2026, 11, 2, 8, 30, 0)},
		"a day, to its end":         {text: "2026-11-02", want: at(2026, 11, 3, 11, 59, 59)},
		"today, to now":             {text: "2026-11-27", want: now},
		"behind":                    {text: "2026-11-02T08:30:00Z", behind: 14 * 24 * time.Hour, want: at(2026, 11, 16, 8, 30, 0)},
		"behind, to now":            {text: "2026-11-20T08:30:00Z", behind: 14 * 24 * time.Hour, want: now},
		"a clock that is ahead":     {text: "2026-11-27T12:04:00Z", want: now},
		"nothing":                   {},
		"spaces":                    {text: "  "},
		"never, in words":           {text: "Never"},
		"never, of Windows":         {text: "0"},
		"never, in 1970":            {text: "1970-01-01T00:00:00.000Z", behind: 14 * 24 * time.Hour},
		"never, in the year 1":      {text: "0001-01-01T00:00:00Z"},
		"never, in 1601":            {text: "16010101000000.0Z"},
		"yet to come":               {text: "2026-11-27T12:06:00Z", unclear: true},
		"the end of Windows":        {text: "9223372036854775807", unclear: true},
		"tomorrow, where it is":     {text: "2026-11-28", want: now},
		"the day after tomorrow":    {text: "2026-11-29", unclear: true},
		"just now, in Tokyo":        {text: "2026-11-27 21:00:00", want: now},
		"the other end of a zone":   {text: "2026-11-28 02:06:00", unclear: true},
		"of Greenwich":              {text: "2026-11-02 08:30:00 GMT", want: at(2026, 11, 2, 8, 30, 0)},
		"a zone of several":         {text: "2026-11-02 08:30:00 PST", unclear: true},
		"a day, behind":             {text: "2026-11-02", behind: time.Hour, want: at(2026, 11, 3, 12, 59, 59)},
		"never, in 1900":            {text: "1900-01-01 00:00:00"},
		"never, less than nothing":  {text: "-1"},
		"a day of SAP":              {text: "20261127", unclear: true},
		"days since 1970":           {text: "20784", unclear: true},
		"days since 1900":           {text: "46353", unclear: true},
		"hours since 1970":          {text: "498828", unclear: true},
		"minutes since 1970":        {text: "29929680", unclear: true},
		"minutes, written out":      {text: "202611271200", unclear: true},
		"parts of a second, too":    {text: "20261127120000000", unclear: true},
		"words":                     {text: "a while ago", unclear: true},
		"a number that is too long": {text: "92233720368547758079223372036854775807", unclear: true},
		"no day":                    {text: "2026-13-40", unclear: true},
	} {
		t.Run(name, func(t *testing.T) {
			var a schema.Account
			connectors.SetLastUsed(&a, test.text, test.behind, now)
			if !a.LastUsed.Equal(test.want) || a.UseUnclear != test.unclear {
				t.Errorf("%q is %s, unclear: %v; want %s, %v", test.text, a.LastUsed, a.UseUnclear, test.want, test.unclear)
			}
		})
	}
}

// FuzzSetLastUsed never takes a time that is yet to come.
func FuzzSetLastUsed(f *testing.F) {
	for _, text := range []string{"", "0", "2026-11-02", "20261102083000Z", "134069886000000000", "9999-12-31T23:59:59Z", "-1", "292277026596-12-04"} {
		f.Add(text, int64(0))
	}
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string, behind int64) {
		var a schema.Account
		connectors.SetLastUsed(&a, text, max(0, time.Duration(behind)), now)
		if a.LastUsed.After(now) || a.UseUnclear && !a.LastUsed.IsZero() {
			t.Errorf("%q is %s, unclear: %v", text, a.LastUsed, a.UseUnclear)
		}
	})
}

// TestKindsThatDoNotTell refuses a profile that says where, for a kind that does not read it.
func TestKindsThatDoNotTell(t *testing.T) {
	p := connectors.DefaultProfile()
	p.LastUsed = "lastLogin"
	kinds := connectors.Kinds{"deaf": func(connectors.Options) (connectors.Connector, error) { return nil, nil }} //nolint:nilnil // it is never called
	if _, err := kinds.Open(connectors.Options{Config: connectors.Config{Name: "wiki", Kind: "deaf", Profile: p}}); err == nil {
		t.Error("a profile's lastUsed was passed over in silence")
	}
}
