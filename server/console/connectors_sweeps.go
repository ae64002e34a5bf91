package console

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"drawbridge/access"
	"drawbridge/access/nhi"
	"drawbridge/schema"
)

// connectorsPage is how targets and sources stand.
type connectorsPage struct {
	Connectors []connectorView
	Sources    []sourceView
}

func showConnectors(v *visit) (any, error) {
	var connectors list[connectorView]
	var sources list[sourceView]
	if err := v.get(v.ctx, "/connectors", &connectors); err != nil {
		return nil, err
	}
	err := v.get(v.ctx, "/sources", &sources)
	return connectorsPage{connectors.Items, sources.Items}, err
}

// connectorPage is one connector, with the accounts that are in trouble.
type connectorPage struct {
	connectorView
	Halt     *schema.Halt
	Coverage *access.Coverage
	State    string
	Accounts []schema.Account
	More     string
}

// PageTitle is the connector's name.
func (p connectorPage) PageTitle() string { return p.Name }

func showConnector(v *visit) (any, error) {
	name := v.r.PathValue("name")
	var all list[connectorView]
	var halts list[schema.Halt]
	var accounts list[schema.Account]
	p := connectorPage{State: v.q("state")}
	if err := v.get(v.ctx, "/connectors", &all); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all.Items, func(c connectorView) bool { return c.Name == name })
	if i < 0 {
		return nil, &problem{Status: http.StatusNotFound, Detail: "No connector is named " + name + "."}
	}
	if err := v.get(v.ctx, "/halts", &halts); err != nil {
		return nil, err
	}
	if err := v.get(v.ctx, "/accounts", &accounts, "connector", name, "state", p.State, "limit", "25", "cursor", v.cursor()); err != nil {
		return nil, err
	}
	p.connectorView, p.Accounts, p.More = all.Items[i], accounts.Items, v.more(accounts.Next)
	if i := slices.IndexFunc(halts.Items, func(h schema.Halt) bool { return h.Connector == name || h.Connector == schema.Everywhere }); i >= 0 {
		p.Halt = &halts.Items[i]
	}
	if ready, ok := v.readiness(); ok {
		if c, ok := ready.Coverage.Connectors[name]; ok {
			p.Coverage = &c
		}
	}
	return p, nil
}

func showSweeps(v *visit) (any, error) {
	var sweeps list[sweepView]
	err := v.get(v.ctx, "/sweeps", &sweeps)
	return sweeps.Items, err
}

// sweepPage is one sweep and its runs, newest first.
type sweepPage struct {
	sweepView
	Runs []schema.Run
	More string
}

// PageTitle is the sweep's name.
func (p sweepPage) PageTitle() string { return p.Name }

func showSweep(v *visit) (any, error) {
	name := v.r.PathValue("name")
	var sweeps list[sweepView]
	var runs list[schema.Run]
	if err := v.get(v.ctx, "/sweeps", &sweeps); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(sweeps.Items, func(s sweepView) bool { return s.Name == name })
	if i < 0 {
		return nil, &problem{Status: http.StatusNotFound, Detail: "No sweep is named " + name + "."}
	}
	err := v.get(v.ctx, "/runs", &runs, "sweep", name, "limit", "50", "cursor", v.cursor())
	return sweepPage{sweeps.Items[i], runs.Items, v.more(runs.Next)}, err
}

// runPage is one run of a sweep: what it looked at, found, proposed, did, and was held
// from.
type runPage struct{ schema.Run }

// PageTitle names the sweep.
func (p runPage) PageTitle() string { return "A run of " + p.Sweep }

func showRun(v *visit) (any, error) {
	var p runPage
	err := v.get(v.ctx, "/runs/"+seg(v.r.PathValue("id")), &p.Run)
	return p, err
}

