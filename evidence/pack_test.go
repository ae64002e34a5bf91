package evidence_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/note"

	"drawbridge/audit"
	"drawbridge/evidence/pack"
)

// A pack in memory, to be changed by somebody who has the key of the log, or has not.
type forgery struct {
	t     *testing.T
	files map[string]string
}

// mapped is the pack as a file system.
func (f forgery) mapped() fstest.MapFS {
	all := fstest.MapFS{}
	for name, text := range f.files {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

// resign makes the manifest agree with the files, and signs it.
func (f forgery) resign(signer note.Signer, change func(*pack.Manifest)) {
	f.t.Helper()
	var m pack.Manifest
	if err := json.Unmarshal([]byte(f.files[pack.ManifestFile]), &m); err != nil {
		f.t.Fatal(err)
	}
	m.Files = nil
	for name, text := range f.files {
		if name != pack.ManifestFile && name != pack.SignatureFile {
			m.Files = append(m.Files, pack.FileOf(name, []byte(text)))
		}
	}
	if change != nil {
		change(&m)
	}
	text, err := m.Encode()
	if err != nil {
		f.t.Fatal(err)
	}
	signed, err := pack.Sign(text, m.Log, signer)
	if err != nil {
		f.t.Fatal(err)
	}
	f.files[pack.ManifestFile], f.files[pack.SignatureFile] = string(text), string(signed)
}

// line replaces a line of a file, counted from 0, by what becomes of it; nothing takes
// it away.
func (f forgery) line(name string, n int, change func(string) string) {
	f.t.Helper()
	lines := strings.SplitAfter(f.files[name], "\n")
	if len(lines) <= n {
		f.t.Fatalf("%s has %d lines", name, len(lines))
	}
	lines[n] = change(lines[n])
	f.files[name] = strings.Join(lines, "")
}

func (f forgery) proofs() (names []string) {
	for name := range f.files {
		if strings.HasPrefix(name, "proofs/") {
			names = append(names, name)
		}
	}
	return names
}

// TestTampering changes a pack in every way there is, without the key and with it, and
// asks whether it shows. R-LOG-3.
func TestTampering(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		request := w.request("soc2")
		request.From = w.begun.Add(time.Second / 2) // so that a checkpoint is before it
		genuine := tree(t, w.make(request))
		stranger, _ := keys(t, 2)
		const table, sample = "populations/joiners.csv", "samples/joiners.csv"
		nothing := func(string) string { return "" }
		edit := func(line string) string { return strings.Replace(line, "person", "nobody", 1) }
		for _, c := range []struct {
			name   string
			change func(f forgery)
			fault  string
		}{
			{"as it was made", func(forgery) {}, ""},
			{"a row edited", func(f forgery) { f.line(table, 1, edit) }, table + " is not what the manifest says"},
			{"a row removed", func(f forgery) { f.line(table, 2, nothing) }, table + " is not what the manifest says"},
			{"a row added", func(f forgery) { f.files[table] += strings.SplitAfter(f.files[table], "\n")[1] }, table + " is not what the manifest says"},
			{"a sample swapped", func(f forgery) { f.files[sample] = f.files["samples/leavers.csv"] }, sample + " is not what the manifest says"},
			{"a file removed", func(f forgery) { delete(f.files, "README.md") }, "README.md"},
			{"a file added", func(f forgery) { f.files["more.txt"] = "more" }, "more.txt is not in the manifest"},
			{"the manifest edited", func(f forgery) {
				f.files[pack.ManifestFile] = strings.Replace(f.files[pack.ManifestFile], "soc2", "soc3", 1)
			}, "changed since it was signed"},
			{"the manifest made anew with another key", func(f forgery) { f.line(table, 1, edit); f.resign(stranger, nil) }, "not signed by this key"},
			{"the checkpoint of another log", func(f forgery) {
				other := audit.Checkpoint{Origin: "other.example/log", Size: 1000}
				f.files[pack.EndFile] = sign(t, other, w.signer)
				f.resign(w.signer, nil)
			}, pack.EndFile + " is of 1000 entries of log other.example/log"},
			{"a checkpoint that somebody else signed", func(f forgery) {
				c, err := audit.Read([]byte(f.files[pack.EndFile]))
				if err != nil {
					t.Fatal(err)
				}
				f.files[pack.EndFile] = sign(t, c, stranger)
				f.resign(w.signer, nil)
			}, pack.EndFile},
			{"a checkpoint of a log that was rewritten", func(f forgery) {
				c, err := audit.Read([]byte(f.files[pack.EndFile]))
				if err != nil {
					t.Fatal(err)
				}
				c.Root[0]++
				f.files[pack.EndFile] = sign(t, c, w.signer)
				f.resign(w.signer, nil)
			}, pack.ConsistencyFile + " is not about the checkpoints"},
			{"with the key, rows edited and signed again", func(f forgery) {
				f.files[table] = strings.ReplaceAll(f.files[table], "person", "nobody")
				f.resign(w.signer, nil)
			}, "is not as it is in its population"},
			{"with the key, a row edited in the sample too", func(f forgery) {
				for n := range len(strings.Split(f.files[table], "\n")) - 1 {
					f.line(table, n, func(l string) string { return strings.Replace(l, ",created,", ",updated,", 1) })
				}
				for n := range len(strings.Split(f.files[sample], "\n")) - 1 {
					f.line(sample, n, func(l string) string { return strings.Replace(l, ",created,", ",updated,", 1) })
				}
				f.resign(w.signer, nil)
			}, `reason is "updated", and entry`},
			{"with the key, a row removed", func(f forgery) { f.line(table, 2, nothing); f.resign(w.signer, nil) }, "population joiners has 11 rows"},
			{"with the key, a row removed and counted", func(f forgery) {
				removed := f.drawn(sample)
				f.files[table] = without(f.files[table], removed)
				f.resign(w.signer, func(m *pack.Manifest) {
					for i := range m.Populations {
						if m.Populations[i].Name == "joiners" {
							m.Populations[i].Rows--
						}
					}
				})
			}, "is not what the seed draws"},
			{"with the key, a sample of one's choice", func(f forgery) { f.choose(table, sample); f.resign(w.signer, nil) }, "is not what the seed draws"},
			{"with the key, another seed", func(f forgery) { f.resign(w.signer, func(m *pack.Manifest) { m.Seed = "mine" }) }, "is not what the seed draws"},
			{"with the key, the proof of another entry", func(f forgery) {
				names := f.proofs()
				f.files[names[0]] = f.files[names[1]]
				f.resign(w.signer, nil)
			}, "is the proof of another entry"},
			{"with the key, the proof of another leaf", func(f forgery) {
				for _, name := range f.proofs() {
					f.files[name] = strings.Replace(f.files[name], `\"created\"`, `\"updated\"`, 1)
				}
				f.resign(w.signer, nil)
			}, "not what was signed"},
			{"with the key, without a proof", func(f forgery) { delete(f.files, f.proofs()[0]); f.resign(w.signer, nil) }, "proofs/"},
		} {
			f := forgery{t, maps.Clone(genuine)}
			c.change(f)
			_, err := pack.Verify(f.mapped(), w.public)
			switch {
			case c.fault == "" && err != nil:
				t.Errorf("%s: got %v, want no fault", c.name, err)
			case c.fault != "" && (!errors.Is(err, pack.ErrTampered) || !strings.Contains(err.Error(), c.fault)):
				t.Errorf("%s: got %v, want ErrTampered with %q", c.name, err, c.fault)
			}
		}
	})
}

func sign(t *testing.T, c audit.Checkpoint, signer note.Signer) string {
	t.Helper()
	signed, err := c.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

// drawn is the id of the first row of a sample.
func (f forgery) drawn(sample string) (id string) {
	id, _, _ = strings.Cut(strings.Split(f.files[sample], "\n")[1], ",")
	return id
}

// without is a table without the row with an id.
func without(table, id string) string {
	var kept []string
	for _, line := range strings.SplitAfter(table, "\n") {
		if !strings.HasPrefix(line, id+",") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// choose puts a row in place of the first one drawn, that was not drawn.
func (f forgery) choose(table, sample string) {
	for _, line := range strings.SplitAfter(f.files[table], "\n")[1:] {
		if line != "" && !strings.Contains(f.files[sample], line) {
			f.line(sample, 1, func(string) string { return line })
			return
		}
	}
}
