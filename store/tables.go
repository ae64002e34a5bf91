package store

import "drawbridge/schema"

// This file is the data model: every collection, its key, and what else it is
// found by. A value that an index is asked for is in the case that Fold makes where
// the index folds. Records that are only the store's are in rows.go, lanes in lane.go,
// the decision log in log.go.

// Identities, by id. Those whose source deleted them stay, for history, and are
// found by id, and by the names they had, whichever source they were of.
var (
	IdentityUserName   = &Index[schema.Identity]{by: "userName", unique: true, kept: true, marked: true, of: living(func(i schema.Identity) []string { return []string{i.Source, fold(i.UserName)} })}
	IdentityExternalID = &Index[schema.Identity]{by: "externalId", unique: true, of: living(func(i schema.Identity) []string { return unless(i.ExternalID == "", i.Source, i.ExternalID) })}
	IdentityEmail      = &Index[schema.Identity]{by: "email", of: emails}
	IdentityUnique     = &Index[schema.Identity]{by: "uniques", of: uniques} // more than one has what was stored before it was to be unique
	IdentityModified   = &Index[schema.Identity]{by: "modified", of: living(func(i schema.Identity) []string { return []string{i.Source, timePart(i.Modified)} })}

	IdentityFormer           = &Index[schema.Identity]{by: "former", of: former}
	IdentityFormerExternalID = &Index[schema.Identity]{by: "formerExternalId", of: one(func(i schema.Identity) []string {
		return unless(i.ExternalID == "" || !i.Gone(), i.Source, i.ExternalID)
	})}

	// The further records of an identity; those that are gone where something ended
	// with them.
	IdentityOf    = &Index[schema.Identity]{by: "of", of: one(func(i schema.Identity) []string { return unless(i.Of == "" || i.Gone() && !i.Lapsed, i.Of) })}
	IdentityPlace = &Index[schema.Identity]{by: "place", of: living(func(i schema.Identity) []string { return unless(i.Place == "", i.Source, string(i.Place)) })}

	Identities = define("identities", func(i schema.Identity) []string { return []string{i.ID} },
		IdentityUserName, IdentityExternalID, IdentityEmail, IdentityUnique, IdentityModified, IdentityFormer, IdentityFormerExternalID, IdentityOf, IdentityPlace).reading(readIdentity)
)

// Correlations are the values by which records of several sources may be of one
// identity: attribute, value (folded where the attribute is), source, record. A
// row without a record is written with each of a value, so that two sources that
// tell of one at once meet in it.
var (
	CorrelationRecord = &Index[Correlation]{by: "record", of: one(func(c Correlation) []string { return unless(c.Record == "", c.Record) })}

	Correlations = define("correlations", func(c Correlation) []string { return []string{c.Attribute, c.Value, c.Source, c.Record} }, CorrelationRecord)
)

// Uniquenesses are what is unique of resources, by whose it is.
var Uniquenesses = define("uniquenesses", func(u Uniqueness) []string { return []string{u.Of} })

// Withheld identities, by id: whose end the brake on their source holds.
var (
	WithheldSource = &Index[Withheld]{by: "source", of: one(func(w Withheld) []string { return []string{w.Identity.Source} })}

	WithheldIdentities = define("withheld", func(w Withheld) []string { return []string{w.Identity.ID} }, WithheldSource)
)

// Affected: whose source changed something of a record or an identity, by its id,
// that it could lose something by, since it was looked at last; groups of which that
// is to be noted for everybody in them, by their ids; and the losses that the brake on
// a source holds, by identity and source.
var (
	AffectedRecords = define("affected", func(a Affected) []string { return []string{a.ID, a.Source} })
	AffectedGroups  = define("affectedGroups", func(a Affected) []string { return []string{a.ID, a.Source} })

	LossSource = &Index[Loss]{by: "source", kept: true, of: one(func(l Loss) []string { return unless(l.Released, l.Source) })}

	WithheldLosses = define("losses", func(l Loss) []string { return []string{l.Identity, l.Source} }, LossSource)
)

