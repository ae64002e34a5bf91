package fake

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"drawbridge/connectors"
)

const maxBody = 16 << 20

// A problem is an answer that refuses.
type problem struct {
	status   int
	scimType string
	detail   string
	after    time.Duration // Retry-After
}

func (p *problem) Error() string { return p.detail }

func refuse(status int, scimType, format string, args ...any) error {
	return &problem{status: status, scimType: scimType, detail: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return refuse(http.StatusBadRequest, "invalidValue", format, args...)
}

// A reply is an answer that agrees.
type reply struct {
	status int
	etag   string
	at     string // Location
	body   any
}

func (p *Provider) routes() {
	p.mux = http.NewServeMux()
	for pattern, handle := range map[string]func(*http.Request) (reply, error){
		"GET /Users":         p.listUsers,
		"POST /Users":        p.createUser,
		"GET /Users/{id}":    p.readUser,
		"PUT /Users/{id}":    p.replaceUser,
		"PATCH /Users/{id}":  p.patchUser,
		"DELETE /Users/{id}": p.deleteUser,
		"GET /Groups":        p.listGroups,
		"GET /Groups/{id}":   p.readGroup,
		"PUT /Groups/{id}":   p.replaceGroup,
		"PATCH /Groups/{id}": p.patchGroup,
	} {
		p.mux.HandleFunc(pattern, p.serve(handle))
	}
	if p.profile.Discovery != "" {
		p.mux.HandleFunc("GET "+p.profile.Discovery, p.serve(p.describe))
	}
	if s := p.profile.Sessions; s.Path != "" {
		p.mux.HandleFunc(s.Method+" "+s.Path, p.serve(p.signOut))
	}
	p.mux.HandleFunc("/", p.serve(func(r *http.Request) (reply, error) {
		return reply{}, refuse(http.StatusNotFound, "", "there is no %s %s here", r.Method, r.URL.Path)
	}))
}

// ServeHTTP answers one request. What stands before /Users, /Groups or the
// discovery document in its path does not matter.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, beside := p.mux.Handler(r); beside == p.profile.Sessions.Method+" "+p.profile.Sessions.Path {
		p.mux.ServeHTTP(w, r)
		return
	}
	for _, root := range []string{"/Users", "/Groups", p.profile.Discovery} {
		if i := strings.Index(r.URL.Path, root); i > 0 && root != "" {
			r = r.Clone(r.Context())
			r.URL.Path, r.URL.RawPath = r.URL.Path[i:], ""
			break
		}
	}
	p.mux.ServeHTTP(w, r)
}

// serve wraps a handler with what happens to every request.
func (p *Provider) serve(handle func(*http.Request) (reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		at := p.arrive(r.Method)
		there := p.delay(r)
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		var answer reply
		var err error = &problem{status: http.StatusTooManyRequests, detail: "too many requests at once", after: time.Second}
		if most := p.profile.Concurrency; there && (most == 0 || at <= most) {
			answer, err = p.answer(r, handle)
		}
		p.leave() // before the answer is read, after which the next may arrive
		if !there {
			return
		}
		if err != nil {
			p.refuse(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/scim+json")
		if answer.etag != "" {
			w.Header().Set("ETag", answer.etag)
		}
		if answer.at != "" {
			w.Header().Set("Location", answer.at)
		}
		w.WriteHeader(answer.status)
		if answer.body != nil {
			_ = json.NewEncoder(w).Encode(answer.body)
		}
	}
}

// answer does what is asked, unless it may not be asked, or a fault is due.
func (p *Provider) answer(r *http.Request, handle func(*http.Request) (reply, error)) (reply, error) {
	before, after := p.fault.strikes()
	if before {
		return reply{}, refuse(http.StatusInternalServerError, "", "broken before anything was done")
	}
	if err := p.admit(r); err != nil {
		return reply{}, err
	}
	if wait := p.brakes.brake(connectors.Call{Method: r.Method, Path: r.URL.Path, Bytes: int(max(0, r.ContentLength))}, p.o.Now()); wait > 0 {
		if text := p.liar.now().Throttle; text != "" {
			return reply{}, refuse(http.StatusInternalServerError, "", "%s", text)
		}
		return reply{}, &problem{status: http.StatusTooManyRequests, detail: "too many requests", after: wait}
	}
	a, err := handle(r)
	if after {
		return reply{}, refuse(http.StatusInternalServerError, "", "broken after it was done")
	}
	return a, err
}

func (p *Provider) delay(r *http.Request) bool {
	if p.o.Latency == nil {
		return true
	}
	wait := p.o.Latency()
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// admit refuses who does not present the token in the way of the profile.
func (p *Provider) admit(r *http.Request) error {
	if p.profile.UserAgent != "" && r.UserAgent() == "" {
		return refuse(http.StatusForbidden, "", "a User-Agent is required")
	}
	if p.o.Token == "" {
		return nil
	}
	var ok bool
	switch p.profile.Auth.Scheme {
	case connectors.AuthBasic:
		user, password, sent := r.BasicAuth()
		ok = sent && user == p.o.User && password == p.o.Token
	case connectors.AuthHeader:
		ok = r.Header.Get(p.profile.Auth.Header) == p.profile.Auth.Prefix+p.o.Token
	default:
		ok = r.Header.Get("Authorization") == "Bearer "+p.o.Token
	}
	if !ok {
		return refuse(http.StatusUnauthorized, "", "the credential is missing or wrong")
	}
	return nil
}

func (p *Provider) refuse(w http.ResponseWriter, err error) {
	status, scimType, detail := http.StatusInternalServerError, "", err.Error()
	if pr, ok := errors.AsType[*problem](err); ok {
		status, scimType = pr.status, pr.scimType
		if pr.after > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int((pr.after+time.Second-1)/time.Second)))
			p.liar.later(w.Header(), p.o.Now(), pr.after)
		}
	}
	body := map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, "status": strconv.Itoa(status), "detail": detail,
	}
	if scimType != "" {
		body["scimType"] = scimType
	}
	w.Header().Set("Content-Type", "application/scim+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// body reads the request's JSON object.
func body(r *http.Request, into any) (size int, err error) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, refuse(http.StatusRequestEntityTooLarge, "", "the body is too long")
	}
	if err := json.Unmarshal(data, into); err != nil {
		return 0, refuse(http.StatusBadRequest, "invalidSyntax", "the body is not JSON: %v", err)
	}
	return len(data), nil
}

func (p *Provider) describe(*http.Request) (reply, error) {
	return reply{status: http.StatusOK, body: map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":   map[string]bool{"supported": p.profile.Update == connectors.UpdatePatch},
		"bulk":    map[string]bool{"supported": false},
		"filter":  map[string]any{"supported": true, "maxResults": p.profile.Paging.Size},
		"etag":    map[string]bool{"supported": true},
	}}, nil
}

func etag(e *entry) string { return fmt.Sprintf(`W/"%d"`, e.version) }

// current refuses a write to a resource that is not as its writer believes.
func current(r *http.Request, e *entry) error {
	if match := r.Header.Get("If-Match"); match != "" && match != "*" && match != etag(e) {
		return refuse(http.StatusPreconditionFailed, "", "it is now %s", etag(e))
	}
	return nil
}
