package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"drawbridge/access"
	"drawbridge/audit"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
)

// play tells the story, act by act.
func (s *stage) play(ctx context.Context) error {
	for _, act := range []struct {
		title string
		play  func(context.Context) error
	}{
		{"The bridge starts, with four targets and a policy", s.opening},
		{"The identity provider pushes everyone, over SCIM", s.push},
		{"Three people move", s.move},
		{"Somebody asks for a role, for four seconds, and two people agree", s.grant},
		{"Somebody adds themselves to a group, past the bridge", s.drift},
		{"Somebody leaves", s.leave},
		{"A role nobody owns is refused, not automated", s.refused},
		{"The decision log proves it", s.prove},
		{"Do the targets hold what policy says, and nothing else?", s.judge},
	} {
		s.title(act.title)
		err := act.play(ctx)
		if ctx.Err() != nil {
			return errStopped
		}
		if err != nil {
			s.bad("%v", err)
			return fmt.Errorf("demo: %s: %w", strings.ToLower(act.title), err)
		}
	}
	return nil
}

func (s *stage) opening(context.Context) error {
	book := s.bridge.Rules().Book()
	s.say("bridge   %s, keeping everything in %s until it ends", s.bridge.URL(), s.dir)
	s.say("policy   %s: %d roles in force, %d refused", book.Name(), len(book.Roles()), len(book.Refused()))
	for _, c := range s.targets.configs {
		s.row(margin+17, "target   %-7s %s", c.Name, dialect(c))
	}
	return nil
}

// dialect says in a line how a target is spoken to.
func dialect(c connectors.Config) string {
	if c.Kind == "file" {
		return "a file of JSON Lines, for a system without an interface: " + c.Options["path"]
	}
	text := fmt.Sprintf("SCIM, changed by %s, at %s", strings.ToUpper(string(c.Profile.Update)), c.BaseURL)
	if c.Profile.Irreversible {
		text += ", where nobody is disabled: accounts are deleted for good, which allowIrreversible lets the bridge do"
	}
	return text
}

func (s *stage) push(ctx context.Context) error {
	before := time.Now()
	if err := s.idp.push(ctx); err != nil {
		return err
	}
	answered := time.Since(before)
	if err := s.settled(ctx); err != nil {
		return err
	}
	people := s.idp.people
	s.good("%d people, %d machine and %d groups pushed in %v, everyone provisioned after %v",
		len(people)-1, 1, len(s.idp.groups), round(answered), round(time.Since(before)))
	for _, p := range people {
		got, err := s.holds(ctx, p.userName)
		if err != nil {
			return err
		}
		s.row(margin+30, "%-16s %-12s %s", name(p.userName), p.department, got)
	}
	return nil
}

func (s *stage) move(ctx context.Context) error {
	for _, m := range []struct {
		userName, what string
		move           func(userName string) error
	}{
		{"dina.petrova" + domain, "is in Sales now", func(u string) error {
			return s.idp.move(ctx, u, "Sales", "Solutions Engineer")
		}},
		{"kenji.mori" + domain, "has people to look after now", func(u string) error {
			return s.idp.join(ctx, u, peopleManagers)
		}},
		{"lena.schmidt" + domain, "has none any more", func(u string) error {
			return s.idp.part(ctx, u, peopleManagers)
		}},
	} {
		before, err := s.lines(ctx, m.userName)
		if err != nil {
			return err
		}
		if err := m.move(m.userName); err != nil {
			return err
		}
		if err := s.settled(ctx); err != nil {
			return err
		}
		after, err := s.lines(ctx, m.userName)
		if err != nil {
			return err
		}
		s.say("%s %s", name(m.userName), m.what)
		s.change(before, after)
	}
	return nil
}

// change says what was lost and gained between two states of one person.
func (s *stage) change(before, after []schema.Assignment) {
	among := func(all []schema.Assignment, a schema.Assignment) bool {
		return slices.ContainsFunc(all, func(b schema.Assignment) bool { return a.Ref() == b.Ref() })
	}
	for _, a := range before {
		if !among(after, a) {
			s.lost("%-18s no longer by %s", a.Ref(), strings.Join(a.Because, ", "))
		}
	}
	for _, a := range after {
		if !among(before, a) {
			s.gained("%-18s by %s", a.Ref(), strings.Join(a.Because, ", "))
		}
	}
}

