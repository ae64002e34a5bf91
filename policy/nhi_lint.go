package policy

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"drawbridge/schema"
)

// How old a secret may get at most, and without somebody's asking why.
const (
	maxSecretAge  = Duration(365 * day)
	goodSecretAge = Duration(90 * day)
)

// register checks the register of machine identities: each entry for itself, and all
// of them against each other.
func (c *compiler) register() {
	for _, n := range c.set.Registers.NHIs {
		c.machine(n)
		c.offboarded(n)
		c.contracted(n)
		c.attested(n)
		for i, m := range n.Spec.Credentials {
			c.credential(n, in("spec", "credentials", nth(i)), m)
		}
		if m := n.Spec.Credential; m != nil {
			c.credential(n, in("spec", "credential"), *m)
		}
	}
	c.reused()
}

// risky reports a risk of a machine identity that somebody is to decide about, unless
// an exception says that it is accepted. Whether that one has expired is for the
// sweep to see, which knows the time.
func (c *compiler) risky(n *NHI, risk RiskID, code Code, path []string, format string, args ...any) *reported {
	if c.accepted(n.Metadata.Name, risk) {
		return &reported{}
	}
	return c.report(&n.Header, code, path, format, args...)
}

func (c *compiler) accepted(machine string, risk RiskID) bool {
	return slices.ContainsFunc(c.set.Registers.Exceptions, func(e *Exception) bool {
		return strings.EqualFold(e.Spec.Waives.NHI, machine) && e.Spec.Waives.Risk == risk
	})
}

// machine checks what every entry of the register says (R-NHI-1).
func (c *compiler) machine(n *NHI) {
	name := n.Metadata.Name
	if n.Spec.Purpose == "" {
		c.report(&n.Header, CodeIntent, in("spec"), "nobody wrote what machine identity %q is for", name).hint("write spec.purpose, one sentence")
	}
	if n.Spec.Environment == "" {
		c.report(&n.Header, CodeEnvironment, in("spec"), "nobody wrote where machine identity %q runs", name).hint("write spec.environment, as in prod")
	}
	switch used := len(n.Spec.UsedBy); {
	case used == 0:
		c.risky(n, RiskReuse, CodeReuse, in("spec"), "nobody wrote who uses machine identity %q", name).hint("write spec.usedBy, with the one thing that does")
	case used > 1:
		c.risky(n, RiskReuse, CodeReuse, in("spec", "usedBy"), "machine identity %q is used by %d: %s", name, used, strings.Join(n.Spec.UsedBy, ", ")).
			hint("give each an identity of its own, or write an Exception that waives { nhi: %s, risk: %s }", name, RiskReuse)
	}
	inventory := n.Spec.Inventory()
	if len(inventory) == 0 {
		c.report(&n.Header, CodeSecret, in("spec"), "nobody wrote how machine identity %q proves itself", name).hint("write spec.credential with its type and, of a secret, where it is kept")
	}
	for i, m := range inventory {
		if slices.ContainsFunc(inventory[:i], func(other MachineCredential) bool { return other.Name == m.Name }) {
			c.report(&n.Header, CodeDup, in("spec", "credentials"), "machine identity %q has two credentials named %q", name, m.Name).hint("give each a name of its own")
		}
	}
}

// offboarded refuses what would survive its workload or its owner (NHI1).
func (c *compiler) offboarded(n *NHI) {
	path := in("spec", "offboard")
	if n.Spec.Offboard.OnOwnerGone == "" {
		c.report(&n.Header, CodeOffboard, path, "machine identity %q survives its owner", n.Metadata.Name).hint("write offboard.onOwnerGone: reassign, or revoke")
	}
	if n.Spec.Offboard.OnWorkloadGone == "" {
		c.report(&n.Header, CodeOffboard, path, "machine identity %q survives what it is for", n.Metadata.Name).hint("write offboard.onWorkloadGone: revoke, or suspend")
	}
}

