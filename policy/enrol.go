package policy

import (
	"encoding/json"
	"slices"
	"strings"

	"drawbridge/schema"
)

// The register of machine identities is a source, of which nobody writes a document:
// what an NHI document says is a record of an identity, and joined with what other
// sources tell under the same name. Others say first what the workload is; the
// register is believed where nobody else says anything, and compared with them.

// RegisterSource is the name of the source that the register is, and ProtocolRegister
// how it speaks: by being published.
const (
	RegisterSource   = "register"
	ProtocolRegister = "register"
)

// byMachine is what machines are correlated by: that one source's name of it is in the
// register. No person goes by it.
const byMachine = "machine"

// lastOfAll is the rank of the register in whatever it says: others come first.
const lastOfAll = unclaimed / 2

// registerSays are the attributes that the register may say.
var registerSays = append([]string{"active", "kind", "userName", "displayName", "owner", "workload"}, workloadAttributes...)

// registerSource is what would be written of the register as a source.
func registerSource() *Source {
	return &Source{
		Header: Header{APIVersion: APIVersion, Kind: "Source", Metadata: Metadata{Name: RegisterSource, Title: "The register of machine identities"}},
		Spec: SourceSpec{
			Protocol: ProtocolRegister, Trust: Authoritative, AuthoritativeFor: registerSays, CorrelateBy: []string{byMachine},
			MassChange: MassChange{DeactivationsPerHour: 25, OnExceeded: "hold"},
		},
	}
}

// enrol puts the machine identities without an error on the register.
func (c *compiler) enrol() {
	b := c.book
	b.unregistered = map[string]Findings{}
	for _, n := range c.set.Registers.NHIs {
		if !c.bad[n.Ref()] {
			b.machines = append(b.machines, n)
			continue
		}
		var found Findings
		for _, f := range slices.Concat(c.set.found, c.found) {
			if f.Object == n.Ref() && f.Severity == Error {
				found = append(found, f)
			}
		}
		b.unregistered[strings.ToLower(n.Metadata.Name)] = found.sorted()
	}
	slices.SortFunc(b.machines, func(a, b *NHI) int {
		return strings.Compare(strings.ToLower(a.Metadata.Name), strings.ToLower(b.Metadata.Name))
	})
}

// Correlating returns all whose records are correlated, by name: the approved sources
// and the register.
func (b *Book) Correlating() []*Source {
	all := append(b.Sources(), b.sources[RegisterSource])
	slices.SortFunc(all, func(x, y *Source) int { return strings.Compare(x.Metadata.Name, y.Metadata.Name) })
	return all
}

// Enrolled reports whether the register has an entry of the name, in order or not: one
// that somebody spoilt is not one that somebody took off.
func (b *Book) Enrolled(name string) bool {
	n, wrong := b.Machine(name)
	return n != nil || wrong != nil
}

// Record returns the record that an entry of the register is.
func (n *NHI) Record() (schema.Identity, error) {
	says := map[string]any{"kind": n.Spec.Being(), "owner": n.Metadata.Owner.User}
	for _, said := range append(n.Spec.Workload.claims(), statement{"environment", n.Spec.Environment}) {
		if said.value != "" {
			says[said.name] = said.value
		}
	}
	resource := map[string]any{"userName": n.Metadata.Name, drawbridgeUser: says}
	if n.Metadata.Title != "" {
		resource["displayName"] = n.Metadata.Title
	}
	text, err := json.Marshal(resource)
	return schema.Identity{Kind: n.Spec.Being(), UserName: n.Metadata.Name, Active: true, Resource: text}, err
}
