package console

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"drawbridge/schema"
)

// A Refusal is an answer of a door to whoever knocks in vain.
type Refusal struct { //nolint:errname // it is an answer
	Status int
	Tell   string        // shown to them
	Wait   time.Duration // how long they are to wait

	Because error // for the log
}

// Error returns what is told.
func (r *Refusal) Error() string { return r.Tell }

// loginPage is what is shown to who is not logged in.
type loginPage struct {
	To      string // the page that was wanted
	Problem string
	Plain   bool // cookies would not be kept: the browser came without TLS
}

func (c *Console) showLogin(w http.ResponseWriter, r *http.Request) {
	if _, ok := c.sessions.of(c.shown(r, sessionCookie), true); ok {
		http.Redirect(w, r, c.wanted(r.URL.Query().Get("to")), http.StatusSeeOther)
		return
	}
	c.askLogin(w, r, http.StatusOK, "")
}

func (c *Console) askLogin(w http.ResponseWriter, r *http.Request, status int, problem string) {
	c.render(w, r, status, page{name: "login"}, sheet{
		Title: "Log in", Base: c.base, Version: c.Version, Now: time.Now().UTC(),
		Main: loginPage{To: r.FormValue("to"), Problem: problem, Plain: c.secure && strings.HasPrefix(c.PublicURL, "http:")},
	})
}

// wanted is the page that somebody wanted, if it is one of ours: nobody is sent
// elsewhere from here, whatever a link to the login says.
func (c *Console) wanted(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.EscapedPath(), Root) || strings.Contains(u.Path, "..") ||
		strings.ContainsAny(to, "\\\r\n") || strings.HasPrefix(u.Path, Root+"login") {
		return c.base + Root
	}
	return c.base + u.RequestURI()
}

// logIn lets in who shows an API token.
func (c *Console) logIn(w http.ResponseWriter, r *http.Request) {
	who, err := c.Door.Token(r, strings.TrimSpace(r.PostFormValue("token")))
	if err != nil {
		c.turnAway(w, r, err)
		return
	}
	c.welcome(w, r, who, r.PostFormValue("to"))
}

// turnAway tells who knocked in vain why.
func (c *Console) turnAway(w http.ResponseWriter, r *http.Request, err error) {
	no := &Refusal{}
	if !errors.As(err, &no) {
		c.Log.ErrorContext(r.Context(), "console login failed", "request", r.Header.Get("X-Request-Id"), "error", err)
		no = &Refusal{Status: http.StatusServiceUnavailable, Tell: "Logging in does not work now; try again later."}
	}
	if no.Because != nil {
		c.Log.WarnContext(r.Context(), "console login refused", "request", r.Header.Get("X-Request-Id"), "reason", no.Because)
	}
	if no.Wait > 0 {
		_ = tooMany(w, no.Wait)
	}
	c.askLogin(w, r, no.Status, no.Tell)
}

func tooMany(w http.ResponseWriter, wait time.Duration) *problem {
	after := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	w.Header().Set("Retry-After", after)
	return &problem{Status: http.StatusTooManyRequests, Title: "Too many requests", Detail: "Try again in " + after + " s."}
}

// welcome begins a session. Its id is new, whatever the browser showed before, so that
// nobody can have somebody log in to a session that they know.
func (c *Console) welcome(w http.ResponseWriter, r *http.Request, who Person, to string) {
	shown := c.shown(r, sessionCookie)
	before, _ := c.sessions.of(shown, false)
	c.sessions.end(shown)
	c.give(w, sessionCookie, c.sessions.begin(who, before))
	c.Log.InfoContext(r.Context(), "console login", "who", who.Name, "role", string(who.Role), "auth", who.Auth, "request", r.Header.Get("X-Request-Id"))
	http.Redirect(w, r, c.wanted(to), http.StatusSeeOther)
}

// logOut ends a session.
func (c *Console) logOut(w http.ResponseWriter, r *http.Request) {
	id := c.shown(r, sessionCookie)
	if s, ok := c.sessions.of(id, true); ok {
		if !s.from(r.PostFormValue("form")) {
			c.fail(w, r, nil, errForm)
			return
		}
		c.sessions.end(id)
	}
	c.give(w, sessionCookie, "")
	http.Redirect(w, r, c.base+Root+"login", http.StatusSeeOther)
}

// stale reports whether what somebody may do was last looked at too long ago: their
// groups at the identity provider may be others by now.
func (c *Console) stale(s *session) bool {
	return s.who.Auth == "oidc" && c.Provider != nil && c.sessions.now().Sub(s.vouched) >= c.Recheck
}

