package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/connectors/builtin"
	"drawbridge/connectors/examine"
	"drawbridge/schema"
)

// budget is how many calls a check makes at most of a target that speaks HTTP, and
// reserve how many more may be made to clean up.
const (
	budget  = 60
	reserve = 10
)

func connectorCheckCommand() *cobra.Command {
	var c connectorCheck
	var f format
	cmd := &cobra.Command{
		Use:   "check NAME --config FILE [--probe [--group TARGET] [--draft FILE]] [--clean]",
		Short: "Say whether a target can be reached as configured, and, with --probe, what it does",
		Long: fmt.Sprintf("Reaches the target as it is configured, and says in plain words where the way ends, if it does. Nothing is\n"+
			"changed there, and no bridge need run.\n\n"+
			"With --probe it makes a throw-away account there, looks at it, changes, disables, enables and deletes it, and\n"+
			"says what the target does beside what its profile says: at most %d calls over HTTP. It may take a seat or\n"+
			"licence for that moment. However it ends, the account is taken away; one that is left is found by the next\n"+
			"check, and --clean removes it.", budget),
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.name, c.stderr = args[0], cmd.ErrOrStderr()
			r, err := c.run(cmd.Context())
			if r == nil {
				return err
			}
			return errors.Join(f.print(cmd.OutOrStdout(), r, r.text), err)
		},
	}
	cmd.Flags().StringVar(&c.config, "config", "", "configuration file")
	cmd.Flags().BoolVar(&c.probe, "probe", false, "walk through the life of a throw-away account")
	cmd.Flags().StringVar(&c.group, "group", "", "with --probe: an entitlement, by its target's name, that it may hold for a moment")
	cmd.Flags().StringVar(&c.domain, "domain", "example.com", "with --probe: of its email address")
	cmd.Flags().StringVar(&c.draft, "draft", "", "with --probe: write a profile with what was learned to a file that is not there yet")
	cmd.Flags().BoolVar(&c.clean, "clean", false, "remove the account that an earlier check left behind")
	c.progress.flag(cmd)
	f.flag(cmd)
	return cmd
}

// A connectorCheck is one check of a target.
type connectorCheck struct {
	name, config, group, domain, draft string
	probe, clean                       bool
	verify                             string // as it is configured
	progress                           progress
	stderr                             io.Writer
}

// A checked is what a check found.
type checked struct {
	Connector string             `json:"connector"`
	Profile   string             `json:"profile"` // its title
	OK        bool               `json:"ok"`
	Problem   *examine.Diagnosis `json:"problem,omitempty"`
	Canary    string             `json:"canary,omitempty"` // what became of it, or where one was left
	Facts     []checkedFact      `json:"facts"`
	Calls     int                `json:"calls,omitempty"`
	Unknown   []string           `json:"unknown"` // what the profile does not know

	// Restrictions are what the target demands that no client can do anything about.
	Restrictions []string `json:"restrictions,omitempty"`

	Draft string `json:"draft,omitempty"`
}

type checkedFact struct {
	Verdict connectors.Verdict `json:"verdict"`
	connectors.Fact
}

// errChecked is the end of a check that found something wrong.
var errChecked = errors.New("the target is not as it should be")

func (c *connectorCheck) run(ctx context.Context) (*checked, error) {
	if !c.probe && (c.group != "" || c.draft != "") {
		return nil, fmt.Errorf("%w: --group and --draft go with --probe", errUsage)
	}
	cfg, err := c.find()
	if err != nil {
		return nil, err
	}
	wire := examine.NewWire(nil, budget)
	target, err := builtin.Kinds().Open(connectors.Options{Config: cfg, Transport: wire})
	if err != nil {
		return nil, err
	}
	if closer, ok := target.(connectors.Closer); ok {
		defer func() { _ = closer.Close() }()
	}
	r := &checked{Connector: c.name, Profile: cfg.Profile.Title, Unknown: append([]string{}, cfg.Profile.Unknown...), Facts: []checkedFact{}}
	r.Restrictions = cfg.Profile.Restrictions
	looking := &looking{connectorCheck: c, cfg: cfg, target: target, wire: wire, report: r}
	err = looking.look(ctx)
	r.Calls, r.OK = wire.Made(), err == nil
	return r, err
}