// Holds are what waits until two people release it, by id.
var Holds = define("holds", func(h schema.Hold) []string { return []string{h.ID} })

// By connector: what nothing is written to, how far it is written to, how accounts end.
var (
	Halts   = define("halts", func(h schema.Halt) []string { return []string{h.Connector} })
	Ramps   = define("ramps", func(r schema.Ramp) []string { return []string{r.Connector} })
	Endings = define("endings", func(e schema.Ending) []string { return []string{e.Connector} })
)

// Proposals are lines that wait for a person to release them, by what they are about;
// found by id, and by group as long as they are open. A group has a row of its own.
var (
	ProposalID    = &Index[schema.Proposal]{by: "id", unique: true, of: one(func(p schema.Proposal) []string { return []string{p.ID} })}
	ProposalsOpen = &Index[schema.Proposal]{by: "open", of: one(func(p schema.Proposal) []string { return unless(p.State != schema.ProposalOpen, p.Group) })}

	Proposals = define("proposals", func(p schema.Proposal) []string { return []string{p.Identity, p.Connector, p.Entitlement} }, ProposalID, ProposalsOpen)

	ProposalGroups = define("proposalGroups", func(g schema.ProposalGroup) []string { return []string{g.ID} })
)

// Observations are since when roles are decided about as they are, by role.
var Observations = define("observations", func(o schema.Observation) []string { return []string{o.Role} })

// Ownership: which machine identities somebody answers for, by what names them,
// case folded; and found by the machine.
var (
	OwnedBy = &Index[Owned]{by: "machine", of: one(func(o Owned) []string { return []string{o.Machine} })}

	Ownership = define("ownership", func(o Owned) []string { return []string{o.Owner, o.Machine} }, OwnedBy)
)

// Machines are what people decided about machine identities, by identity: there is a
// row for each that was ever looked at.
var Machines = define("machines", func(m schema.Machine) []string { return []string{m.Identity} })

// Groups, by id, and the edges of membership, both ways.
var (
	GroupName       = &Index[schema.Group]{by: "displayName", kept: true, marked: true, of: one(func(g schema.Group) []string { return []string{g.Source, fold(g.DisplayName)} })}
	GroupExternalID = &Index[schema.Group]{by: "externalId", unique: true, of: one(func(g schema.Group) []string { return unless(g.ExternalID == "", g.Source, g.ExternalID) })}
	GroupUnique     = &Index[schema.Group]{by: "uniques", of: func(g schema.Group) [][]string { return each(g.Source, g.Unique) }}
	GroupModified   = &Index[schema.Group]{by: "modified", of: one(func(g schema.Group) []string { return []string{g.Source, timePart(g.Modified)} })}

	Groups = define("groups", func(g schema.Group) []string { return []string{g.ID} }, GroupName, GroupExternalID, GroupUnique, GroupModified).reading(readGroup)

	MemberOf = &Index[schema.Member]{by: "member", of: one(func(m schema.Member) []string { return []string{m.Member} })}

	Members = define("members", func(m schema.Member) []string { return []string{m.Group, m.Member} }, MemberOf).reading(readMember).writing(writeMember)
)

// FormerGroupNames are those that groups lost by being deleted or renamed, case
// folded.
var FormerGroupNames = define("formerGroups", func(n FormerName) []string { return []string{n.Name} })

// Edges that wait for their member, by group and what names it; and found by
// source and what names it.
var (
	ParkedGroup  = &Index[schema.ParkedMember]{by: "group", kept: true, of: one(func(p schema.ParkedMember) []string { return []string{p.Group, p.Member} })}
	ParkedMember = &Index[schema.ParkedMember]{by: "member", kept: true, of: one(func(p schema.ParkedMember) []string { return []string{p.Source, p.Member} })}

	ParkedMembers = define("parked", func(p schema.ParkedMember) []string { return []string{p.Group, p.Member} }, ParkedGroup, ParkedMember)
)

