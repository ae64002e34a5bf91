package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access"
	"drawbridge/access/nhi"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// registerMachines registers what people see of machine identities, and decide.
func (a *API) registerMachines(h huma.API) {
	add(a, h, get("/nhi", "List machine identities, by id"), a.listMachines)
	add(a, h, get("/nhi-report", "What machine identities are at risk of: a block for each of the ten risks"), a.reportMachines)
	add(a, h, get("/nhi/{identity}", "How a machine identity stands"), a.readMachine)
	add(a, h, post("/nhi/{identity}/assign", "Say who answers for a machine identity from now on"), a.assignMachine)
	add(a, h, post("/nhi/{identity}/rotated", "Say that a credential of a machine identity was changed"), a.rotatedMachine)
	add(a, h, post("/nhi/{identity}/stop", "Take everything from a machine identity until it is started again"), a.stopMachine)
	add(a, h, post("/nhi/{identity}/start", "Give a machine identity back what it was stopped from"), a.startMachine)
	add(a, h, post("/nhi/{identity}/settle", "Answer what is known of a machine identity at one of the risks that people answer"), a.settleMachine)
}

type machinesInput struct {
	Paging
	Risk  string `query:"risk" maxLength:"20" doc:"Only those at this risk, as in NHI1:2025."`
	Owner string `query:"owner" maxLength:"200" doc:"Only those of this owner, as the register or its source names them."`
}

func (a *API) listMachines(ctx context.Context, in *machinesInput) (*Reply[List[nhi.MachineView]], error) {
	after, err := in.after(1)
	if err != nil {
		return nil, err
	}
	var list List[nhi.MachineView]
	err = a.Store.View(ctx, func(r store.Reader) (err error) {
		list, err = page(in.Paging, nhi.All(r, a.Rules.Book(), after...), pick[nhi.MachineView]{
			keep: func(v nhi.MachineView) bool { return MachineIs(v, in.Risk, in.Owner) },
			key:  func(v nhi.MachineView) []string { return []string{v.Identity} },
		})
		return err
	})
	return reply(list), err
}

// MachineIs reports whether a machine is at a risk and of an owner; an empty one is any.
func MachineIs(v nhi.MachineView, risk, owner string) bool {
	at := risk == ""
	for _, r := range v.Risks {
		at = at || string(r.Risk) == risk
	}
	return at && (owner == "" || store.Fold(v.Owner) == store.Fold(owner))
}

func (a *API) reportMachines(ctx context.Context, _ *struct{}) (*Reply[nhi.MachineReport], error) {
	var report nhi.MachineReport
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		report, err = nhi.Report(r, a.Rules.Book())
		return err
	})
	return reply(report), err
}

// MachineNamed says which machine is meant.
type MachineNamed struct {
	Identity string `path:"identity" maxLength:"200" doc:"An id, a userName or an email address."`
}

func (a *API) readMachine(ctx context.Context, in *MachineNamed) (*Reply[nhi.MachineView], error) {
	var v nhi.MachineView
	err := a.Store.View(ctx, func(r store.Reader) error {
		id, err := access.FindMachine(r, in.Identity)
		if err != nil {
			return err
		}
		v, err = nhi.View(r, a.Rules.Book(), id.ID)
		return err
	})
	return reply(v), err
}

// Words are why somebody decides.
type Words struct {
	Reason string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
}

type decideMachineInput struct {
	MachineNamed
	DryRun
	Body Words
}

type assignMachineInput struct {
	MachineNamed
	DryRun
	Body struct {
		Words
		Owner  string `json:"owner" minLength:"1" maxLength:"200" doc:"A person who is there: an id, a userName or an email address."`
		Deputy string `json:"deputy,omitempty" maxLength:"200"`
	}
}

type rotatedMachineInput struct {
	MachineNamed
	DryRun
	Body struct {
		Words
		Credential string    `json:"credential" minLength:"1" maxLength:"200" doc:"Its name in the register."`
		At         time.Time `json:"at,omitzero" doc:"Left out: now."`
	}
}

type settleMachineInput struct {
	MachineNamed
	DryRun
	Body struct {
		Words
		Risk policy.RiskID `json:"risk" enum:"NHI3:2025,NHI10:2025"`
	}
}

// decideMachine lets the caller decide about a machine, and says how it then stands.
func (a *API) decideMachine(ctx context.Context, name string, dry DryRun, words Words,
	decide func(store.Tx, *policy.Book, access.MachineChange) (schema.Machine, error),
) (*Reply[nhi.MachineView], error) {
	book := a.Rules.Book()
	var v nhi.MachineView
	err := a.change(ctx, dry, func(tx store.Tx) error {
		id, err := access.FindMachine(tx, name)
		if err != nil {
			return err
		}
		by := access.Decider{Actor: callerOf(ctx).Actor(), Auth: "api"}
		if person, err := access.PersonOf(tx, book, callerOf(ctx).Person); err == nil {
			by.Identity = person.ID
		}
		if _, err := decide(tx, book, access.MachineChange{Identity: id.ID, By: by, Reason: words.Reason}); err != nil {
			return err
		}
		v, err = nhi.View(tx, book, id.ID)
		v.DryRun = dry.Dry
		return err
	})
	return reply(v), err
}

func (a *API) assignMachine(ctx context.Context, in *assignMachineInput) (*Reply[nhi.MachineView], error) {
	return a.decideMachine(ctx, in.Identity, in.DryRun, in.Body.Words, func(tx store.Tx, book *policy.Book, c access.MachineChange) (schema.Machine, error) {
		return access.Assign(tx, book, c, in.Body.Owner, in.Body.Deputy)
	})
}

func (a *API) rotatedMachine(ctx context.Context, in *rotatedMachineInput) (*Reply[nhi.MachineView], error) {
	return a.decideMachine(ctx, in.Identity, in.DryRun, in.Body.Words, func(tx store.Tx, book *policy.Book, c access.MachineChange) (schema.Machine, error) {
		return access.Rotated(tx, book, c, in.Body.Credential, in.Body.At)
	})
}

func (a *API) stopMachine(ctx context.Context, in *decideMachineInput) (*Reply[nhi.MachineView], error) {
	return a.decideMachine(ctx, in.Identity, in.DryRun, in.Body, access.Stop)
}

func (a *API) startMachine(ctx context.Context, in *decideMachineInput) (*Reply[nhi.MachineView], error) {
	return a.decideMachine(ctx, in.Identity, in.DryRun, in.Body, access.Start)
}

func (a *API) settleMachine(ctx context.Context, in *settleMachineInput) (*Reply[nhi.MachineView], error) {
	return a.decideMachine(ctx, in.Identity, in.DryRun, in.Body.Words, func(tx store.Tx, book *policy.Book, c access.MachineChange) (schema.Machine, error) {
		return access.Settle(tx, book, c, in.Body.Risk)
	})
}