// find returns the connector's configuration.
func (c *connectorCheck) find() (connectors.Config, error) {
	if c.config == "" {
		return connectors.Config{}, fmt.Errorf("%w: --config names the configuration file of a bridge", errUsage)
	}
	cfg, err := configs.Load(c.config, os.LookupEnv)
	if err != nil {
		return connectors.Config{}, err
	}
	var names []string
	for _, one := range cfg.Connectors {
		if one.Name == c.name {
			c.verify = cfg.Care[c.name].Verify
			return one, nil
		}
		names = append(names, one.Name)
	}
	return connectors.Config{}, fmt.Errorf("no connector is named %q; there are %s: %w", c.name, strings.Join(schema.Sorted(names...), ", "), schema.ErrNotFound)
}

// A looking is a check under way.
type looking struct {
	*connectorCheck
	cfg    connectors.Config
	target connectors.Connector
	wire   *examine.Wire
	report *checked
}

func (l *looking) tell(f connectors.Fact) {
	l.report.Facts = append(l.report.Facts, checkedFact{f.Verdict(), f})
}

// failed takes over what is wrong with the target.
func (l *looking) failed(err error) error {
	d := examine.Diagnose(l.cfg, err)
	l.report.Problem = &d
	return errChecked
}

func (l *looking) look(ctx context.Context) error {
	if asker, ok := l.target.(connectors.Asker); ok {
		l.report.Canary = "people tend this target, and nothing is called: " + or(asker.Terms().Assignee, "whoever takes a work item") + " is asked"
		return nil
	}
	prober, ok := l.target.(connectors.Prober)
	if ok {
		l.progress.say(l.stderr, "reaching "+l.name)
		if err := prober.Probe(ctx); err != nil {
			return l.failed(err)
		}
		l.tell(connectors.Fact{Key: "reached", Profile: "works", Target: "works", Note: "it is there, and lets the bridge in"})
	}
	l.blind()
	canary := examine.Canary(l.name, l.domain)
	if err := l.leftover(ctx, canary); err != nil {
		return err
	}
	switch x, examines := l.target.(connectors.Examiner); {
	case l.probe:
		return l.walk(ctx, canary)
	case examines:
		if err := x.Examine(ctx, schema.Account{}, l.tell); err != nil {
			return l.failed(err)
		}
	}
	l.rates()
	l.use(ctx)
	return l.compare(ctx)
}

// blind tells what the bridge will not see of the target.
func (l *looking) blind() {
	const unverified = ": what it agrees to counts as acknowledged, and no revocation as verified"
	_, reads := l.target.(connectors.Reader)
	switch {
	case l.verify == connectors.VerifyNever:
		l.tell(connectors.Fact{Key: "read back", Note: "the configuration says verify: never" + unverified})
	case !reads && !l.probe: // which finds out itself
		l.tell(connectors.Fact{Key: "read back", Note: "it cannot be read" + unverified})
	}
	if _, lists := l.target.(connectors.Lister); !lists {
		l.tell(connectors.Fact{Key: "list", Note: "its accounts cannot be listed: what is changed there by hand, and whose nobody is, is not found"})
	}
}

// leftover looks for the canary of an earlier check, and removes it if it is told
// to.
func (l *looking) leftover(ctx context.Context, canary map[string]string) error {
	x, ok := l.target.(connectors.Examiner)
	if !ok {
		return nil
	}
	found, err := x.Find(ctx, canary)
	switch {
	case err != nil:
		return l.failed(err)
	case !found.Exists() && l.clean:
		l.report.Canary = "no account of an earlier check is there"
		return nil
	case !found.Exists():
		return nil
	case l.clean || l.probe:
		l.progress.say(l.stderr, "removing "+canary["userName"]+", which an earlier check left")
		disabled, err := examine.Remove(ctx, l.target, l.name, canary)
		if err != nil && (!disabled || !errors.Is(err, errors.ErrUnsupported)) {
			return l.failed(err)
		}
		l.report.Canary = canary["userName"] + ", which an earlier check left, is removed"
		if disabled {
			l.report.Canary = canary["userName"] + ", which an earlier check left, is disabled: nothing says how it is deleted there"
		}
		return nil
	}
	l.report.Canary = canary["userName"] + " is there, which an earlier check left: --clean removes it"
	return nil
}

