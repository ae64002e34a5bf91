package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
)

// A RampView says how a target comes to be written to.
type RampView struct {
	Connector  string           `json:"connector"`
	State      string           `json:"state" enum:"none,climbing,waiting,stopped,done" doc:"none: there is no ramp, and everybody is written to; waiting: for the pause to be over."`
	Goal       schema.RampStage `json:"goal,omitempty"`
	Stage      schema.RampStage `json:"stage,omitempty"`
	Pause      string           `json:"pause,omitempty"`
	By         string           `json:"by,omitempty" doc:"Who wants it."`
	Began      time.Time        `json:"began,omitzero" doc:"The stage."`
	Next       time.Time        `json:"next,omitzero" doc:"When the next stage begins, if it waits for that."`
	Population int              `json:"population,omitempty" doc:"Accounts that there are to be, as far as the stage was handed out."`
	Admitted   int              `json:"admitted,omitempty" doc:"Of these, those that may be written to."`
	Waiting    int              `json:"waiting" doc:"Accounts in its lane, also those that are due later."`
	Failed     int              `json:"failed" doc:"Accounts of which it failed in this stage."`
	Stopped    string           `json:"stopped,omitempty" doc:"Why it stands still."`
	Since      time.Time        `json:"since,omitzero" doc:"Since when it stands still."`

	Tally    *connectors.Tally    `json:"tally,omitempty" doc:"What is to be done to come to the goal, as asked for."`
	Forecast *connectors.Forecast `json:"forecast,omitempty"`
	Told     string               `json:"told,omitempty" doc:"The forecast in words."`
	DryRun   bool                 `json:"dryRun,omitempty"`
}

// RampOf says how the ramp of a connector stands.
func RampOf(r store.Reader, connector string) (RampView, error) {
	v, err := rampOf(r, connector)
	if err != nil {
		return v, err
	}
	lanes, err := store.LaneStats(r)
	v.Waiting = lanes[access.LaneAccount(connector)].Items
	return v, err
}

func rampOf(r store.Reader, connector string) (RampView, error) {
	v := RampView{Connector: connector, State: "none"}
	ramp, err := store.Ramps.Get(r, connector)
	if errors.Is(err, schema.ErrNotFound) {
		return v, nil
	}
	v.take(ramp)
	return v, err
}

func (v *RampView) take(ramp schema.Ramp) {
	v.Goal, v.Stage, v.Pause, v.By, v.Began = ramp.Goal, ramp.Stage, ramp.Pause.String(), ramp.By, ramp.Began
	v.Population, v.Admitted, v.Failed, v.Stopped, v.Since = ramp.Population, ramp.Admitted, len(ramp.Failed), ramp.Stopped, ramp.Since
	switch {
	case ramp.Stopped != "":
		v.State = "stopped"
	case ramp.Done():
		v.State = "done"
	case !ramp.Reached.IsZero():
		v.State, v.Next = "waiting", ramp.Reached.Add(ramp.Pause)
	default:
		v.State = "climbing"
	}
}

// Summary is the ramp in a few words, for a list; nothing where there is none.
func (v RampView) Summary() string {
	switch v.State {
	case "none":
		return ""
	case "done":
		return string(v.Stage)
	}
	stage := string(v.Stage)
	if stage == "" {
		stage = "none"
	}
	return fmt.Sprintf("%s of %s, %s", stage, v.Goal, v.State)
}

type rampInput struct {
	Name string `path:"name"`
}

func (a *API) readRamp(ctx context.Context, in *rampInput) (*Reply[RampView], error) {
	if _, err := a.target(in.Name); err != nil {
		return nil, err
	}
	var v RampView
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		v, err = RampOf(r, in.Name)
		return err
	})
	return reply(v), err
}

type setRampInput struct {
	DryRun
	Name string `path:"name"`
	Body struct {
		To    string `json:"to,omitempty" doc:"one, a percentage such as 5%, or all."`
		Pause string `json:"pause,omitempty" doc:"Between one stage and the next, as in 30m; left out, 15m."`
		Do    string `json:"do,omitempty" enum:"stop,resume" doc:"Instead: have it stand still, or go on."`
	}
}

// defaultPause is between one stage and the next where nothing is said.
const defaultPause = 15 * time.Minute

func (a *API) setRamp(ctx context.Context, in *setRampInput) (*Reply[RampView], error) {
	t, err := a.target(in.Name)
	if err != nil {
		return nil, err
	}
	change, goal, err := a.rampChange(callerOf(ctx).Actor(), in)
	if err != nil {
		return nil, err
	}
	var v RampView
	err = a.change(ctx, in.DryRun, func(tx store.Tx) error {
		ramp, err := change(tx)
		if err != nil {
			return err
		}
		v = RampView{Connector: in.Name, DryRun: in.Dry}
		v.take(ramp)
		return nil
	})
	if err != nil || goal == "" {
		return reply(v), err
	}
	tally, err := access.Forecast(ctx, a.Store, a.Rules, in.Name, goal)
	if err != nil {
		return nil, err
	}
	f := t.Profile.Forecast(tally, connectors.CostsOf(t.Connector, t.Profile), t.Verify)
	v.Tally, v.Forecast, v.Told = &tally, &f, f.String()
	return reply(v), nil
}

// rampChange returns what is asked for, and how far the ramp is to come, if that is it.
func (a *API) rampChange(by string, in *setRampInput) (change func(store.Tx) (schema.Ramp, error), goal schema.RampStage, err error) {
	book, name := a.Rules.Book(), in.Name
	if (in.Body.Do == "") == (in.Body.To == "") {
		return nil, "", fmt.Errorf("say what the ramp is to do: come to something, stop, or resume: %w", schema.ErrInvalid)
	}
	switch in.Body.Do {
	case "stop":
		return func(tx store.Tx) (schema.Ramp, error) { return access.StopRamp(tx, book, by, name) }, "", nil
	case "resume":
		return func(tx store.Tx) (schema.Ramp, error) { return access.ResumeRamp(tx, book, by, name) }, "", nil
	}
	if goal, err = schema.ParseRampStage(in.Body.To); err != nil {
		return nil, "", err
	}
	pause := defaultPause
	if in.Body.Pause != "" {
		if pause, err = time.ParseDuration(in.Body.Pause); err != nil || pause < 0 {
			return nil, "", fmt.Errorf("pause %q: write a duration such as 30m: %w", in.Body.Pause, schema.ErrInvalid)
		}
	}
	return func(tx store.Tx) (schema.Ramp, error) { return access.SetRamp(tx, book, by, name, goal, pause) }, goal, nil
}