// contracted checks what a third party's machine identity must not lack (NHI3).
func (c *compiler) contracted(n *NHI) {
	name, v := n.Metadata.Name, n.Spec.Vendor
	switch {
	case !n.Spec.ThirdParty && v != nil:
		c.report(&n.Header, CodeVendor, in("spec", "vendor"), "machine identity %q has a vendor, and is no third party's", name).hint("write thirdParty: true")
		return
	case !n.Spec.ThirdParty:
		return
	case v == nil:
		c.report(&n.Header, CodeVendor, in("spec"), "nobody wrote whose third party's machine identity %q is", name).hint("write spec.vendor with name, contractEnd and scopes")
		return
	}
	path := in("spec", "vendor")
	lacks := func(missing bool, what string) {
		if missing {
			c.report(&n.Header, CodeVendor, path, "the vendor of machine identity %q has no %s", name, what).hint("write spec.vendor.%s", what)
		}
	}
	lacks(v.Name == "", "name")
	lacks(v.ContractEnd.IsZero(), "contractEnd")
	lacks(len(v.Scopes) == 0, "scopes")
	for i, scope := range v.Scopes {
		if strings.Contains(scope, "*") {
			c.risky(n, RiskOverprivileged, CodeOverpowered, append(path, "scopes", nth(i)), "scope %q of machine identity %q is whatever comes to be", scope, name).
				hint("name what the vendor needs")
		}
	}
	if n.Spec.Review == nil {
		c.risky(n, RiskThirdParty, CodeVendorReview, in("spec"), "nobody looks again at third party's machine identity %q", name).hint("write spec.review: { every: 180d }")
	}
}

// attested refuses a workload that anything that looks alike is taken for (NHI6,
// R-NHI-7).
func (c *compiler) attested(n *NHI) {
	b, path, name := n.Spec.Workload, in("spec", "workload"), n.Metadata.Name
	for _, claim := range b.claims() {
		if strings.ContainsAny(claim.value, "*?") {
			c.report(&n.Header, CodeClaims, append(slices.Clone(path), claim.name), "%s of machine identity %q is a pattern", claim.name, name).hint("write the one that is meant: it is matched exactly")
		}
	}
	stated := 0
	for _, claim := range []string{b.Issuer, b.Audience, b.Subject} {
		if claim != "" {
			stated++
		}
	}
	if stated > 0 && stated < 3 {
		c.report(&n.Header, CodeClaims, path, "machine identity %q takes tokens by some of issuer, audience and subject", name).hint("write all three: a token is another's where any differs")
	}
	federates := slices.ContainsFunc(n.Spec.Inventory(), func(m MachineCredential) bool { return m.Type == federated })
	if federates && stated == 0 && b.Attestation == "" {
		c.report(&n.Header, CodeClaims, path, "nobody wrote what the tokens of machine identity %q say", name).hint("write spec.workload with issuer, audience and subject")
	}
}

// A statement is one thing that a workload says of itself.
type statement struct{ name, value string }

func (b WorkloadBond) claims() []statement {
	return []statement{{"repo", b.Repo}, {"attestation", b.Attestation}, {"issuer", b.Issuer}, {"audience", b.Audience}, {"subject", b.Subject}}
}

// proves reports whether the workload can prove itself by where it runs.
func (b WorkloadBond) proves() bool {
	return b.Issuer != "" || strings.HasPrefix(b.Attestation, "oidc:") || strings.HasPrefix(b.Attestation, "spiffe:")
}

// referenceForm is how one writes where a secret is kept.
var referenceForm = regexp.MustCompile(`^[a-z][a-z0-9+.-]{1,30}:\S+$`)

// credential checks one credential of a machine identity (NHI2, NHI4, NHI6, NHI7,
// R-NHI-6, R-NHI-9). What is written in the place of a reference may be the secret
// itself, and is not repeated.
func (c *compiler) credential(n *NHI, path []string, m MachineCredential) {
	name := n.Metadata.Name
	if m.Type == "" {
		c.report(&n.Header, CodePassword, path, "nobody wrote what type a credential of %q is", name).hint("write type: federated, or what it is")
		return
	}
	if m.Ref != "" && !referenceForm.MatchString(m.Ref) {
		c.report(&n.Header, CodeSecret, append(slices.Clone(path), "ref"), "ref of a credential of %q is no reference", name).
			hint("write where the secret is kept, as in vault:ci/billing, and change the secret if this was it")
	}
	if m.Connector != "" {
		if _, ok := c.book.connectors[m.Connector]; !ok {
			c.report(&n.Header, CodeConnector, append(slices.Clone(path), "connector"), "there is no connector %q", m.Connector).hint("write a Connector document of that name")
		}
	}
	if !m.Static() {
		return
	}
	if m.Ref == "" {
		c.report(&n.Header, CodeSecret, path, "nobody wrote where a secret of %q is kept", name).hint("write ref, as in vault:ci/billing")
	}
	if m.Type == "password" {
		c.report(&n.Header, CodePassword, append(slices.Clone(path), "type"), "machine identity %q proves itself by a password, as people do", name).hint("federated, or a certificate or key-pair")
	}
	c.dispensable(n, path, m)
	age := max(m.MaxAge, 0)
	switch {
	case age == 0:
		c.report(&n.Header, CodeLongLived, path, "a secret of %q never gets too old", name).hint("write maxAge, 90d or less")
	case age > maxSecretAge:
		c.report(&n.Header, CodeLongLived, append(slices.Clone(path), "maxAge"), "a secret of %q may get older than %s", name, maxSecretAge).hint("90d or less")
	case age > goodSecretAge:
		c.risky(n, RiskLongLived, CodeOldAge, append(slices.Clone(path), "maxAge"), "a secret of %q may get %s old", name, age).hint("90d or less")
	}
}

