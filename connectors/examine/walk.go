// Package examine finds out what a target does, for whoever connects one.
//
// Diagnose says in plain words where the way to a target ends. A Walk goes through
// the life of one account with a canary: a throw-away account of the target that
// nobody is, made, looked at, changed, disabled, enabled and deleted, by the same
// calls by which the bridge will treat people's. What it sees are facts beside what
// the profile says; Draft makes a profile of them. Nothing here knows a protocol.
package examine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// Canary returns the attributes of the canary of a connector. They are always the
// same, so that one that was left behind is found again.
func Canary(connector, domain string) map[string]string {
	sum := sha256.Sum256([]byte("canary " + connector))
	name := "dbcanary-" + hex.EncodeToString(sum[:4]) // 17 characters: some targets keep no more than 20
	return map[string]string{
		"userName": name, "externalId": name, "displayName": "Drawbridge Canary", "name.givenName": "Drawbridge", "name.familyName": "Canary",
		"emails.value": name + "@" + domain, "title": "Canary", "userType": "", "department": "", "employeeNumber": "",
	}
}

// cleaning is how long the canary may take to be taken away, once it is time to.
const cleaning = time.Minute

// A Walk is one look at a target with a canary.
type Walk struct {
	Connector connectors.Connector
	Config    connectors.Config
	Canary    map[string]string     // its attributes
	Group     string                // an entitlement, by the target's name, that the canary may be given for a moment; empty: none
	Tell      func(connectors.Fact) // is told of each fact, as it is seen
	Step      func(what string)     // is told of each step, before it is taken; may be nil
	Cleaning  func()                // is called before the canary is taken away; may be nil

	account schema.Account
	made    bool // there is, or may be, a canary
	off     bool // it was disabled
	lost    bool // disabled, it was not there any more
}

// ErrIrreversible is why a target is not walked through whose disabled accounts
// cannot be had back.
var ErrIrreversible = errors.New("disabling cannot be undone at this target, and the configuration does not say allowIrreversible")

