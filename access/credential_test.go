package access_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/access/tokens"
	"drawbridge/policy"
	"drawbridge/policy/booktest"
	"drawbridge/schema"
	"drawbridge/store"
)

const aDay = 24 * time.Hour

// rotating is a policy whose source hr has its credential rotated.
func rotating(t *testing.T) *policy.Book {
	t.Helper()
	book := booktest.Compile(t, `
apiVersion: drawbridge/v1
kind: PolicySet
metadata: { name: test, owner: { user: iam, deputy: iam2 } }
spec: { mode: enforce }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: hr, owner: { user: hr, deputy: hr2 } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*"], credential: { rotateEvery: 90d } }
`)
	if s, ok := book.Source("hr"); !ok || time.Duration(s.Spec.Credential.RotateEvery) != 90*aDay {
		t.Fatal("the policy is not what the test wants")
	}
	return book
}

// inBubble runs a test on a store in time that is not real.
func inBubble(t *testing.T, test func(t *testing.T, s *store.Store)) {
	synctest.Test(t, func(t *testing.T) {
		test(t, accesstest.Store(t))
	})
}

func standing(t *testing.T, s *store.Store, book *policy.Book, further ...access.Credential) (problems []string) {
	t.Helper()
	var all []access.Credential
	err := s.View(t.Context(), func(r store.Reader) (err error) {
		all, err = access.Credentials(r, book, 14*aDay, further...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Problem != "" {
			problems = append(problems, string(c.Kind)+" of "+c.Holder+": "+c.Problem)
		}
	}
	return problems
}

func want(t *testing.T, when string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", when, got, want)
	}
}

func TestTokensThatWantAttention(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		book := rotating(t)
		_, first, err := issue(t, s, schema.Token{Source: "hr", Expires: time.Now().Add(60 * aDay)})
		if err != nil {
			t.Fatal(err)
		}
		want(t, "at first", standing(t, s, book))
		<-time.After(45 * aDay)
		want(t, "long before its end", standing(t, s, book))
		<-time.After(2 * aDay)
		want(t, "two weeks before its end", standing(t, s, book), "issued of source/hr: expiring")
		_, second, err := issue(t, s, schema.Token{Source: "hr"})
		if err != nil {
			t.Fatal(err)
		}
		want(t, "with another one", standing(t, s, book))
		<-time.After(20 * aDay)
		want(t, "after its end, with another one", standing(t, s, book))
		<-time.After(71 * aDay)
		want(t, "when that is older than its source allows", standing(t, s, book), "issued of source/hr: old")
		revoke := func(tok schema.Token) {
			t.Helper()
			if err := s.Update(t.Context(), func(tx store.Tx) error { return tokens.Revoke(tx, "token/root", tok.ID) }); err != nil {
				t.Fatal(err)
			}
		}
		revoke(second)
		want(t, "with that revoked", standing(t, s, book), "issued of source/hr: expired")
		revoke(first)
		want(t, "with both revoked", standing(t, s, book))
	})
}

func TestWhatLivesShortlyIsNotAlwaysExpiring(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		cert := func(holder string, life time.Duration) access.Credential {
			return access.Credential{ID: "certificate/" + holder, Kind: access.ClientCertificate, Holder: holder, Since: time.Now(), Expires: time.Now().Add(life)}
		}
		hourly, weekly := cert("source/mesh", time.Hour), cert("source/weekly", 7*aDay)
		want(t, "at first", standing(t, s, nil, hourly, weekly))
		<-time.After(41 * time.Minute)
		want(t, "in the last third of an hour", standing(t, s, nil, hourly, weekly), "certificate of source/mesh: expiring")
		<-time.After(5 * aDay)
		want(t, "in the last third of a week", standing(t, s, nil, hourly, weekly), "certificate of source/mesh: expired", "certificate of source/weekly: expiring")
	})
}