// grant has somebody ask for a role, and the manager and the role's owner agree,
// and lets it end.
func (s *stage) grant(ctx context.Context) error {
	const who, role, ref, lasts = "george.lam" + domain, "crm-export", "crm/exports", 4 * time.Second
	asked := map[string]any{"role": role, "lasts": lasts.String(), "reason": "quarterly report", "ticket": "CHG-1042"}
	if err := s.request(ctx, who, asked, "omar.haddad"+domain, "lucia.rossi"+domain); err != nil {
		return err
	}
	until := time.Now().Add(lasts)
	held := func(want bool) func(store.Reader) (bool, error) {
		return func(r store.Reader) (bool, error) {
			a, err := store.Accounts.Get(r, crm, s.idp.users[who])
			return a.Holds("exports") == want && a.Due.IsZero(), err
		}
	}
	if err := s.until(ctx, "the grant to arrive", held(true)); err != nil {
		return err
	}
	s.gained("%s holds %s by role/%s, which omar.haddad, his manager, and lucia.rossi, its owner, agreed to, until %s",
		name(who), ref, role, until.Format(time.TimeOnly))
	if err := s.until(ctx, "the grant to end", held(false)); err != nil {
		return err
	}
	s.lost("%s: the grant ended, and the target agreed %v after", ref, round(time.Since(until)))
	if err := s.why(ctx, who, ref); err != nil {
		return err
	}
	return s.swept(ctx, "expiry")
}

// swept waits for a sweep to have run since now, and says what it found.
func (s *stage) swept(ctx context.Context, sweep string) error {
	since, asked := time.Now(), func(schema.Run) bool { return true }
	var run schema.Run
	err := s.until(ctx, "the sweep "+sweep, func(r store.Reader) (_ bool, err error) {
		run, err = access.LastRun(r, sweep, asked)
		if errors.Is(err, schema.ErrNotFound) {
			return false, nil
		}
		return run.Started.After(since), err
	})
	if err == nil {
		s.aside("the sweep %s looked again, a second pair of eyes: %d grants over their end are left", sweep, run.Found-run.Done)
	}
	return err
}

// why says in one sentence why somebody has or has not an entitlement.
func (s *stage) why(ctx context.Context, who, ref string) error {
	return s.bridge.Store().View(ctx, func(r store.Reader) error {
		e, err := access.Explain(r, s.bridge.Rules(), who, ref)
		if err == nil {
			s.aside("why? %s", e.Answer)
		}
		return err
	})
}

// drift adds somebody to a group with the target's own console, and has the
// drift sweep look.
func (s *stage) drift(ctx context.Context) error {
	const who = "quinn.byrne" + domain
	provider := s.targets.providers[wiki]
	account, ok := provider.User(who)
	if !ok {
		return fmt.Errorf("%s has no account at %s: %w", who, wiki, schema.ErrNotFound)
	}
	account.Entitlements = schema.Sorted(append(account.Entitlements, "people")...)
	if _, err := provider.Put(ctx, account); err != nil {
		return err
	}
	s.held("%s is in the wiki group %q, and no decision says so", name(who), "people")
	if err := s.api(ctx, "/sweeps/drift/run", nil); err != nil {
		return err
	}
	before := time.Now()
	err := s.until(ctx, "the drift to be undone", func(r store.Reader) (bool, error) {
		a, ok := provider.User(who)
		return ok && !slices.Contains(a.Entitlements, "people"), nil
	})
	if err != nil {
		return err
	}
	s.good("the drift sweep found it and it was undone, %v after the sweep was asked for", round(time.Since(before)))
	return s.settled(ctx)
}