// again has the browser ask the identity provider once more, which asks nothing of who
// is logged in there. What a form had in it is kept, and is to be sent once more.
func (c *Console) again(w http.ResponseWriter, r *http.Request, s *session) {
	to := r.URL.RequestURI()
	if r.Method == http.MethodPost {
		to = r.PostFormValue("back")
		s.say(flash{Kind: "refused", Text: "What you may do had to be looked at again. Send it once more.", Form: written(r)})
	}
	page := r.Header.Get("HX-Request") != ""
	if page {
		to = ""
		if at, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil {
			to = at.RequestURI()
		}
	}
	at := c.base + Root + "login/oidc?" + url.Values{"to": {to}}.Encode()
	if page {
		w.Header().Set("HX-Redirect", at)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, at, http.StatusSeeOther)
}

// longestWay is how many bytes the address may have to which a login leads back.
const longestWay = 2048

// leave sends the browser to the identity provider.
func (c *Console) leave(w http.ResponseWriter, r *http.Request) {
	if c.Provider == nil {
		c.fail(w, r, nil, errNoPage)
		return
	}
	_, in := c.sessions.of(c.shown(r, sessionCookie), false)
	if !in { // who is in does not wait for strangers at the same address
		if wait, ok := c.Door.Knock(r); !ok {
			c.fail(w, r, nil, tooMany(w, wait))
			return
		}
	}
	to := r.URL.Query().Get("to")
	if len(to) > longestWay {
		to = "" // strangers may ask for this: it is kept for each
	}
	id := c.shown(r, tripCookie)
	trip, under := underWay{}, false
	if in { // their pages go together: none makes another's way void
		trip, under = c.trips.join(id, to)
	}
	if !under {
		id, trip = c.trips.begin(to)
	}
	at, err := c.Provider.Start(r.Context(), trip.state, trip.nonce, trip.verifier)
	if err != nil {
		c.turnAway(w, r, err)
		return
	}
	c.give(w, tripCookie, id)
	http.Redirect(w, r, at, http.StatusSeeOther)
}

// comeBack lets in whom the identity provider vouches for: the browser that was sent,
// with what it was sent with, once.
func (c *Console) comeBack(w http.ResponseWriter, r *http.Request) {
	if c.Provider == nil {
		c.fail(w, r, nil, errNoPage)
		return
	}
	trip, ok := c.trips.end(c.shown(r, tripCookie))
	c.give(w, tripCookie, "")
	answer := r.URL.Query()
	if !ok || !same(answer.Get("state"), trip.state) {
		if _, in := c.sessions.of(c.shown(r, sessionCookie), false); in {
			http.Redirect(w, r, c.base+Root, http.StatusSeeOther) // another of their pages was faster; what is to be asked again is, from there
			return
		}
		c.askLogin(w, r, http.StatusBadRequest, "This login was not begun in this browser, or too long ago. Begin again.")
		return
	}
	name, role, err := c.Provider.Finish(r.Context(), trip.nonce, trip.verifier, answer)
	if err != nil {
		c.turnAway(w, r, told(err))
		return
	}
	who, err := c.Door.Named(r.Context(), name, role)
	if err != nil {
		c.Log.WarnContext(r.Context(), "console login refused", "who", name, "reason", err)
		if errors.Is(err, schema.ErrNotFound) || errors.Is(err, schema.ErrForbidden) || errors.Is(err, schema.ErrConflict) {
			err = &Refusal{Status: http.StatusForbidden, Tell: "Your identity provider knows you, and no source of this bridge vouches for you as somebody who is there. Ask who runs the bridge."}
		}
		c.turnAway(w, r, err)
		return
	}
	c.welcome(w, r, who, trip.to)
}

// told is what somebody is told of a login elsewhere that failed.
func told(err error) error {
	switch {
	case errors.Is(err, schema.ErrForbidden):
		return &Refusal{Status: http.StatusForbidden, Tell: sentence(err, schema.ErrForbidden), Because: err}
	case errors.Is(err, schema.ErrInvalid):
		return &Refusal{Status: http.StatusBadRequest, Tell: sentence(err, schema.ErrInvalid), Because: err}
	}
	return err
}

// sentence writes an error as people write: what it says before its kind. What comes
// behind that is for the log.
func sentence(err, kind error) string {
	text, _, _ := strings.Cut(err.Error(), ": "+kind.Error())
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// errForm is of a form that this session was not shown.
var errForm = &problem{Status: http.StatusForbidden, Title: "Refused", Detail: "This form is from before you logged in, or from elsewhere. Load the page again."}