// What sources send that no schema has: the newest bodies of each resource, by its
// id and their digests, and the attributes, by source and name.
var (
	RawCopies = define("rawCopies", func(c schema.RawCopy) []string { return []string{c.Resource, c.Digest} })

	UnmappedSource = &Index[schema.Unmapped]{by: "source", kept: true, of: one(func(u schema.Unmapped) []string { return []string{u.Source, u.Attribute} })}

	UnmappedAttributes = define("unmapped", func(u schema.Unmapped) []string { return []string{u.Source, u.Attribute} }, UnmappedSource)
)

// Grants, by identity and id, whether they live or ended; and what stands
// against roles coming back.
var (
	GrantRole  = &Index[schema.Grant]{by: "role", of: one(func(g schema.Grant) []string { return unless(!g.Ended.IsZero(), g.Role) })}
	GrantUntil = &Index[schema.Grant]{by: "until", of: one(func(g schema.Grant) []string {
		return unless(!g.Ended.IsZero() || g.Until.IsZero(), timePart(g.Until))
	})}

	// GrantTicket has the live grants that were made on a ticket, by its id, case folded.
	GrantTicket = &Index[schema.Grant]{by: "ticket", of: one(func(g schema.Grant) []string { return unless(!g.Ended.IsZero() || g.Ticket == "", fold(g.Ticket)) })}

	// GrantExcepted has the grants that rest on an exception, by role.
	GrantExcepted = &Index[schema.Grant]{by: "excepted", of: one(func(g schema.Grant) []string { return unless(!g.Ended.IsZero() || len(g.Excepted) == 0, g.Role) })}

	Grants = define("grants", func(g schema.Grant) []string { return []string{g.Identity, g.ID} }, GrantRole, GrantUntil, GrantTicket, GrantExcepted).reading(readGrant).refusing(unbounded)

	Tombstones = define("tombstones", func(t schema.Tombstone) []string { return []string{t.Identity, t.Role} })
)

// Requests, by id, which is in the order in which they were made; found by who may
// decide now, by whom they are for, by role, and by state.
var (
	RequestAwaits = &Index[schema.Request]{by: "awaits", of: func(r schema.Request) [][]string {
		if r.State != schema.RequestOpen {
			return nil
		}
		var all [][]string
		for _, who := range r.Awaits {
			all = append(all, []string{who})
		}
		return all
	}}
	RequestIdentity = &Index[schema.Request]{by: "identity", of: one(func(r schema.Request) []string { return []string{r.Identity} })}
	RequestRole     = &Index[schema.Request]{by: "role", of: one(func(r schema.Request) []string { return []string{r.Role} })}
	RequestPending  = &Index[schema.Request]{by: "pending", of: func(r schema.Request) [][]string {
		if r.Final() {
			return nil
		}
		return [][]string{{"identity", r.Identity}, {"role", r.Role}}
	}}
	// RequestAgreed finds, until it is final, by who agreed to it.
	RequestAgreed = &Index[schema.Request]{by: "agreed", of: func(r schema.Request) (by [][]string) {
		if r.Final() {
			return nil
		}
		for _, a := range r.Standing() {
			by = append(by, []string{a.By})
		}
		return by
	}}
	RequestState = &Index[schema.Request]{by: "state", of: one(func(r schema.Request) []string { return []string{string(r.State)} })}

	Requests = define("requests", func(r schema.Request) []string { return []string{r.ID} }, RequestAwaits, RequestIdentity, RequestRole, RequestPending, RequestAgreed, RequestState)
)