// previewed says what a run of a sweep would come to, of the API's answer.
func previewed(answer []byte) string {
	var ran struct {
		Preview *access.Preview `json:"preview"`
	}
	if err := json.Unmarshal(answer, &ran); err != nil || ran.Preview == nil {
		return "It would run."
	}
	r := ran.Preview.Run
	text := []string{"Nothing was done. A run would look at " + count(r.Looked) + ", find " + count(r.Found) + " and do " + count(r.Proposed) + "."}
	for _, h := range ran.Preview.Plans {
		if h.Reason != "" {
			text = append(text, "The guard would hold "+many(h.Count, "change")+" of "+h.Subject+": "+h.Reason+".")
		}
	}
	if r.Problem != "" {
		text = append(text, "It fails: "+r.Problem)
	}
	return strings.Join(text, " ")
}

// A findingView is a finding with its id.
type findingView struct {
	ID string `json:"id"`
	schema.Finding
	UserName string `json:"userName"`
}

// findingPage is one finding, and what can be decided about it.
type findingPage struct{ findingView }

// PageTitle says what kind of finding it is, and about what.
func (p findingPage) PageTitle() string { return "Finding: " + p.Kind }

func showFinding(v *visit) (any, error) {
	var p findingPage
	err := v.get(v.ctx, "/findings/"+seg(v.r.PathValue("id")), &p.findingView)
	return p, err
}

// findingsPage is what is not as it should be.
type findingsPage struct {
	Kind, Connector string
	Findings        []findingView
	More            string
}

func showFindings(v *visit) (any, error) {
	p := findingsPage{Kind: v.q("kind"), Connector: v.q("connector")}
	var found list[findingView]
	err := v.get(v.ctx, "/findings", &found, "kind", p.Kind, "connector", p.Connector, "limit", "50", "cursor", v.cursor())
	p.Findings, p.More = found.Items, v.more(found.Next)
	return p, err
}

// workPage is what people are asked to do where no program can reach.
type workPage struct {
	Overdue bool
	Items   []schema.WorkItem
	More    string
}

func showWork(v *visit) (any, error) {
	p := workPage{Overdue: v.q("overdue") == "true"}
	overdue := ""
	if p.Overdue {
		overdue = "true"
	}
	var items list[schema.WorkItem]
	err := v.get(v.ctx, "/work-items", &items, "overdue", overdue, "limit", "50", "cursor", v.cursor())
	p.Items, p.More = items.Items, v.more(items.Next)
	return p, err
}

// machinesPage is the register of machine identities.
type machinesPage struct {
	Machines []nhi.MachineView
	More     string
}

func showMachines(v *visit) (any, error) {
	var found list[nhi.MachineView]
	err := v.get(v.ctx, "/nhi", &found, "risk", v.q("risk"), "owner", v.q("owner"), "limit", "50", "cursor", v.cursor())
	return machinesPage{found.Items, v.more(found.Next)}, err
}

// machinePage is one machine identity.
type machinePage struct{ nhi.MachineView }

// PageTitle is what the machine is called.
func (p machinePage) PageTitle() string { return p.UserName }

func showMachine(v *visit) (any, error) {
	var p machinePage
	err := v.get(v.ctx, "/nhi/"+seg(v.r.PathValue("identity")), &p.MachineView)
	return p, err
}

// A sourceView says how a source stands.
type sourceView struct {
	Name       string `json:"name"`
	Approved   bool   `json:"approved"`
	Trust      string `json:"trust"`
	Identities int64  `json:"identities"`
	Groups     int64  `json:"groups"`
	Waiting    int    `json:"waiting"`
	Ambiguous  int    `json:"ambiguous"`

	Heard time.Time `json:"heard"`
	Stale bool      `json:"stale"`
}

// showHalt shows the halt of everything, if there is one.
func showHalt(v *visit) (any, error) {
	var halts list[schema.Halt]
	if err := v.get(v.ctx, "/halts", &halts); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(halts.Items, func(h schema.Halt) bool { return h.Connector == schema.Everywhere })
	if i < 0 {
		return (*schema.Halt)(nil), nil
	}
	return &halts.Items[i], nil
}