func TestConfiguredSecretsHaveAnAge(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		book, key := rotating(t), tokens.NewKey([]byte("key"))
		note := func(all ...tokens.Configured) {
			t.Helper()
			if err := tokens.NoteConfigured(t.Context(), s, key, all); err != nil {
				t.Fatal(err)
			}
		}
		one := tokens.Configured{Holder: "source/hr", Secret: "first-secret-0123456789"}
		note(one)
		<-time.After(80 * aDay)
		commits := s.Stats().Commits
		note(one)
		if s.Stats().Commits != commits {
			t.Error("a secret that is the same was written down again")
		}
		<-time.After(11 * aDay)
		want(t, "when it is old", standing(t, s, book), "configured of source/hr: old")
		one.Secret = "other-secret-0123456789"
		note(one)
		want(t, "when it is another one", standing(t, s, book))
		one.Secret, one.Since = "third-secret-0123456789", time.Now().Add(-100*aDay)
		note(one)
		want(t, "of a file that is old", standing(t, s, book), "configured of source/hr: old")
		one.Secret, one.Since = "fourth-secret-0123456789", time.Now().Add(aDay)
		note(one)
		want(t, "of a file of the future", standing(t, s, book))
		<-time.After(92 * aDay)
		note()
		want(t, "when it is configured no more", standing(t, s, book))
		err := s.View(t.Context(), func(r store.Reader) error {
			for u, err := range store.CredentialUses.All(r) {
				t.Errorf("%+v is left, %v", u, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// TestUsesAreWrittenSeldom has a source come each second for a day.
func TestUsesAreWrittenSeldom(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		var uses tokens.Uses
		commits := s.Stats().Commits
		use := schema.CredentialUse{ID: "token/1", Holder: "source/hr"}
		for second := range 24 * 60 * 60 {
			use.Used = time.Now()
			uses.Saw(use)
			if second%60 == 0 {
				if err := uses.Keep(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			<-time.After(time.Second)
		}
		if n := s.Stats().Commits - commits; n > 24 || n < 23 {
			t.Errorf("it was written %d times in a day, want once an hour", n)
		}
		var kept schema.CredentialUse
		err := s.View(t.Context(), func(r store.Reader) (err error) {
			kept, err = store.CredentialUses.Get(r, "token/1")
			return err
		})
		if err != nil || time.Since(kept.Used) > time.Hour+time.Minute {
			t.Errorf("it was last used %v ago, %v", time.Since(kept.Used), err)
		}
		var after tokens.Uses // of another process
		use.Used = kept.Used.Add(time.Minute)
		after.Saw(use)
		if err := after.Keep(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		var nobody *tokens.Uses
		nobody.Saw(use)
	})
}

func TestUsesThatCouldNotBeWrittenAreNotLost(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		var uses tokens.Uses
		uses.Saw(schema.CredentialUse{ID: "token/1", Holder: "source/hr", Used: time.Now()})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := uses.Keep(gone, s); err == nil {
			t.Fatal("it was written although nobody waited")
		}
		if err := uses.Keep(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		err := s.View(t.Context(), func(r store.Reader) error {
			_, err := store.CredentialUses.Get(r, "token/1")
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestReviewRaisesAndResolves(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		book := rotating(t)
		_, tok, err := issue(t, s, schema.Token{Source: "hr", Expires: time.Now().Add(50 * aDay)})
		if err != nil {
			t.Fatal(err)
		}
		review := func() (news int, writes bool) {
			t.Helper()
			before := s.Stats().Commits
			_, told, err := access.ReviewCredentials(t.Context(), s, book, 14*aDay)
			if err != nil {
				t.Fatal(err)
			}
			return len(told), s.Stats().Commits > before
		}
		if news, writes := review(); news != 0 || writes {
			t.Errorf("where all is well: %d news, written: %v", news, writes)
		}
		<-time.After(40 * aDay)
		if news, writes := review(); news != 1 || !writes {
			t.Errorf("what is expiring: %d news, written: %v", news, writes)
		}
		if news, writes := review(); news != 0 || writes {
			t.Errorf("the second time: %d news, written: %v", news, writes)
		}
		findings := open(t, s)
		if len(findings) != 1 || findings[0].Subject != "source/hr" || findings[0].Object != "token/"+tok.ID || !strings.HasPrefix(findings[0].Reason, "expiring: ") {
			t.Errorf("findings are %+v", findings)
		}
		<-time.After(11 * aDay)
		if news, _ := review(); news != 0 || !strings.HasPrefix(open(t, s)[0].Reason, "expired: ") {
			t.Errorf("once it expired: %d news, %+v", news, open(t, s))
		}
		if _, _, err := issue(t, s, schema.Token{Source: "hr"}); err != nil {
			t.Fatal(err)
		}
		if _, writes := review(); !writes || len(open(t, s)) != 0 {
			t.Errorf("with another one there are %+v", open(t, s))
		}
	})
}

// TestTheEndOfAShownCredential has a credential end that a target gave the bridge: its
// owner is told three times before, once after, and never again once there is another.
func TestTheEndOfAShownCredential(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		end := time.Now().Add(40 * aDay)
		review := func(want string) {
			t.Helper()
			shown := access.Credential{ID: tokens.ConfiguredID("connector/wiki"), Kind: access.ShownCredential, Holder: "connector/wiki", Owner: "wiki@example.com", Expires: end}
			_, news, err := access.ReviewCredentials(t.Context(), s, rotating(t), 14*aDay, shown)
			if err != nil {
				t.Fatal(err)
			}
			if want == "" {
				if len(news) > 0 {
					t.Errorf("news: %+v", news)
				}
				return
			}
			if len(news) != 1 || !strings.Contains(news[0].Reason, want) || !strings.Contains(news[0].Reason, "wiki@example.com") {
				t.Errorf("news %+v, want %q", news, want)
			}
			if f := open(t, s); len(f) != 1 || !strings.Contains(f[0].Reason, want) {
				t.Errorf("findings %+v, want %q", f, want)
			}
		}
		review("")
		for _, step := range []struct {
			pass time.Duration
			want string
		}{{11 * aDay, "in less than 30 days"}, {aDay, ""}, {22 * aDay, "in less than 7 days"}, {5*aDay + aDay/2, "in less than a day"}, {aDay, "it expired"}, {aDay, ""}} {
			<-time.After(step.pass)
			review(step.want)
		}
		end = time.Now().Add(300 * aDay)
		review("")
		if f := open(t, s); len(f) != 0 {
			t.Errorf("with another one there are %+v", f)
		}
	})
}

// TestALifeReckoned has nobody say when a credential ends, but how long such a one lives.
func TestALifeReckoned(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		first := time.Now()
		configured := tokens.Configured{Holder: "connector/wiki", Secret: "opaque"}
		if err := tokens.NoteConfigured(t.Context(), s, tokens.NewKey([]byte("key")), []tokens.Configured{configured}); err != nil {
			t.Fatal(err)
		}
		shown := access.Credential{ID: tokens.ConfiguredID("connector/wiki"), Kind: access.ShownCredential, Holder: "connector/wiki", Life: 90 * aDay}
		err := s.View(t.Context(), func(r store.Reader) error {
			all, err := access.Credentials(r, nil, 14*aDay, shown)
			if len(all) != 1 || !all[0].Expires.Equal(first.Add(90*aDay)) || !all[0].Since.Equal(first) {
				t.Errorf("credentials %+v, want one that ends in 90 days", all)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func open(t *testing.T, s *store.Store) (all []schema.Finding) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		all = nil
		for f, err := range store.Findings.All(r, "credential") {
			if err != nil {
				return err
			}
			all = append(all, f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
