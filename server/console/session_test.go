package console

import (
	"crypto/rand"
	"testing"
	"testing/synctest"
	"time"
)

// TestSessionsEnd is of sessions that nobody uses, and of those that somebody always
// does.
func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(time.Hour, 12*time.Hour)
		unused, used := s.begin(Person{Name: "a", Right: "a"}, nil), s.begin(Person{Name: "b", Right: "b"}, nil)
		lived := time.Duration(0)
		for ; lived < 24*time.Hour; lived += 30 * time.Minute {
			if _, ok := s.of(used, true); !ok {
				break
			}
			<-time.After(30 * time.Minute)
		}
		if lived != 12*time.Hour {
			t.Errorf("a session that is used lives for %v, want 12h", lived)
		}
		if _, ok := s.of(unused, true); ok {
			t.Error("a session that is not used lives on")
		}
		if len(s.all) != 0 {
			t.Errorf("%d sessions are kept that ended", len(s.all))
		}
	})
}

// TestPagesLeftOpenEnd is of a session that only its page looks at, every ten seconds.
func TestPagesLeftOpenEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(time.Hour, 12*time.Hour)
		id := s.begin(Person{Name: "a", Right: "a"}, nil)
		lived := time.Duration(0)
		for ; lived < 2*time.Hour; lived += 10 * time.Second {
			if _, ok := s.of(id, false); !ok {
				break
			}
			<-time.After(10 * time.Second)
		}
		if lived != time.Hour {
			t.Errorf("a session that only its page looks at lives for %v, want 1h", lived)
		}
	})
}

// TestSessionsAreBounded makes more than fit: the one used longest ago makes room.
func TestSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(time.Hour, 12*time.Hour)
		first := s.begin(Person{Name: "first", Right: "first"}, nil)
		<-time.After(time.Second)
		for range mostSessions {
			s.begin(Person{Name: "more", Right: rand.Text()}, nil)
		}
		if _, ok := s.of(first, true); ok || len(s.all) != mostSessions {
			t.Errorf("there are %d sessions, and the first is among them: %v", len(s.all), ok)
		}
	})
}

// TestOwnSessionsAreBounded has one person log in again and again: they end their own
// oldest session, and nobody else's.
func TestOwnSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(time.Hour, 12*time.Hour)
		other, first := s.begin(Person{Right: "other"}, nil), s.begin(Person{Right: "own"}, nil)
		for range mostOwn {
			<-time.After(time.Second)
			s.begin(Person{Right: "own"}, nil)
		}
		if _, ok := s.of(first, true); ok || len(s.all) != mostOwn+1 || s.own["own"] != mostOwn {
			t.Errorf("there are %d sessions, %d of one person, and their first is among them: %v", len(s.all), s.own["own"], ok)
		}
		if _, ok := s.of(other, true); !ok {
			t.Error("somebody else's ended")
		}
		for at := range s.all {
			s.drop(at)
		}
		if len(s.own) != 0 {
			t.Errorf("nobody is in, and there are %v", s.own)
		}
	})
}

// TestVouchedAgainLivesNoLonger goes on in a new session where the same person's was: what
// was to be said is said there, and it ends when that would have ended.
func TestVouchedAgainLivesNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(time.Hour, 12*time.Hour)
		who := Person{Right: "own"}
		before, _ := s.of(s.begin(who, nil), true)
		<-time.After(time.Hour / 2)
		before.say(flash{Text: "send it once more"})
		now, _ := s.of(s.begin(who, before), true)
		if f := now.said(); f == nil || f.Text != "send it once more" || !now.began.Equal(before.began) || now.vouched.Equal(before.vouched) {
			t.Errorf("it says %v, began at %v and was looked at at %v", f, now.began, now.vouched)
		}
		if other, _ := s.of(s.begin(Person{Right: "other"}, before), true); other.began.Equal(before.began) {
			t.Error("somebody else goes on where they were")
		}
	})
}

// TestTripsEndOnce is of logins elsewhere: each comes back once, and soon.
func TestTripsEndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTrips()
		id, trip := s.begin("/console/roles")
		if back, ok := s.end(id); !ok || back != trip || back.to != "/console/roles" {
			t.Errorf("it came back as %v, %v", back, ok)
		}
		if _, ok := s.end(id); ok {
			t.Error("it came back twice")
		}
		late, _ := s.begin("")
		<-time.After(tripLasts)
		if _, ok := s.end(late); ok {
			t.Error("it came back too late, and was taken")
		}
		for range mostTrips + 5 {
			s.begin("")
		}
		if len(s.all) > mostTrips {
			t.Errorf("%d are remembered", len(s.all))
		}
	})
}
