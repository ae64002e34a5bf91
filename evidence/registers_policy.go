package evidence

import (
	"context"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// rowFunc writes a row of a register.
type rowFunc = func(cells ...string) error

// policyRegisters are what the policy says that was in force at the end of the period.
func policyRegisters() []*table {
	return []*table{
		{name: "policy-versions", says: "a policy that was in force in the period; its documents are in policy/", columns: []string{"inForceFrom", "by", "commit", "author", "signedBy", "approvedBy", "plan", "documents"}, list: listVersions},
		{name: "sources", says: "a place that identities or signals may come from", columns: []string{"owner", "deputy", "protocol", "trust", "authoritativeFor", "staleAfter", "deactivationsPerHour", "percentPerDay", "rotateEvery"}, list: listSources},
		{name: "connectors", says: "a target, and how far automation goes there", columns: []string{"owner", "deputy", "type", "mode", "authority", "entitlements"}, list: listConnectors},
		{name: "entitlements", says: "something that can be held at a target", columns: []string{"connector", "target", "owner", "risk", "privileged", "environment", "confers"}, list: listEntitlements},
		{name: "roles", says: "a role template: who may hold it, what it gives, who agrees, what ends it", columns: []string{
			"owner", "deputy", "type", "mode", "intent", "rule", "gives", "approval", "triggers", "lasts", "permanentBecause", "reviewEvery", "refused"}, list: listRoles},
		{name: "triggers", says: "what ends access, and how soon", columns: []string{"when", "on", "action", "within", "grace", "failClosed"}, list: listTriggers},
		{name: "approval-flows", says: "a stage of an approval: who may agree, how many, and how long it waits", columns: []string{"stage", "approvers", "min", "within", "selfApproval", "distinctApprovers", "onTimeout"}, list: listFlows},
		{name: "sod-matrix", says: "what nobody may hold together, or what who holds something must be", columns: []string{"type", "risk", "sides", "appliesTo", "require", "enforcement", "rationale", "mitigations", "owner"}, list: listConstraints},
		{name: "exception-register", says: "a deviation that is a document of the policy, or was asked for", columns: []string{
			"waives", "subjects", "entitlements", "reason", "compensating", "approvedBy", "approvedAt", "ticket", "expires", "state"}, tally: "state", list: listExceptions},
		{name: "owners", says: "who answers for a document", columns: []string{"owner", "deputy"}, list: listOwners},
	}
}

// owner is who answers for something, and the deputy.
func (m *making) owner(o policy.Owner) []string {
	return []string{m.person(o.User), m.person(o.Deputy)}
}

// duration is a duration as policy documents write it; none is nothing.
func duration(d policy.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func listSources(_ context.Context, m *making, row rowFunc) error {
	for _, s := range m.book.Sources() {
		cells := append([]string{s.Metadata.Name}, m.owner(s.Metadata.Owner)...)
		brake := s.Spec.MassChange
		err := row(append(cells, s.Spec.Protocol, string(s.Spec.Trust), words(s.Spec.AuthoritativeFor), duration(s.Spec.Freshness.StaleAfter),
			number(brake.DeactivationsPerHour), number(int(brake.PercentPerDay)), duration(s.Spec.Credential.RotateEvery))...)
		if err != nil {
			return err
		}
	}
	return nil
}

func listConnectors(_ context.Context, m *making, row rowFunc) error {
	for _, c := range m.book.Connectors() {
		cells := append([]string{c.Metadata.Name}, m.owner(c.Metadata.Owner)...)
		mode := m.book.Mode("", c.Metadata.Name)
		if err := row(append(cells, c.Spec.Type, string(mode), string(c.Spec.Authority), number(len(c.Spec.Entitlements)))...); err != nil {
			return err
		}
	}
	return nil
}

func listEntitlements(_ context.Context, m *making, row rowFunc) error {
	for _, c := range m.book.Connectors() {
		for _, doc := range c.Spec.Entitlements {
			e, ok := m.book.Entitlement(c.Metadata.Name, doc.ID)
			if !ok {
				continue
			}
			if err := row(e.Ref(), e.Connector, e.Target, m.person(e.Owner), e.Risk, yes(e.Privileged), e.Environment, words(e.Confers)); err != nil {
				return err
			}
		}
	}
	return nil
}

func listRoles(_ context.Context, m *making, row rowFunc) error {
	refused := map[string]string{}
	for _, r := range m.book.Refused() {
		refused[r.Role] = words(r.Codes)
	}
	for _, r := range m.book.Roles() {
		s := r.Spec
		var gives []string
		for _, g := range s.Grants {
			gives = append(gives, g.Connector+"/"+g.Entitlement)
		}
		rule, lasts, permanent, review := s.Eligible, "", "", ""
		if s.ByRule() {
			rule = s.Assign
		}
		if s.Duration != nil {
			lasts = "max " + duration(s.Duration.Max)
		}
		if s.Permanent != nil {
			permanent = s.Permanent.Because
		}
		if s.Review != nil {
			review = duration(s.Review.Every)
		}
		cells := append([]string{r.Metadata.Name}, m.owner(r.Metadata.Owner)...)
		err := row(append(cells, string(s.Type), string(m.book.Mode(r.Metadata.Name, "")), s.Intent, rule, words(gives), s.Approval, words(s.Triggers),
			lasts, permanent, review, refused[r.Metadata.Name])...)
		if err != nil {
			return err
		}
	}
	return nil
}

func listTriggers(_ context.Context, m *making, row rowFunc) error {
	for _, set := range m.book.TriggerSets() {
		for _, t := range set.Spec.Triggers {
			err := row(set.Metadata.Name+"/"+t.Name, t.When, words(t.On), t.Action, duration(t.Within), duration(t.Grace), yes(t.FailClosed))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func listFlows(_ context.Context, m *making, row rowFunc) error {
	for _, f := range m.book.Flows() {
		for i, stage := range f.Spec.Stages {
			var who []string
			for _, a := range stage.Approvers {
				who = append(who, m.approver(a))
			}
			rules := f.Spec.Rules
			name := f.Metadata.Name + "/" + number(i+1)
			err := row(name, number(i+1), words(who), number(max(1, stage.Min)), policy.Duration(stage.Time()).String(), yes(rules.SelfApproval), yes(true), "deny") // nobody agrees twice, said or not
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *making) approver(a policy.Approver) string {
	switch {
	case a.Manager:
		return "manager"
	case a.RoleOwner:
		return "role-owner"
	case a.Group != "":
		return "group/" + a.Group
	}
	return m.person(a.User)
}

func listConstraints(_ context.Context, m *making, row rowFunc) error {
	for _, k := range m.book.Constraints() {
		var sides []string
		for _, side := range k.Spec.Conflict {
			sides = append(sides, words(side))
		}
		about := words(k.Spec.AppliesTo.Entitlements)
		if k.Spec.AppliesTo.Privileged {
			about = strings.TrimSpace("privileged " + about)
		}
		err := row(k.Metadata.Name, k.Spec.Type, k.Spec.Risk, strings.Join(sides, " | "), about, k.Spec.Require, k.Spec.Enforcement, k.Spec.Rationale, strings.Join(k.Spec.Mitigations, "; "), m.person(k.Metadata.Owner.User))
		if err != nil {
			return err
		}
	}
	return nil
}

// listExceptions lists those that could have allowed something in the period.
func listExceptions(ctx context.Context, m *making, row rowFunc) error {
	for _, e := range m.book.Exceptions() {
		s := e.Spec
		waives := s.Waives.Rule()
		if s.Waives.Role != "" && s.Waives.Gate != "" {
			waives += " " + s.Waives.Gate
		}
		state := "live"
		if !m.request.To.Before(s.Expires) {
			state = string(schema.ExceptionExpired)
		}
		err := row("exception/"+e.Metadata.Name, waives, m.people(s.Subjects), words(s.Scope.Entitlements), s.Reason, strings.Join(s.Compensating, "; "), m.people(s.ApprovedBy),
			stamp(s.ApprovedAt), s.Ticket, stamp(s.Expires), state)
		if err != nil {
			return err
		}
	}
	return walk(ctx, m.Store, store.Exceptions.From, func(e schema.Exception) []string { return []string{e.ID} }, func(r store.Reader, e schema.Exception) error {
		if !e.Made.Before(m.request.To) || !e.Ended.IsZero() && e.Ended.Before(m.request.From) {
			return nil
		}
		who, err := userName(r, m, e.Identity)
		if err != nil {
			return err
		}
		return row("exception/"+e.ID, e.Rule(), who, words(e.Entitlements), m.words(e.Reason), strings.Join(e.Compensating, "; "), m.person(e.Approval.By),
			stamp(e.Approval.At), e.Ticket, stamp(e.Expires), string(e.State))
	})
}

// people are some people's names.
func (m *making) people(names []string) string {
	var all []string
	for _, name := range names {
		all = append(all, m.person(name))
	}
	return words(all)
}

// words are somebody's own, which say more of people than a pack with pseudonyms may.
func (m *making) words(text string) string {
	if m.pseudonym != nil && text != "" {
		return "(left out)"
	}
	return text
}

func listOwners(_ context.Context, m *making, row rowFunc) error {
	for _, o := range m.book.Owned() {
		if err := row(append([]string{o.Ref}, m.owner(o.Owner)...)...); err != nil {
			return err
		}
	}
	return nil
}

// A version is a policy that was in force in the period.
type version struct {
	publication schema.Publication
	from        time.Time
}

// versions are the policies that were in force in the period, in order: the one that
// was when it began, and those that came.
func versions(r store.Reader, from, to time.Time) (all []version, err error) {
	var before *version
	for q, err := range store.Publications.By(r, store.PublicationState, string(schema.PublicationPublished)) {
		switch {
		case err != nil:
			return nil, err
		case !q.Ended.Before(to):
		case q.Ended.After(from):
			all = append(all, version{q, q.Ended})
		case before == nil || q.Ended.After(before.from):
			before = &version{q, q.Ended}
		}
	}
	if before != nil {
		all = append([]version{*before}, all...)
	}
	return all, nil
}

func listVersions(ctx context.Context, m *making, row rowFunc) error {
	return m.Store.View(ctx, func(r store.Reader) error {
		for _, v := range m.versions {
			kept, err := store.Policies.Get(r, v.publication.Digest)
			if err != nil && !isNotFound(err) {
				return err
			}
			var by []string
			for _, a := range v.publication.Approvals {
				if a.Void == "" {
					by = append(by, a.By)
				}
			}
			q := v.publication
			err = row(q.ID, stamp(v.from), m.actor(q.Published), q.Commit, m.person(q.Author), m.person(q.Signer), m.people(by), q.Plan, "policy/"+q.Digest+"/ ("+number(len(kept.Files))+" files)")
			if err != nil {
				return err
			}
		}
		return nil
	})
}
