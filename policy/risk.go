package policy

// A RiskID names one of the ten risks of machine identities as OWASP has them (2025).
type RiskID string

// The risks.
const (
	RiskOffboarding    RiskID = "NHI1:2025"
	RiskSecretLeakage  RiskID = "NHI2:2025"
	RiskThirdParty     RiskID = "NHI3:2025"
	RiskAuthentication RiskID = "NHI4:2025"
	RiskOverprivileged RiskID = "NHI5:2025"
	RiskDeployment     RiskID = "NHI6:2025"
	RiskLongLived      RiskID = "NHI7:2025"
	RiskEnvironment    RiskID = "NHI8:2025"
	RiskReuse          RiskID = "NHI9:2025"
	RiskHumanUse       RiskID = "NHI10:2025"
)

// A Risk is one of the ten: what it is called, and what is looked at for it.
type Risk struct {
	ID    RiskID `json:"id"`
	Title string `json:"title"`
	Looks string `json:"looks"` // at what, here
}

// Risks returns the ten, in their order.
func Risks() []Risk {
	return []Risk{
		{RiskOffboarding, "Improper Offboarding", "owners who left, workloads that are gone, machines in no register, clocks that run"},
		{RiskSecretLeakage, "Secret Leakage", "secrets in documents, credentials of which nobody wrote where they are kept"},
		{RiskThirdParty, "Vulnerable Third-Party NHI", "vendors, contract ends, scopes, reviews"},
		{RiskAuthentication, "Insecure Authentication", "types of credential, secrets beside a way that needs none"},
		{RiskOverprivileged, "Overprivileged NHI", "effective entitlements against last use, privileged ones, rules that any machine meets"},
		{RiskDeployment, "Insecure Cloud Deployment Configurations", "claims that are matched exactly, workloads that claim something else, secrets of pipelines"},
		{RiskLongLived, "Long-Lived Secrets", "ages of secrets against what they may be, rotations that are due"},
		{RiskEnvironment, "Environment Isolation", "one machine, secret or role in several environments"},
		{RiskReuse, "NHI Reuse", "machines, secrets and workload names that several use"},
		{RiskHumanUse, "Human Use of NHI", "sign-ins by people, roles that allow them"},
	}
}

// RiskIDs returns the ids of the ten, in their order.
func RiskIDs() []RiskID {
	var ids []RiskID
	for _, r := range Risks() {
		ids = append(ids, r.ID)
	}
	return ids
}