// walk walks through the life of the canary.
func (l *looking) walk(ctx context.Context, canary map[string]string) error {
	w := examine.Walk{
		Connector: l.target, Config: l.cfg, Canary: canary, Group: l.group, Tell: l.tell,
		Step:     func(what string) { l.progress.say(l.stderr, fmt.Sprintf("canary %s: %s", canary["userName"], what)) },
		Cleaning: func() { l.wire.Allow(reserve) },
	}
	err := w.Run(ctx)
	l.rates()
	left, isLeft := errors.AsType[*examine.LeftError](err)
	switch {
	case errors.Is(err, examine.ErrIrreversible):
		return hint(fmt.Errorf("%w: %w", err, schema.ErrForbidden), "the probe disables its own throw-away account: with allowIrreversible: true, which the bridge heeds as well, it may")
	case isLeft && left.Disabled && errors.Is(left.Err, errors.ErrUnsupported):
		l.report.Canary = left.UserName + " stays there, disabled: nothing says how it is deleted. The next probe uses it again"
		err = left.Walk
	case isLeft:
		l.report.Canary = left.Error() + ": --clean tries again"
	default:
		l.report.Canary = canary["userName"] + " was made and taken away again"
	}
	if err != nil {
		return l.failed(err)
	}
	if slices.ContainsFunc(l.report.Facts, func(f checkedFact) bool { return f.Verdict == connectors.Differs && f.Target == "fails" }) {
		err = errChecked
	}
	l.use(ctx)
	return errors.Join(l.write(), err, l.compare(ctx))
}

// mostAsked is of how many accounts it is looked whether they say when they were used.
const mostAsked = 100

// use looks whether accounts say when they were used last, where the profile says that they
// do: of a target that never says it, nothing is ever found unused, and nobody notices.
func (l *looking) use(ctx context.Context) {
	lister, lists := l.target.(connectors.Lister)
	if !lists || !connectors.TellsUse(l.target) {
		return
	}
	looked, told := 0, 0
	f := connectors.Fact{Key: "last use", Profile: "told"}
	for a, err := range lister.List(ctx) {
		if err != nil {
			f.Note = err.Error()
			l.tell(f)
			return
		}
		looked++
		if !a.LastUsed.IsZero() {
			told++
		}
		if looked == mostAsked {
			break
		}
	}
	f.Note = fmt.Sprintf("%d of the first %s say when they were used last", told, plural(looked, "account"))
	if told > 0 {
		f.Target = f.Profile
	} else {
		f.Note += ": as long as none does, nothing is found unused there"
	}
	l.tell(f)
}

// rates tells what answers said of rates.
func (l *looking) rates() {
	if l.wire.Made() == 0 {
		return
	}
	f := connectors.Fact{Key: "rate", Note: or(l.wire.Rates(), "no answer said how often it may be called")}
	r := l.cfg.Profile.Rate
	switch {
	case r.PerHour > 0:
		f.Profile = fmt.Sprintf("%d an hour", r.PerHour)
	case r.PerSecond > 0:
		f.Profile = fmt.Sprintf("%g a second", r.PerSecond)
	}
	l.tell(f)
}

// write writes the draft, if one is asked for.
func (l *looking) write() error {
	if l.draft == "" {
		return nil
	}
	var facts []connectors.Fact
	for _, f := range l.report.Facts {
		facts = append(facts, f.Fact)
	}
	from := fmt.Sprintf("%s, as drawbridge connector check saw it on %s: a draft. It is the profile it was\nlooked by, with what the target does where that differs. Read it before you use it.",
		l.cfg.Profile.Title, time.Now().UTC().Format(time.DateOnly))
	text, err := examine.Draft(l.cfg.Profile, facts, from)
	if err != nil {
		return err
	}
	l.report.Draft = l.draft
	return writeNew(l.draft, text)
}

func or(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}

func (r *checked) text(out io.Writer) error {
	var rows [][]string
	for _, f := range r.Facts {
		rows = append(rows, []string{string(f.Verdict), f.Key, orDash(f.Profile), orDash(f.Target), oneLine(f.Note)})
	}
	if len(rows) > 0 {
		if err := table(out, "verdict what profile target note", rows); err != nil {
			return err
		}
	}
	if p := r.Problem; p != nil {
		fmt.Fprintf(out, "%s: %s\n  it said: %s\n", p.Where, p.What, oneLine(p.Said))
		if p.Do != "" {
			fmt.Fprintf(out, "  %s\n", p.Do)
		}
	}
	if r.Canary != "" {
		fmt.Fprintln(out, "canary:", r.Canary)
	}
	for _, text := range r.Restrictions {
		fmt.Fprintln(out, "note:", text)
	}
	if len(r.Unknown) > 0 {
		fmt.Fprintln(out, "the profile does not know:", strings.Join(r.Unknown, ", "))
	}
	if r.Draft != "" {
		fmt.Fprintln(out, "draft:", r.Draft)
	}
	if r.Calls > 0 {
		_, err := fmt.Fprintf(out, "%s\n", plural(r.Calls, "call"))
		return err
	}
	return nil
}

// oneLine makes text that may have several lines fit a row.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