// Run walks. However it ends, the canary is taken away again, also when ctx is done
// meanwhile; an error that is a LeftError says that it could not be.
func (w *Walk) Run(ctx context.Context) (err error) {
	if w.Config.Profile.Irreversible && !w.Config.AllowIrreversible {
		return ErrIrreversible
	}
	defer func() { err = w.clean(ctx, err) }()
	for _, step := range []struct {
		what string
		take func(context.Context) error
	}{
		{"create", w.create}, {"read it back", w.readBack}, {"create it again", w.adopt}, {"change it", w.update},
		{"give and take a group", w.member}, {"look", w.look}, {"disable it", w.disable}, {"enable it", w.enable},
	} {
		w.step(step.what)
		if err := step.take(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

func (w *Walk) step(what string) {
	if w.Step != nil {
		w.Step(what)
	}
}

func (w *Walk) want(change map[string]string, held ...string) schema.Account {
	attributes := maps.Clone(w.Canary)
	maps.Copy(attributes, change)
	return schema.Account{Connector: w.Config.Name, Identity: "canary", RemoteID: w.account.RemoteID, Active: true, Attributes: attributes, Entitlements: held}
}

// attempts is how often a step is tried whose failure may pass, and patience how
// long it is waited for at most.
const (
	attempts = 3
	patience = 30 * time.Second
)

// apply has the target make the canary so, and remembers what is there.
func (w *Walk) apply(ctx context.Context, want schema.Account) error {
	var err error
	for n := range attempts {
		have := w.account
		have.Managed = schema.Sorted(slices.Concat(have.Managed, want.Entitlements)...)
		var got schema.Account
		got, err = w.Connector.Apply(ctx, have, want)
		got.Managed = have.Managed
		w.account = got
		wait := max(connectors.RetryAfter(err), time.Second<<n/2)
		if err == nil || connectors.KindOf(err) != connectors.Transient || errors.Is(err, ErrBudget) || wait > patience || n == attempts-1 {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
	return err
}

// works tells whether something works that every target is to do.
func (w *Walk) works(key string, err error, note string) {
	f := connectors.Fact{Key: key, Profile: "works", Target: "works", Note: note}
	if err != nil {
		f.Target, f.Note = "fails", err.Error()
	}
	w.Tell(f)
}

// hopeless reports whether there is no sense in going on: the context is done, or
// the budget used up.
func hopeless(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.Is(err, ErrBudget))
}

func (w *Walk) create(ctx context.Context) error {
	w.made = true
	err := w.apply(ctx, w.want(nil))
	if err != nil {
		if !hopeless(ctx, err) {
			w.works("create", err, "")
		}
		return err
	}
	note := ""
	if w.account.Adopted {
		note = "an account of that name was there, of an earlier look"
	}
	w.works("create", nil, note)
	return nil
}

// readBack looks at what was made, if the target can be read.
func (w *Walk) readBack(ctx context.Context) error {
	reader, ok := w.Connector.(connectors.Reader)
	if !ok {
		w.Tell(connectors.Fact{Key: "read back", Note: "what is written there cannot be read: a revocation is never verified"})
		return nil
	}
	wrote := w.account.Attributes
	is, err := reader.Read(ctx, w.account.RemoteID)
	if hopeless(ctx, err) {
		return err
	}
	w.works("read back", err, "")
	for _, name := range slices.Sorted(maps.Keys(wrote)) {
		if kept := is.Attributes[name]; err == nil && kept != wrote[name] && wrote[name] != "" {
			w.Tell(connectors.Fact{Key: "attributes." + name, Profile: wrote[name], Target: or(kept, "nothing"), Note: "what is written and what is kept"})
		}
	}
	return nil
}

func or(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}

// adopt asks for what is there already, as a retry after a lost answer would.
func (w *Walk) adopt(ctx context.Context) error {
	before := w.account
	w.account = schema.Account{}
	err := w.apply(ctx, w.want(nil))
	if err != nil {
		w.account = before
	}
	if hopeless(ctx, err) {
		return err
	}
	f := connectors.Fact{Key: "created twice", Profile: "one account", Target: "one account"}
	switch {
	case err != nil:
		f.Target, f.Note = "fails", err.Error()
	case w.account.RemoteID != before.RemoteID:
		f.Target, f.Note = "two accounts", "an account that is there is not found by "+fmt.Sprint(w.Config.Profile.Match)
		w.Tell(f)
		return errors.New("the target made a second account of one name: remove both by hand, and look at the profile's match and filter")
	}
	w.account.Managed = before.Managed
	w.Tell(f)
	return nil
}

func (w *Walk) update(ctx context.Context) error {
	if slices.Contains(w.Config.Profile.Attributes.Fixed, "*") {
		w.Tell(connectors.Fact{Key: "change", Note: "the profile says that what is written with a new account is never changed: it is not tried"})
		return nil
	}
	changed := map[string]string{"displayName": "Drawbridge Canary, changed"}
	if _, keeps := w.account.Attributes["displayName"]; !keeps {
		changed = map[string]string{"emails.value": "changed-" + w.Canary["emails.value"]}
	}
	err := w.apply(ctx, w.want(changed))
	if hopeless(ctx, err) {
		return err
	}
	note := "" // of a kind of its own: how is its affair
	if kind := w.Config.Profile.Kind; kind == "" || kind == "scim" {
		note = "by " + string(w.Config.Profile.Update)
	}
	w.works("change", err, note)
	return nil
}

func (w *Walk) member(ctx context.Context) error {
	if w.Group == "" {
		w.Tell(connectors.Fact{Key: "groups", Note: "it takes a group that a canary may be in for a moment to see it: name one"})
		return nil
	}
	err := w.apply(ctx, w.want(nil, w.Group))
	if hopeless(ctx, err) {
		return err
	}
	w.works("give a group", err, w.Group)
	return nil
}

// look has the connector see what it can of a canary that is all it will be, and
// takes it out of its group.
func (w *Walk) look(ctx context.Context) error {
	if x, ok := w.Connector.(connectors.Examiner); ok {
		if err := x.Examine(ctx, w.account, w.Tell); err != nil {
			return err
		}
	}
	if w.Group == "" || !w.account.Holds(w.Group) {
		return nil
	}
	err := w.apply(ctx, w.want(nil))
	if hopeless(ctx, err) {
		return err
	}
	if reader, ok := w.Connector.(connectors.Reader); ok && err == nil {
		if is, readErr := reader.Read(ctx, w.account.RemoteID); readErr == nil && slices.Contains(is.Entitlements, w.Group) {
			err = errors.New("the target says that it is done, and the canary is still in it")
		}
	}
	w.works("take a group", err, w.Group)
	return nil
}

func (w *Walk) disable(ctx context.Context) error {
	id := w.account.RemoteID
	want := w.want(nil)
	want.Active, want.Attributes = false, nil
	err := w.apply(ctx, want)
	if hopeless(ctx, err) {
		return err
	}
	if err != nil {
		w.works("disable", err, "")
		return nil
	}
	w.off = true
	f := connectors.Fact{Key: "deactivate", Profile: string(w.Config.Profile.Deactivate), Learned: true}
	reader, ok := w.Connector.(connectors.Reader)
	if !ok {
		f.Note = "the target says that it is done, and cannot be read"
		w.Tell(f)
		return nil
	}
	is, err := reader.Read(ctx, id)
	switch {
	case hopeless(ctx, err):
		return err
	case err != nil && connectors.KindOf(err) == connectors.Gone:
		w.lost, f.Target = true, f.Profile
		if f.Profile == string(connectors.DeactivateActive) {
			w.Tell(irreversible(w.Config.Profile, true, "disabled, it is not there any more"))
		}
	case err != nil:
		f.Note = err.Error()
	case is.Active:
		f.Target, f.Note, f.Learned = "nothing", "the target says that it is done, and the account is still active", false
	default:
		f.Target = string(connectors.DeactivateActive)
	}
	w.Tell(f)
	return nil
}

func (w *Walk) enable(ctx context.Context) error {
	if !w.off {
		return nil
	}
	before := w.account.RemoteID
	err := w.apply(ctx, w.want(nil))
	if hopeless(ctx, err) {
		return err
	}
	same := before == w.account.RemoteID
	note := "it is another account than it was"
	if same && !w.lost {
		note = "it is the account that it was"
	}
	w.works("enable", err, note)
	if err == nil && !w.lost {
		w.Tell(irreversible(w.Config.Profile, !same, ""))
	}
	return nil
}

func irreversible(p connectors.Profile, is bool, note string) connectors.Fact {
	return connectors.Fact{
		Key: "irreversible", Profile: strconv.FormatBool(p.Irreversible), Target: strconv.FormatBool(is), Note: note, Learned: true,
	}
}

// A LeftError says that the canary is still there.
type LeftError struct {
	UserName string
	Disabled bool  // it lets nobody in
	Err      error // why it is there
	Walk     error // what ended the walk early; nil: nothing did
}

func (l *LeftError) Error() string {
	state := "as it is"
	if l.Disabled {
		state = "disabled"
	}
	text := fmt.Sprintf("the canary %s is left there, %s: %v", l.UserName, state, l.Err)
	if l.Walk != nil {
		return fmt.Sprintf("%v; %s", l.Walk, text)
	}
	return text
}

// Unwrap returns both reasons.
func (l *LeftError) Unwrap() []error {
	if l.Walk == nil {
		return []error{l.Err}
	}
	return []error{l.Walk, l.Err}
}

// clean takes the canary away after a walk: it is deleted, or, where nothing says
// how, disabled.
func (w *Walk) clean(ctx context.Context, walk error) error {
	if !w.made {
		return walk
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
	defer cancel()
	w.step("take it away")
	if w.Cleaning != nil {
		w.Cleaning()
	}
	disabled, err := Remove(ctx, w.Connector, w.Config.Name, w.Canary)
	if err == nil {
		w.works("delete", nil, "")
		return walk
	}
	return &LeftError{UserName: w.Canary["userName"], Disabled: disabled, Err: err, Walk: walk}
}