// What signals say: of tickets, by id and system; of workloads, by name and source;
// of the risk to identities and the use of accounts, by identity. When each feed was
// heard last, by source; and that a signal came, until its receipt is old.
var (
	Tickets = define("tickets", func(t schema.Ticket) []string { return []string{fold(t.ID), t.System} })

	Workloads = define("workloads", func(w schema.WorkloadState) []string { return []string{w.Name, w.Source} })

	Risks = define("risks", func(k schema.Risk) []string { return []string{k.Identity, k.Source, k.Kind} })

	// UseLast has when each was used last, the longest unused first.
	UseLast = &Index[schema.Use]{by: "last", of: one(func(u schema.Use) []string { return unless(u.LastUsed.IsZero(), timePart(u.LastUsed)) })}

	Uses = define("uses", func(u schema.Use) []string { return []string{u.Identity, u.Connector, u.Entitlement} }, UseLast)

	Feeds = define("feeds", func(f schema.Feed) []string { return []string{f.Source, string(f.Topic), f.Connector} })

	ReceiptTime = &Index[schema.SignalReceipt]{by: "received", of: one(func(s schema.SignalReceipt) []string { return []string{timePart(s.Received)} })}

	Receipts = define("receipts", func(s schema.SignalReceipt) []string { return []string{s.Source, s.ID} }, ReceiptTime)
)

// Bindings: which machine identities go by a name that a workload may be told of
// by, case folded; and found by the machine.
var (
	BoundTo = &Index[Bound]{by: "machine", of: one(func(b Bound) []string { return []string{b.Machine} })}

	Bindings = define("bindings", func(b Bound) []string { return []string{b.Name, b.Machine} }, BoundTo)
)

// Firings are the triggers that hold, and wait for time or for people; baselines
// are what they compare attributes with.
var (
	FiringDue = &Index[schema.Firing]{by: "due", of: one(func(f schema.Firing) []string { return unless(f.Due.IsZero() || !f.Settled.IsZero(), timePart(f.Due)) })}

	Firings = define("firings", func(f schema.Firing) []string { return []string{f.Identity, f.Role, f.Grant, f.Trigger} }, FiringDue)

	Baselines = define("baselines", func(b schema.Baseline) []string { return []string{b.Identity} })
)

// Exceptions that were asked for, by id; found by whom they are for, and by
// the rule that they deviate from where they are not final.
var (
	ExceptionIdentity = &Index[schema.Exception]{by: "identity", of: one(func(e schema.Exception) []string { return []string{e.Identity} })}
	ExceptionRule     = &Index[schema.Exception]{by: "rule", of: one(func(e schema.Exception) []string {
		return unless(e.State != schema.ExceptionOpen && e.State != schema.ExceptionApproved, e.Rule())
	})}

	// ExceptionEnds has those that hold, by when they end.
	ExceptionEnds = &Index[schema.Exception]{by: "ends", of: one(func(e schema.Exception) []string {
		return unless(e.State != schema.ExceptionApproved, timePart(e.Expires))
	})}

	Exceptions = define("exceptions", func(e schema.Exception) []string { return []string{e.ID} }, ExceptionIdentity, ExceptionRule, ExceptionEnds)
)

// Bypasses, by id, which is in the order in which they were taken; found by role, by
// whom they are of, by their grant, and, as long as nobody reviewed them, by the
// reviewers.
var (
	BypassRole     = &Index[schema.Bypass]{by: "role", of: one(func(b schema.Bypass) []string { return []string{b.Role} })}
	BypassIdentity = &Index[schema.Bypass]{by: "identity", of: one(func(b schema.Bypass) []string { return []string{b.Identity} })}
	BypassGrant    = &Index[schema.Bypass]{by: "grant", unique: true, of: one(func(b schema.Bypass) []string { return []string{b.Grant} })}
	BypassAwaits   = &Index[schema.Bypass]{by: "awaits", of: one(func(b schema.Bypass) []string {
		return unless(b.State != schema.BypassOpen && b.State != schema.BypassOverdue, "group/"+fold(b.Reviewers))
	})}

	Bypasses = define("bypasses", func(b schema.Bypass) []string { return []string{b.ID} },
		BypassRole, BypassIdentity, BypassGrant, BypassAwaits)
)