// leave cuts somebody off, and shows for how long each target still let them in.
func (s *stage) leave(ctx context.Context) error {
	const who = "julia.weber" + domain
	got, err := s.holds(ctx, who)
	if err != nil {
		return err
	}
	s.say("%s holds %s", name(who), got)
	if err := s.idp.leave(ctx, who); err != nil {
		return err
	}
	if err := s.settled(ctx); err != nil {
		return err
	}
	s.say("then HR says so. The exposure window is the time from then until a target agreed:")
	for _, c := range s.targets.configs {
		var a schema.Account
		err := s.bridge.Store().View(ctx, func(r store.Reader) (err error) {
			a, err = store.Accounts.Get(r, c.Name, s.idp.users[who])
			return err
		})
		if errors.Is(err, schema.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		proof := "acknowledged"
		if !a.Last.Verified.IsZero() {
			proof = "read back"
		}
		done := "disabled and empty"
		if c.Profile.Irreversible {
			if _, there := s.targets.providers[c.Name].User(who); there {
				return fmt.Errorf("%s still has an account at %s", who, c.Name)
			}
			done = "deleted for good"
		}
		s.lost("%-7s %s; exposure window %v: decided +%v, sent +%v, %s +%v",
			c.Name, done, round(a.Last.Exposure()),
			round(a.Last.Decided.Sub(a.Last.Received)), round(a.Last.Sent.Sub(a.Last.Received)), proof, round(a.Last.Exposure()))
	}
	return s.explain(ctx, who, "crm/invoices")
}

// explain prints the whole answer, as `drawbridge access explain` does.
func (s *stage) explain(ctx context.Context, who, ref string) error {
	var e access.Explanation
	err := s.bridge.Store().View(ctx, func(r store.Reader) (err error) {
		e, err = access.Explain(r, s.bridge.Rules(), who, ref)
		return err
	})
	if err != nil {
		return err
	}
	s.say("")
	s.aside("$ drawbridge access explain %s %s", who, ref)
	var text strings.Builder
	if err := s.Explain(e)(&text); err != nil {
		return err
	}
	s.text(text.String())
	return nil
}

func (s *stage) refused(ctx context.Context) error {
	for _, r := range s.bridge.Rules().Book().Refused() {
		s.held("role/%s is refused (%s): there is nobody to ask, to review it or to tell when it breaks", r.Role, strings.Join(r.Codes, ", "))
	}
	const who = "marco.silva" + domain
	got, err := s.holds(ctx, who)
	if err != nil {
		return err
	}
	s.say("so %s, whom its rule matches, holds only %s", name(who), got)
	return nil
}

// prove verifies the log against its newest signed head, with the public key.
func (s *stage) prove(ctx context.Context) error {
	key := bridge.PublicKeyFile(s.cfg.Audit.Key)
	text, err := os.ReadFile(key)
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	var report audit.Report
	err = s.until(ctx, "a signed head of the log", func(r store.Reader) (bool, error) {
		signed, err := store.Checkpoint(r)
		if errors.Is(err, schema.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		report, err = audit.Verify(store.Leaves(r), verifier, signed)
		return err == nil && report.Checkpoint.Size == report.Entries, err
	})
	if err != nil {
		return err
	}
	s.good("%d decisions are exactly those that %s signed", report.Entries, verifier.Name())
	s.aside("public key in %s", key)
	return nil
}

// judge compares the targets with the policy.
func (s *stage) judge(ctx context.Context) error {
	want, err := expected(s.bridge.Rules().Book(), s.idp.people, time.Now())
	if err != nil {
		return err
	}
	file, ok := s.bridge.Connector(badges).(connectors.Lister)
	if !ok {
		return fmt.Errorf("%s cannot be listed", badges)
	}
	got, err := s.targets.actual(ctx, file)
	if err != nil {
		return err
	}
	wrong := 0
	for difference := range differences(want, got) {
		s.bad("%s", difference)
		wrong++
	}
	if wrong > 0 {
		return fmt.Errorf("%d differences: %w", wrong, errDiffers)
	}
	s.good("%d accounts in %d targets, each with what policy says and nothing else", len(got), len(s.targets.configs))
	return nil
}
