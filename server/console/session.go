package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Bounds on what is remembered: beyond them, what was used longest ago is forgotten.
const (
	mostSessions = 10_000
	mostOwn      = 10 // sessions of one person
	mostTrips    = 10_000
	tripLasts    = 10 * time.Minute
)

// A session is somebody logged in, in one browser. Sessions are kept in memory, by
// the hash of what the browser shows: who reads the memory cannot become anybody, and
// a bridge that starts again has nobody logged in.
type session struct {
	who   Person
	token string // what a form of theirs carries, so that no other site can make one
	began time.Time

	vouched time.Time // when what they may do was last looked at elsewhere

	mu    sync.Mutex // guards what is below
	used  time.Time
	flash *flash
}

// A flash is what one page has to say of what the one before it did.
type flash struct {
	Kind string // done, refused
	Text string
	Form url.Values // what was sent and refused, so that nobody types it again
}

// say leaves something to be said on the next page.
func (s *session) say(f flash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flash = &f
}

// said takes what is to be said.
func (s *session) said() *flash {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.flash
	s.flash = nil
	return f
}

// from reports whether a form is one that this session was shown.
func (s *session) from(token string) bool {
	return same(token, s.token)
}

type hash = [sha256.Size]byte

func hashOf(id string) hash { return sha256.Sum256([]byte(id)) }

// sessions are those that live.
type sessions struct {
	idle, life time.Duration
	now        func() time.Time

	mu  sync.Mutex
	all map[hash]*session
	own map[string]int // how many a person has, by what they rest on
}

func newSessions(idle, life time.Duration) *sessions {
	return &sessions{idle: idle, life: life, now: time.Now, all: map[hash]*session{}, own: map[string]int{}}
}

// begin begins a session and returns its id, which is in no place but the browser. One
// that goes on where the same person's was, because what they may do was looked at again,
// lives no longer for that, and says what that one had to say.
func (s *sessions) begin(who Person, before *session) (id string) {
	now := s.now()
	id = rand.Text() + rand.Text()
	one := &session{who: who, token: rand.Text(), began: now, used: now, vouched: now}
	if before != nil && before.who.Right == who.Right {
		one.began, one.flash = before.began, before.said()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room(now)
	s.roomFor(who)
	s.all[hashOf(id)] = one
	s.own[who.Right]++
	return id
}

// drop forgets a session.
func (s *sessions) drop(at hash) {
	one, there := s.all[at]
	if !there {
		return
	}
	delete(s.all, at)
	if s.own[one.who.Right]--; s.own[one.who.Right] == 0 {
		delete(s.own, one.who.Right)
	}
}

// roomFor ends of the sessions of one person the one that was used longest ago, if they
// have as many as anybody may.
func (s *sessions) roomFor(who Person) {
	if s.own[who.Right] < mostOwn {
		return
	}
	var oldest hash
	var used time.Time
	for at, one := range s.all {
		if one.who.Right != who.Right {
			continue
		}
		one.mu.Lock()
		if used.IsZero() || one.used.Before(used) {
			oldest, used = at, one.used
		}
		one.mu.Unlock()
	}
	s.drop(oldest)
}

// room forgets the sessions that ended, and if there are too many nevertheless the
// one that was used longest ago.
func (s *sessions) room(now time.Time) {
	if len(s.all) < mostSessions {
		return
	}
	var oldest hash
	var used time.Time
	for at, one := range s.all {
		if s.ended(one, now) {
			s.drop(at)
			continue
		}
		one.mu.Lock()
		if used.IsZero() || one.used.Before(used) {
			oldest, used = at, one.used
		}
		one.mu.Unlock()
	}
	if len(s.all) >= mostSessions {
		s.drop(oldest)
	}
}

func (s *sessions) ended(one *session, now time.Time) bool {
	one.mu.Lock()
	defer one.mu.Unlock()
	return now.Sub(one.used) >= s.idle || now.Sub(one.began) >= s.life
}

// of returns the session of an id. What a person does uses it; what a page does by
// itself does not, or a page that somebody left open would keep them logged in.
func (s *sessions) of(id string, uses bool) (*session, bool) {
	now := s.now()
	s.mu.Lock()
	one, ok := s.all[hashOf(id)]
	s.mu.Unlock()
	if !ok {
		return nil, false
	}
	if s.ended(one, now) {
		s.end(id)
		return nil, false
	}
	if uses {
		one.mu.Lock()
		one.used = now
		one.mu.Unlock()
	}
	return one, true
}

// end ends a session.
func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(hashOf(id))
}

// trips are those under way to the identity provider, by the hash of what the
// browser that was sent shows.
type trips struct {
	now func() time.Time

	mu  sync.Mutex
	all map[hash]underWay
}

// An underWay is one login that is under way.
type underWay struct {
	state, nonce, verifier string
	to                     string // the page that was wanted
	began                  time.Time
}

func newTrips() *trips { return &trips{now: time.Now, all: map[hash]underWay{}} }

// begin remembers a trip and returns the id by which its browser is known.
func (t *trips) begin(to string) (id string, trip underWay) {
	now := t.now()
	trip = underWay{state: rand.Text(), nonce: rand.Text(), verifier: rand.Text() + rand.Text(), to: to, began: now}
	id = rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) >= mostTrips {
		t.room(now)
	}
	t.all[hashOf(id)] = trip
	return id, trip
}

// join returns the trip of an id, if it is under way, and where it leads to from now on.
func (t *trips) join(id, to string) (underWay, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.all[hashOf(id)]
	if !ok || t.now().Sub(one.began) >= tripLasts {
		return underWay{}, false
	}
	one.to = to
	t.all[hashOf(id)] = one
	return one, true
}

func (t *trips) room(now time.Time) {
	var oldest hash
	var began time.Time
	for at, one := range t.all {
		if now.Sub(one.began) >= tripLasts {
			delete(t.all, at)
		} else if began.IsZero() || one.began.Before(began) {
			oldest, began = at, one.began
		}
	}
	if len(t.all) >= mostTrips {
		delete(t.all, oldest)
	}
}

// end takes the trip of an id: each ends once.
func (t *trips) end(id string) (underWay, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.all[hashOf(id)]
	delete(t.all, hashOf(id))
	return one, ok && t.now().Sub(one.began) < tripLasts
}

// Names of cookies, and what browsers hold a cookie to that is called __Host-: TLS,
// this host and no other. On loopback, where there is no TLS, it has no such name.
const (
	sessionCookie = "drawbridge_session"
	tripCookie    = "drawbridge_login"
)

func (c *Console) cookieName(name string) string {
	if c.secure {
		return "__Host-" + name
	}
	return name
}

// give has the browser keep an id until it is closed; an empty one is taken from it.
func (c *Console) give(w http.ResponseWriter, name, id string) {
	cookie := &http.Cookie{
		Name: c.cookieName(name), Value: id, Path: "/", HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode,
	}
	if id == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// shown returns the id that the browser kept.
func (c *Console) shown(r *http.Request, name string) string {
	cookie, err := r.Cookie(c.cookieName(name))
	if err != nil {
		return ""
	}
	return cookie.Value
}

// same compares secrets in a time that tells nothing of them.
func same(a, b string) bool { return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