// Assignments are desired state; accounts are observed state and what is due.
var (
	AssignmentHeld = &Index[schema.Assignment]{by: "held", of: one(func(a schema.Assignment) []string { return []string{a.Connector, a.Entitlement} })}

	Assignments = define("assignments", func(a schema.Assignment) []string { return []string{a.Identity, a.Connector, a.Entitlement} }, AssignmentHeld).reading(readAssignment)

	AccountRemote = &Index[schema.Account]{by: "remote", of: one(func(a schema.Account) []string { return unless(a.RemoteID == "", a.Connector, a.RemoteID) })}
	AccountOpen   = &Index[schema.Account]{by: "open", of: one(func(a schema.Account) []string {
		return unless(a.Due.IsZero() || !a.Due.Ends, a.Connector, timePart(a.Due.Received))
	})}
	AccountState = &Index[schema.Account]{by: "state", of: one(func(a schema.Account) []string {
		return unless(a.State != schema.Retrying && a.State != schema.Parked, a.Connector, string(a.State))
	})}

	// AccountObjective has the accounts whose access is to end by a time, in the order
	// of that, those apart of which it has passed.
	AccountObjective = &Index[schema.Account]{by: "objective", of: one(func(a schema.Account) []string {
		return unless(!a.Due.Ends || a.Due.Objective.IsZero(), a.Connector, OpenObjective(a.Due.Missed), timePart(a.Due.Objective))
	})}

	// AccountUnmanaged has those that hold what the bridge neither gave nor adopted, or
	// that no role gave anything yet; AccountWaits those parked for an account of another.
	AccountUnmanaged = &Index[schema.Account]{by: "unmanaged", of: one(func(a schema.Account) []string { return unless(!a.Ungoverned(), a.Connector) })}
	AccountWaits     = &Index[schema.Account]{by: "waits", of: one(func(a schema.Account) []string { return unless(a.WaitsFor == "", a.WaitsFor) })}

	Accounts = define("accounts", func(a schema.Account) []string { return []string{a.Connector, a.Identity} },
		AccountRemote, AccountOpen, AccountState, AccountObjective, AccountUnmanaged, AccountWaits).reading(readAccount).writing(writeAccount)
)

// Exposure windows that closed, by id; found by when they were opened, and by whose
// they were.
var (
	WindowReceived = &Index[schema.Window]{by: "received", of: one(func(w schema.Window) []string { return []string{timePart(w.Change.Received)} })}
	WindowIdentity = &Index[schema.Window]{by: "identity", of: one(func(w schema.Window) []string { return []string{w.Identity} })}

	Windows = define("windows", func(w schema.Window) []string { return []string{w.ID} }, WindowReceived, WindowIdentity).reading(readWindow)
)

// WorkItems are what people are asked to do, by connector and identity, and credential.
var WorkItems = define("workItems", schema.WorkItem.Key)

// Sweeps: what they noticed, and that they ran.
var (
	FindingID = &Index[schema.Finding]{by: "id", unique: true, of: one(func(f schema.Finding) []string { return []string{f.ID()} })}

	Findings = define("findings", func(f schema.Finding) []string { return []string{f.Kind, f.Connector, f.Subject, f.Object} }, FindingID)

	RunSweep = &Index[schema.Run]{by: "sweep", of: one(func(r schema.Run) []string { return []string{r.Sweep} })}

	Runs = define("runs", func(r schema.Run) []string { return []string{r.ID} }, RunSweep)

	SweepProgress = define("sweepProgress", func(p schema.Progress) []string { return []string{p.Sweep} })
)