// dispensable reports a secret where the workload could prove itself without one.
func (c *compiler) dispensable(n *NHI, path []string, m MachineCredential) {
	path = append(slices.Clone(path), "type")
	other := slices.ContainsFunc(n.Spec.Inventory(), func(o MachineCredential) bool { return !o.Static() })
	switch {
	case m.Type == "password":
	case n.Spec.Workload.proves():
		c.risky(n, RiskDeployment, CodeStaticDeploy, path, "machine identity %q has a secret, and its workload can prove itself", n.Metadata.Name).hint("type: federated")
	case other:
		c.risky(n, RiskAuthentication, CodeFederate, path, "machine identity %q has a secret beside what needs none", n.Metadata.Name).hint("take the %s away", m.Type)
	}
}

// reused reports what several machine identities share (NHI8, NHI9, R-NHI-5): a
// secret, or the workload that they are said to be.
func (c *compiler) reused() {
	type owner struct {
		n    *NHI
		path []string
	}
	first := map[string]owner{}
	share := func(n *NHI, path []string, key, what string) {
		other, shared := first[key]
		if !shared {
			first[key] = owner{n, path}
			return
		}
		if other.n == n {
			return
		}
		risk, code := RiskReuse, CodeReuse
		if other.n.Spec.Environment != n.Spec.Environment {
			risk, code = RiskEnvironment, CodeEnvironments
		}
		c.risky(n, risk, code, path, "machine identity %q has %s of %q (%s, %s)", n.Metadata.Name, what, other.n.Metadata.Name, n.Spec.Environment, other.n.Spec.Environment).
			hint("give each one of its own")
	}
	for _, n := range c.set.Registers.NHIs {
		for i, m := range n.Spec.Inventory() {
			if m.Ref != "" {
				path := in("spec", "credentials", nth(i))
				if i >= len(n.Spec.Credentials) {
					path = in("spec", "credential")
				}
				share(n, append(path, "ref"), "ref "+m.Ref, "the secret")
			}
		}
		if b := n.Spec.Workload; b.Subject != "" {
			share(n, in("spec", "workload", "subject"), strings.Join([]string{"token", b.Issuer, b.Audience, b.Subject}, " "), "the token")
		}
	}
}

// interactive says that people may not sign in as a machine.
const deny = "deny"

// machined checks a role for what is risky about machines that hold it.
func (c *compiler) machined(r *compiledRole) {
	if r.rule == nil {
		return
	}
	field, _ := r.Spec.rule()
	for _, name := range r.rule.alike {
		if strings.HasPrefix(name, "workload.") {
			c.report(&r.Header, CodeClaims, in("spec", field), "%s of %q takes whatever is like it for %s", field, r.Metadata.Name, name).hint("compare it with == or in")
		}
	}
	kinds := r.rule.demanded("identity.kind")
	if r.Spec.Type != schema.NHI {
		people := slices.ContainsFunc(kinds, func(k string) bool { return !IsMachine(schema.Kind(k)) })
		machines := slices.ContainsFunc(kinds, func(k string) bool { return IsMachine(schema.Kind(k)) })
		if people && machines {
			c.report(&r.Header, CodeInteractively, in("spec", field), "role %q is for people and for machines", r.Metadata.Name).hint("write a role of type nhi for the machines")
		}
		return
	}
	c.reachesOut(r, field)
	c.ofMachines(r, field)
}

