package nhi

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// mostReported is how many lines the report has of each risk, and of each register,
// at most; the counts are of all.
const mostReported = 500

// A MachineReport is what an auditor reads of machine identities: a block for each of
// the ten risks.
type MachineReport struct {
	At       time.Time     `json:"at"`
	Policy   string        `json:"policy"`
	Machines int           `json:"machines"`
	Agents   int           `json:"agents"`
	Blocks   []RiskSection `json:"risks"`
}

// A RiskSection is what is known of one risk: which machines are at it, why and since
// when; how much of what there is; and what was decided about it.
type RiskSection struct {
	policy.Risk
	AtRisk   int            `json:"atRisk"` // machines
	Counts   map[string]int `json:"counts"` // of what is looked at
	Findings []RiskLine     `json:"findings"`
	Register []RiskLine     `json:"register"` // what stands as it should, for whoever asks
}

// A RiskLine is one thing that is known of one machine.
type RiskLine struct {
	Identity string    `json:"identity"`
	UserName string    `json:"userName"`
	What     string    `json:"what"`
	Reason   string    `json:"reason,omitempty"`
	Since    time.Time `json:"since,omitzero"` // since when the bridge knows
}

// Report looks at every machine identity.
func Report(r store.Reader, book *policy.Book) (MachineReport, error) {
	report := MachineReport{At: r.Now(), Policy: book.Digest()}
	for _, risk := range policy.Risks() {
		report.Blocks = append(report.Blocks, RiskSection{Risk: risk, Counts: map[string]int{}, Findings: []RiskLine{}, Register: []RiskLine{}})
	}
	for v, err := range All(r, book) {
		if err != nil {
			return report, err
		}
		if err := report.add(r, v); err != nil {
			return report, err
		}
	}
	report.accepted(book, r.Now())
	return report, report.ended(r)
}

func (m *MachineReport) block(id policy.RiskID) *RiskSection {
	i := slices.IndexFunc(m.Blocks, func(b RiskSection) bool { return b.ID == id })
	return &m.Blocks[i]
}

// add looks at one machine.
func (m *MachineReport) add(r store.Reader, v MachineView) error {
	m.Machines++
	if v.Kind == schema.Agent {
		m.Agents++
	}
	for i := range m.Blocks {
		b := &m.Blocks[i]
		at := false
		for _, risk := range v.Risks {
			if risk.Risk != b.ID {
				continue
			}
			at = true
			line := RiskLine{Identity: v.Identity, UserName: v.UserName, What: risk.Object, Reason: risk.Reason}
			f, err := store.Findings.Get(r, string(risk.Risk), "", v.Identity, risk.Object)
			if err != nil && !schema.IsNotFound(err) {
				return err
			}
			line.Since = f.First
			b.find(line)
		}
		if at {
			b.AtRisk++
		}
	}
	m.register(v)
	return nil
}

func (b *RiskSection) find(line RiskLine) {
	if b.Counts["findings"]++; len(b.Findings) < mostReported {
		b.Findings = append(b.Findings, line)
	}
}

func (b *RiskSection) enter(v MachineView, format string, args ...any) {
	if len(b.Register) < mostReported {
		b.Register = append(b.Register, RiskLine{Identity: v.Identity, UserName: v.UserName, What: fmt.Sprintf(format, args...)})
	}
}

// register is what there is of each machine, whether it is at risk or not.
func (m *MachineReport) register(v MachineView) {
	offboarding := m.block(policy.RiskOffboarding)
	offboarding.Counts["owner "+v.OwnerIs]++
	if v.Registered {
		offboarding.Counts["registered"]++
	}
	if vendor := v.Vendor; vendor != nil {
		b := m.block(policy.RiskThirdParty)
		b.Counts["third party"]++
		review := "never"
		if v.review != nil {
			review = "every " + v.review.Every.String()
		}
		b.enter(v, "%s, until %s, scopes %s, reviewed %s", vendor.Name, vendor.ContractEnd.UTC().Format(time.DateOnly), strings.Join(vendor.Scopes, " "), review)
	}
	for _, c := range v.Credentials {
		m.block(policy.RiskAuthentication).Counts[c.Type]++
		leaks := m.block(policy.RiskSecretLeakage)
		if leaks.Counts["credentials"]++; c.Ref != "" {
			leaks.Counts["kept elsewhere, by reference"]++
		}
		ages := m.block(policy.RiskLongLived)
		ages.Counts[age(c, m.At)]++
		if c.Why != "" {
			ages.Counts["to be changed"]++
		}
	}
	for _, h := range v.Holds {
		used := "nobody tells of its use"
		if !h.LastUsed.IsZero() {
			used = "last used on " + h.LastUsed.UTC().Format(time.DateOnly)
		}
		b := m.block(policy.RiskOverprivileged)
		b.Counts["entitlements"]++
		b.enter(v, "holds %s, %s", h.Entitlement, used)
	}
	if c := v.claims; c.Issuer != "" {
		b := m.block(policy.RiskDeployment)
		b.Counts["trusted by token"]++
		b.enter(v, "issuer %s, audience %s, subject %s", c.Issuer, c.Audience, c.Subject)
	}
	if v.Environment != "" {
		m.block(policy.RiskEnvironment).Counts[v.Environment]++
	}
	reuse := m.block(policy.RiskReuse)
	switch len(v.UsedBy) {
	case 0:
		reuse.Counts["used by nobody knows whom"]++
	case 1:
		reuse.Counts["used by one"]++
	default:
		reuse.Counts["used by several"]++
	}
}

// age is which part of the histogram of ages a credential is in.
func age(c CredentialView, now time.Time) string {
	if c.Type == "federated" {
		return "no secret"
	}
	if !c.Known {
		return "age not known"
	}
	for _, days := range []int{30, 90, 365} {
		if now.Sub(c.Since) <= time.Duration(days)*24*time.Hour {
			return fmt.Sprintf("up to %d days", days)
		}
	}
	return "over 365 days"
}

// accepted adds the exceptions by which somebody accepted a risk, and until when.
func (m *MachineReport) accepted(book *policy.Book, now time.Time) {
	for _, x := range book.Exceptions() {
		if x.Spec.Waives.NHI == "" {
			continue
		}
		b := m.block(x.Spec.Waives.Risk)
		word := "accepted until "
		if !now.Before(x.Spec.Expires) {
			word = "was accepted until "
		}
		b.Counts["exceptions"]++
		b.enter(MachineView{UserName: x.Spec.Waives.NHI}, "%s%s by %s: %s", word, x.Spec.Expires.UTC().Format(time.DateOnly), strings.Join(x.Spec.ApprovedBy, ", "), x.Metadata.Name)
	}
}

// ended adds the machines that are there no more, and when they ended.
func (m *MachineReport) ended(r store.Reader) error {
	b := m.block(policy.RiskOffboarding)
	for row, err := range store.Machines.All(r) {
		if err != nil {
			return err
		}
		id, err := store.Identities.Get(r, row.Identity)
		if err != nil || !id.Gone() || id.Of != "" {
			if err != nil {
				return err
			}
			continue
		}
		b.Counts["ended"]++
		b.enter(MachineView{Identity: id.ID, UserName: id.UserName}, "ended at %s", id.Deleted.UTC().Format(time.RFC3339))
	}
	return nil
}
