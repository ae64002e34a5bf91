package access

import (
	"slices"
	"strings"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// wakeAccount notes on the account what its target has yet to agree to, and
// wakes it: when something is to be done, when its lines changed while a call may
// be under way, and when an earlier change is still open.
func (l *look) wakeAccount(tx store.Tx, acc, want schema.Account) error {
	steps := connectors.Plan(acc, want)
	causes := l.because[acc.Connector]
	if len(steps) == 0 && (len(causes) == 0 || acc.Due.IsZero()) {
		return nil
	}
	if len(causes) == 0 {
		why, ramp := "the account is to follow its identity: ", []string(nil)
		if r, err := store.Ramps.Get(tx, acc.Connector); err == nil && !acc.Exists() {
			why, ramp = "the ramp has come to the account: ", []string{r.Decision}
		} else if err != nil && !schema.IsNotFound(err) {
			return err
		}
		d, err := tx.Record(schema.Decision{
			Actor: "bridge", Verb: schema.Updated, Subject: acc.Identity, Object: acc.Connector,
			Because: ramp, Reason: why + summary(steps), Mode: schema.Enforce, Policy: l.book.Digest(),
		})
		if err != nil {
			return err
		}
		causes = []string{d.ID}
	}
	ends := slices.ContainsFunc(steps, connectors.Step.Ends)
	change := schema.Change{Received: l.since, Decided: tx.Now(), Ends: ends, Because: causes}
	if id := l.facts.Identity; !id.Modified.Before(l.since) {
		change.Occurred = id.Occurred
	}
	if ends {
		l.time(&change, acc, want)
	}
	acc = toBeMade(acc, want)
	acc.Due, acc.State, acc.Problem = acc.Due.Join(change), schema.Pending, ""
	if err := store.Accounts.Put(tx, acc); err != nil {
		return err
	}
	if err := watchObjective(tx, acc); err != nil {
		return err
	}
	lane := LaneAccount(acc.Connector)
	switch {
	case ends:
		return tx.WakeUrgent(lane, acc.Identity)
	case tx.Now().Sub(acc.Observed) < settleTime: // its target was told a moment ago: tell it of a burst at once
		return tx.Wake(lane, acc.Identity, acc.Observed.Add(settleTime))
	}
	return tx.Wake(lane, acc.Identity, tx.Now())
}

// decide decides about one line, which begins or ends.
func (l *look) decide(tx store.Tx, verb schema.Verb, line schema.Assignment) {
	id := l.rule(tx, ruling{l.line(verb, line), line.Roles(), []string{line.Ref()}})
	if line.Reaches() {
		for _, role := range line.Roles() {
			if v, ok := l.verdict(role); ok && verb == schema.Unassigned {
				l.urge(line.Connector, v)
			}
		}
		l.because[line.Connector] = append(l.because[line.Connector], id)
	}
}

// line is the decision that a line begins, or ends.
func (l *look) line(verb schema.Verb, line schema.Assignment) schema.Decision {
	actor, reasons := "bridge", []string(nil)
	because := slices.Clone(line.Because)
	for _, role := range line.Roles() {
		v, ok := l.verdict(role)
		if !ok {
			reasons = append(reasons, "role "+role+" "+l.gone(role))
			continue
		}
		reasons = append(reasons, "role "+role+": "+l.reason(verb, line, v))
		if v.Trigger != "" && verb == schema.Unassigned {
			actor = "trigger/" + v.Trigger
			because = append(because, actor)
		}
	}
	if by := l.releasedBy(line); by != "" {
		because = append(because, by)
	}
	return schema.Decision{
		Actor: actor, Verb: verb, Subject: line.Identity, Object: line.Ref(), Because: schema.Sorted(because...),
		Reason: strings.Join(reasons, "; "), Mode: line.Mode, Policy: l.book.Digest(),
	}
}

// gone says why nothing is known of a role.
func (l *look) gone(role string) string {
	if l.book.Unreadable() != "" {
		return "is over, whatever the policy says, which cannot be read"
	}
	if _, refused := l.book.Refusal(role); refused {
		return "is over, whatever its document says, which is refused"
	}
	return "is no longer in the policy"
}

// from says where inputs are from.
func from(origins map[string]policy.Origin, inputs map[string]any) map[string]policy.Origin {
	some := map[string]policy.Origin{}
	for name := range inputs {
		if origin, known := origins[name]; known {
			some[name] = origin
		}
	}
	return some
}

// reason says why a role gives a line, or no longer does. Of a role that was
// granted it is what ended the grant, rather than that it may be asked for again.
func (l *look) reason(verb schema.Verb, line schema.Assignment, v policy.Verdict) string {
	if verb != schema.Unassigned || v.Trigger != "" {
		return v.Reason
	}
	if v.Outcome == policy.Assigned {
		return confersNoMore
	}
	for _, g := range l.facts.Grants {
		switch {
		case g.Role != v.Role || !slices.Contains(line.Because, "grant/"+g.ID):
		case !g.Ended.IsZero():
			return "its grant was ended (" + g.EndedBy + ")"
		case !g.Live(l.now):
			return "its grant reached its end"
		}
	}
	return v.Reason
}

// confersNoMore is why a line ends although its role is held.
const confersNoMore = "it is held, and confers this no more"

func (l *look) verdict(role string) (policy.Verdict, bool) {
	i := slices.IndexFunc(l.access.Verdicts, func(v policy.Verdict) bool { return v.Role == role })
	if i < 0 {
		return policy.Verdict{}, false
	}
	return l.access.Verdicts[i], true
}

type noticeKey struct {
	kind   schema.FindingKind
	object string
}

// A notice is what stays open of one identity, and the decision with which it begins.
type notice struct {
	kind           schema.FindingKind
	verb           schema.Verb
	object, reason string
	roles          []string // that it depends on
}

// notices returns what rules come to beside what is held: what nobody can decide, what
// sources disagree about, what triggers ask of people (a new owner, a new approval,
// another secret: they take nothing away), what a machine is at risk of, and what
// constraints forbid.
func (l *look) notices() (all []notice) {
	for _, v := range l.access.Verdicts {
		switch v.Outcome { //nolint:exhaustive // nothing stays open of the others
		case policy.Indeterminate:
			all = append(all, notice{noticeUndecided, schema.Undecided, "role/" + v.Role, v.Reason, []string{v.Role}})
		case policy.Blocked:
			all = append(all, notice{noticeBlocked, schema.Denied, "role/" + v.Role, v.Reason, []string{v.Role}})
		}
	}
	for _, d := range l.access.Disputes {
		all = append(all, notice{kind: noticeConflict, verb: schema.Found, object: d.Attribute, reason: d.Reason})
	}
	for _, f := range slices.Concat(l.access.Fired, l.access.Pending) {
		if !f.Due.After(l.now) && (f.Action == "revoke" || f.Action == "suspend") {
			continue // it has taken already what it takes
		}
		all = append(all, notice{noticeOwed, schema.Found, "trigger/" + f.Trigger + " role/" + f.Role, due(f), []string{f.Role}})
	}
	for _, risk := range l.access.Risks {
		all = append(all, notice{kind: string(risk.Risk), verb: schema.Found, object: risk.Object, reason: risk.Reason})
	}
	for _, b := range l.access.Breaks {
		all = append(all, notice{kind: noticeBreak, verb: schema.Found, object: "constraint/" + b.Constraint, reason: b.Reason})
	}
	return all
}

// notice raises a finding, and decides about it if it is news.
func (l *look) notice(tx store.Tx, n notice) error {
	l.noticed[noticeKey{n.kind, n.object}] = true
	id := l.facts.Identity.ID
	known := slices.ContainsFunc(l.known, func(f schema.Finding) bool { return f.Kind == n.kind && f.Object == n.object })
	if known {
		return nil
	}
	f := schema.Finding{Kind: n.kind, Subject: id, Object: n.object, Reason: n.reason, First: tx.Now(), Last: tx.Now()}
	if constraint, ok := strings.CutPrefix(n.object, "constraint/"); ok {
		f.Reason += l.book.Meanwhile(constraint)
	}
	f.Code = string(codeOf(f))
	if err := store.Findings.Put(tx, f); err != nil {
		return err
	}
	l.rule(tx, ruling{n.decision(id, l.book.Digest()), n.roles, []string{n.object}})
	return nil
}

func (n notice) decision(identity, digest string) schema.Decision {
	return schema.Decision{Actor: "bridge", Verb: n.verb, Subject: identity, Object: n.object, Reason: n.reason, Policy: digest}
}

// forgetNotices resolves the findings that no longer hold.
func (l *look) forgetNotices(tx store.Tx) error {
	for _, f := range l.known {
		if l.noticed[noticeKey{f.Kind, f.Object}] {
			continue
		}
		if err := resolve(tx, f); err != nil {
			return err
		}
	}
	return nil
}