// ofMachines checks a role that machines hold by rule.
func (c *compiler) ofMachines(r *compiledRole, field string) {
	name := r.Metadata.Name
	ends := slices.ContainsFunc(r.triggers, func(t *compiledTrigger) bool {
		return t.Action == actionRevoke && t.rule.readsAny("workload.", "identity.active", "identity.employment.")
	})
	if len(r.triggers) > 0 && !ends {
		c.report(&r.Header, CodeOffboard, in("spec", "triggers"), "role %q survives the workload that holds it", name).hint("add a trigger set that revokes on workload.state or workload.lastSeen")
	}
	one := false
	for _, attribute := range []string{"workload.repo", "workload.subject", "workload.attestation", "identity.id", "identity.userName"} {
		one = one || len(r.rule.demanded(attribute)) > 0
	}
	if !one {
		c.report(&r.Header, CodeOverpowered, in("spec", field), "any machine like it meets %s of %q", field, name).hint("say which: by workload.repo, workload.subject or identity.userName")
	}
	switch rules := r.Spec.NHI; {
	case rules == nil || rules.InteractiveLogin == "":
		c.report(&r.Header, CodeInteractively, in("spec", "nhi"), "nobody wrote that people may not sign in with role %q", name).hint("write nhi: { interactiveLogin: deny }")
	case rules.InteractiveLogin != deny:
		c.report(&r.Header, CodeInteractive, in("spec", "nhi", "interactiveLogin"), "people may sign in as whoever holds role %q", name).hint("write deny; people have roles of their own")
	}
	if rules := r.Spec.NHI; rules != nil && rules.SharedUse == "allow" {
		c.report(&r.Header, CodeReuse, in("spec", "nhi", "sharedUse"), "role %q is for what several use", name).hint("give each an identity of its own")
	}
	if rules := r.Spec.NHI; rules != nil && rules.SecretMaxAge > maxSecretAge {
		c.report(&r.Header, CodeLongLived, in("spec", "nhi", "secretMaxAge"), "secrets of whoever holds role %q may get older than %s", name, maxSecretAge).hint("90d or less")
	}
	if rules := r.Spec.NHI; rules != nil && rules.Credential == "password" {
		c.report(&r.Header, CodePassword, in("spec", "nhi", "credential"), "whoever holds role %q proves itself by a password", name).hint("federated, or a certificate or key-pair")
	}
}

// reachesOut checks that a role of machines keeps to one environment (NHI8).
func (c *compiler) reachesOut(r *compiledRole, field string) {
	name := r.Metadata.Name
	environments := r.rule.demanded("workload.environment")
	if r.Spec.NHI != nil {
		environments = append(environments, r.Spec.NHI.Environments...)
	}
	if environments = schema.Sorted(environments...); len(environments) > 1 {
		c.report(&r.Header, CodeEnvironments, in("spec", field), "role %q is for several environments: %s", name, strings.Join(environments, ", ")).hint("write a role for each")
	}
	if len(environments) == 0 {
		return
	}
	for i, g := range r.Spec.Grants {
		e, _ := c.book.Entitlement(g.Connector, g.Entitlement)
		if e.Environment != "" && !slices.Contains(environments, e.Environment) {
			c.report(&r.Header, CodeEnvironment, in("spec", "grants", nth(i)), "role %q of %s reaches %s, which leads to %s", name, strings.Join(environments, ", "), e.Ref(), e.Environment).
				hint("give it what leads to its own environment")
		}
	}
}

// demanded returns the values that an attribute must have, for the rule to match.
func (r *rule) demanded(attribute string) (values []string) {
	for _, d := range r.demands {
		if d.read.name == attribute {
			values = append(values, d.values...)
		}
	}
	return values
}

// IsMachine reports whether a kind of identity is one that somebody has to answer for.
func IsMachine(k schema.Kind) bool {
	return k == schema.Service || k == schema.Workload || k == schema.Agent
}

// secretForms are how secrets look that somebody may paste where a reference is
// wanted: access keys of clouds, tokens of code hosts and chats, private keys, signed
// tokens.
var secretForms = regexp.MustCompile(`\b(AKIA|ASIA)[0-9A-Z]{16}\b` +
	`|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}|\bglpat-[A-Za-z0-9_-]{20,}` +
	`|\bxox[abprs]-[A-Za-z0-9-]{10,}|\b[sr]k_live_[A-Za-z0-9]{16,}|\bAIza[0-9A-Za-z_-]{35}` +
	`|-----BEGIN [A-Z ]*PRIVATE KEY-----|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.`)

// refuseSecrets reports text anywhere in a document that looks like a secret (NHI2).
// It does not repeat it.
func (d *decoder) refuseSecrets(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && secretForms.MatchString(n.Value) {
		d.report(CodeSecret, n, "this looks like a secret").hint("write where it is kept, and change it: whoever read this file has it")
	}
	for _, child := range n.Content {
		d.refuseSecrets(child)
	}
}
