package access

import (
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// What a source says beyond its authority or its scope is kept, so that it reads back
// what it wrote and does not say it again; no rule reads it, and the log has it as ignored.

// beyondAuthority records what a source says of somebody new, and may not say. What no
// record is without, a name and that somebody is there, is not meant to be said.
func beyondAuthority(tx store.Tx, p Provenance, id schema.Identity) error {
	if p.Book.SaysAll(p.Source) {
		return nil
	}
	names := slices.DeleteFunc(Beyond(p.Book, id), func(name string) bool {
		return name == "userName" || name == "active" && id.Active
	})
	if len(names) == 0 {
		return nil
	}
	return ignored(tx, p, id, "no authority for "+strings.Join(names, ", "))
}

// beyondScope records that a source told of somebody beyond its scope. The record is
// kept, so that it does not tell again, and counts for nothing.
func beyondScope(tx store.Tx, p Provenance, id schema.Identity) error {
	if err := ignored(tx, p, id, "beyond the scope of its source"); err != nil {
		return err
	}
	return Report(tx, p.Book, p.actor(), schema.Finding{
		Kind: findingScope, Subject: "source/" + p.Source, Reason: "the source tells of identities beyond its scope; they are recorded, and hold nothing",
	})
}

// ignored records that a source spoke beyond its authority.
func ignored(tx store.Tx, p Provenance, id schema.Identity, why string) error {
	_, err := tx.Record(schema.Decision{
		Actor: p.actor(), Verb: schema.Ignored, Subject: id.Base(), Object: recordOf(id), Policy: p.Book.Digest(), Reason: why, Because: because(p),
	})
	return err
}

// beyond returns those of the attributes that the source has no authority for.
func beyond(p Provenance, attributes []string) []string {
	var names []string
	for _, a := range attributes {
		if !p.Book.Authority(p.Source, a) {
			names = append(names, a)
		}
	}
	return names
}

// Beyond names the attributes in a record that its source has no authority to say,
// sorted. They are there for the source to read back.
func Beyond(book *policy.Book, rec schema.Identity) []string {
	all, err := flatten(rec.Resource)
	if err != nil {
		return nil
	}
	var names []string
	for path := range all {
		names = append(names, nameAt(path))
	}
	return beyond(Provenance{Source: rec.Source, Book: book}, schema.Sorted(names...))
}