// Reviews of who holds what, by id, which is in the order in which they were opened;
// found by what they are of, and by state. Their items, by review, whose, and what;
// found by who may decide, by state, of which how many there are is kept, by who
// decided, and by whose it is.
var (
	ReviewOf    = &Index[schema.Review]{by: "of", of: one(func(v schema.Review) []string { return []string{string(v.Kind), v.Of} })}
	ReviewState = &Index[schema.Review]{by: "state", of: one(func(v schema.Review) []string { return []string{string(v.State)} })}

	Reviews = define("reviews", func(v schema.Review) []string { return []string{v.ID} }, ReviewOf, ReviewState)

	ItemAwaits = &Index[schema.ReviewItem]{by: "awaits", of: func(i schema.ReviewItem) [][]string {
		if !i.Awaited() {
			return nil
		}
		var all [][]string
		for _, who := range i.Awaits {
			all = append(all, []string{who})
		}
		return all
	}}
	ItemState    = &Index[schema.ReviewItem]{by: "state", kept: true, of: one(func(i schema.ReviewItem) []string { return []string{ItemsIn(i.Review, i.State)} })}
	ItemJudge    = &Index[schema.ReviewItem]{by: "judge", of: one(func(i schema.ReviewItem) []string { return unless(i.Judge == "", i.Review, i.Judge) })}
	ItemIdentity = &Index[schema.ReviewItem]{by: "identity", of: one(func(i schema.ReviewItem) []string { return []string{i.Identity} })}

	ReviewItems = define("reviewItems", func(i schema.ReviewItem) []string { return []string{i.Review, i.Identity, i.Holding} },
		ItemAwaits, ItemState, ItemJudge, ItemIdentity)

	ReviewClocks = define("reviewClocks", func(c schema.ReviewClock) []string { return []string{c.Role} })
)

// Reminders are what people were last reminded of, by whom and about what.
var (
	ReminderAbout = &Index[schema.Reminder]{by: "about", of: one(func(m schema.Reminder) []string { return []string{m.About} })}

	Reminders = define("reminders", func(m schema.Reminder) []string { return []string{m.To, m.About} }, ReminderAbout)
)

// Publications of policies, by id, which is in the order in which they were proposed;
// found by state, and by the policy. The plan of each, with the documents for as long
// as nobody published them, by its id.
var (
	PublicationState  = &Index[schema.Publication]{by: "state", of: one(func(p schema.Publication) []string { return []string{string(p.State)} })}
	PublicationDigest = &Index[schema.Publication]{by: "digest", of: one(func(p schema.Publication) []string { return []string{p.Digest} })}

	Publications = define("publications", func(p schema.Publication) []string { return []string{p.ID} }, PublicationState, PublicationDigest)

	Plans = define("plans", func(p KeptPlan) []string { return []string{p.Publication} })
)

// Credentials, policy versions, and single values.
var (
	TokenSource = &Index[schema.Token]{by: "source", of: one(func(t schema.Token) []string { return unless(t.Source == "", t.Source) })}

	CredentialUses = define("credentialUses", func(u schema.CredentialUse) []string { return []string{u.ID} })

	Tokens = define("tokens", func(t schema.Token) []string { return []string{t.ID} }, TokenSource)

	Cutoffs = define("cutoffs", func(c schema.Cutoff) []string { return []string{c.Issuer, c.Claim, c.Value} })

	Policies = define("policies", func(p PolicyVersion) []string { return []string{p.Digest} })

	Settings = define("settings", func(s Setting) []string { return []string{s.Name} })
)

// Notices are what somebody is to be told, or was, by whom and what it is about.
var Notices = define("notices", func(n schema.Notice) []string { return []string{n.To, n.Kind, n.Subject} })

// everything is all of the above, for the check.
func everything() []checked {
	return []checked{
		Identities, Correlations, WithheldIdentities, AffectedRecords, AffectedGroups, WithheldLosses, Ownership, Groups, Members, FormerGroupNames, ParkedMembers, RawCopies, UnmappedAttributes,
		Machines, Grants, Tombstones,
		Requests, Bypasses, Exceptions,
		Assignments, Accounts, WorkItems, Windows,
		Proposals, ProposalGroups, Observations,
		Holds, Halts, Ramps, Findings, Runs, SweepProgress,
		Reviews, ReviewItems, ReviewClocks, Reminders,
		Publications, Plans,
		Tokens, Cutoffs, CredentialUses, Policies, Settings,
		Notices, Tickets, Workloads, Risks, Uses, Feeds, Receipts, Bindings, Firings, Baselines,
	}
}
