// Package scim is the SCIM 2.0 service provider: where sources push identities
// and groups in.
//
// What senders send is understood by package schema/scim, and everything that
// changes goes through package access, each request in one transaction; only
// what touches very many members takes several. What is here is HTTP:
//
//	request ─► source, caps ─► schema/scim ─► store.Update{ access.… } ─► answer
//
// Answers are put together from the bytes that are stored. A source sees its own
// resources and no others.
package scim

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	library "github.com/elimity-com/scim/schema"

	"drawbridge/access"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// Options are what a Handler is made of.
type Options struct {
	Store      *store.Store
	Rules      *access.Rules
	BaseURL    string                      // public, ends in /scim/v2; for meta.location and $ref
	Source     func(c echo.Context) string // the source that the credential named
	Log        *slog.Logger
	Limits     Limits
	Extensions []library.Schema // of users, that the operator registered

	GroupExtensions []library.Schema // likewise, of groups

	Catalogues []Catalogue     // resource types to be read, beside roles and entitlements
	Schemes    func() []Scheme // in which sources may show who they are, beside a bearer token; may be nil
	Discovery  Discovery       // what strangers are told
	// Dropped is told of attributes that were sent and are in no schema, and where,
	// as in Users/ID; it may be nil.
	Dropped func(source, attribute, where string)
	// PassedOver is told of members whom nobody has told of and for whom there was no
	// room to wait; it may be nil.
	PassedOver func(source string, members int)
}

// Limits bound what one request may ask for. Zero values stand for defaults.
type Limits struct {
	UserBody   int64 // bytes; 1 MiB
	GroupBody  int64 // bytes; 16 MiB
	Operations int   // of one PATCH; 5,000
	Depth      int   // of nested JSON; 32
	Scan       int   // identities or groups looked at for a filter that no index serves, and where pages by index end in such an order; 10,000

	Work int64 // bytes looked through for a filter, as often as it compares something with them; 1 GiB

	BulkBody       int64 // bytes; 1 MiB
	BulkOperations int   // of one Bulk; 1,000
}

func (l Limits) orDefaults() Limits {
	l.UserBody, l.GroupBody = or(l.UserBody, 1<<20), or(l.GroupBody, 16<<20)
	l.Operations, l.Depth, l.Scan = or(l.Operations, 5000), or(l.Depth, 32), or(l.Scan, 10_000)
	l.Work = or(l.Work, 1<<30)
	l.BulkBody, l.BulkOperations = or(l.BulkBody, 1<<20), or(l.BulkOperations, 1000)
	return l
}

func or[N int | int64](n, otherwise N) N {
	if n <= 0 {
		return otherwise
	}
	return n
}

// A Handler answers for /scim/v2.
type Handler struct {
	store    *store.Store
	rules    *access.Rules
	base     string
	sourceOf func(c echo.Context) string
	log      *slog.Logger
	limits   Limits
	dropped  func(source, attribute, where string)

	passedOver func(source string, members int)
	schemes    func() []Scheme
	tells      Discovery

	users, groups *wire.Type
	catalogues    []Catalogue
	listed        atomic.Pointer[listedLines]
	routes        []route
	scans         *turns // of requests that look at many resources
	middling      *turns // of requests with a body that is not small, until they are answered
	large         *turns // of those with a large one
	replacing     alone  // of those who say who all members of a group are, by its id
	cursors       cursorKey
	ahead         ahead // of lists that are read by cursor
}

// maxScans is how many requests look at many resources at once; others wait.
const maxScans = 2

// New returns a handler.
func New(o Options) (*Handler, error) {
	switch {
	case o.Store == nil || o.Rules == nil || o.Source == nil:
		return nil, errors.New("the SCIM endpoint needs a store, rules, and a way to know the source")
	case o.Log == nil:
		o.Log = slog.New(slog.DiscardHandler)
	}
	users, err := wire.Users(o.Extensions...)
	if err != nil {
		return nil, err
	}
	groups, err := wire.Groups(o.GroupExtensions...)
	if err != nil {
		return nil, err
	}
	h := &Handler{
		store: o.Store, rules: o.Rules, base: strings.TrimSuffix(o.BaseURL, "/"), sourceOf: o.Source, log: o.Log,
		limits: o.Limits.orDefaults(), dropped: o.Dropped, passedOver: o.PassedOver, schemes: o.Schemes, tells: o.Discovery,
		users: users, groups: groups, scans: newTurns(maxScans), middling: newTurns(maxMiddling), large: newTurns(maxLarge),
	}
	own, err := catalogues()
	if err != nil {
		return nil, err
	}
	h.catalogues = append(own, o.Catalogues...)
	discovery, err := h.discovery()
	if err != nil {
		return nil, err
	}
	h.routes = slices.Concat(discovery, resources(), h.catalogueRoutes())
	return h, nil
}

func (h *Handler) wireLimits() wire.Limits {
	return wire.Limits{Depth: h.limits.Depth, Operations: h.limits.Operations}
}

// A route is one path and what may be done with it.
type route struct {
	path  string
	verbs map[string]func(*request) error
}

func resources() []route {
	return []route{
		{"", verbs{http.MethodGet: listAll}},
		{"/.search", verbs{http.MethodPost: searchAll}},
		{"/Users", verbs{http.MethodPost: createUser, http.MethodGet: listUsers}},
		{"/Users/.search", verbs{http.MethodPost: searchUsers}},
		{"/Users/:id", verbs{http.MethodGet: getUser, http.MethodPut: replaceUser, http.MethodPatch: patchUser, http.MethodDelete: deleteUser}},
		{"/Groups", verbs{http.MethodPost: createGroup, http.MethodGet: listGroups}},
		{"/Groups/.search", verbs{http.MethodPost: searchGroups}},
		{"/Groups/:id", verbs{http.MethodGet: getGroup, http.MethodPut: replaceGroup, http.MethodPatch: patchGroup, http.MethodDelete: deleteGroup}},
	}
}

type verbs = map[string]func(*request) error

// allVerbs are those that a route answers, be it with 405.
var allVerbs = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// Mount puts the endpoint below a group, /scim/v2, which is behind authentication.
func (h *Handler) Mount(g *echo.Group) {
	for _, r := range h.routes {
		var allowed []string
		for _, verb := range allVerbs {
			if r.verb(verb) != nil {
				allowed = append(allowed, verb)
			}
		}
		allow := strings.Join(allowed, ", ")
		for _, verb := range allVerbs {
			answer := r.verb(verb)
			if answer == nil {
				answer = notAllowed(allow)
			}
			serve := h.serve
			if h.Tells(verb, r.path) {
				serve = h.tell
			}
			g.Add(verb, r.path, serve(answer))
			if !strings.Contains(r.path, ":") {
				g.Add(verb, r.path+"/", serve(answer))
			}
		}
	}
	g.RouteNotFound("", h.elsewhere)
	g.RouteNotFound("/*", h.elsewhere)
}

// elsewhere answers what no route does: a path that is none, or a verb that
// nobody knows, which is answered as one that the resource does not take.
func (h *Handler) elsewhere(c echo.Context) error {
	if own := c.Path(); !slices.Contains(allVerbs, c.Request().Method) {
		c.Echo().Router().Find(http.MethodOptions, echo.GetPath(c.Request()), c)
		if c.Path() != own || !strings.HasSuffix(own, "*") {
			return c.Handler()(c)
		}
	}
	return h.serve(func(q *request) error {
		return &wire.Error{Status: http.StatusNotFound, Detail: "there is no such endpoint: " + q.c.Request().URL.Path}
	})(c)
}

// verb returns what a method does, nil where it is not allowed.
func (r route) verb(method string) func(*request) error {
	if method == http.MethodHead { // net/http leaves the body out
		method = http.MethodGet
	}
	return r.verbs[method]
}

func notAllowed(allow string) func(*request) error {
	return func(q *request) error {
		q.c.Response().Header().Set(echo.HeaderAllow, allow)
		return &wire.Error{Status: http.StatusMethodNotAllowed, Detail: "this resource takes " + allow}
	}
}

// serve answers one request. Whatever happens in it, the process goes on, and
// the sender gets a SCIM error.
func (h *Handler) serve(answer func(*request) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		q := &request{Handler: h, c: c, received: time.Now().UTC().Round(0)}
		defer q.endTurn()
		return q.answer(func(q *request) error {
			if q.source = h.sourceOf(c); q.source == "" {
				return &wire.Error{Status: http.StatusUnauthorized, Detail: "the credential names no source"}
			}
			return answer(q)
		})
	}
}

// tell is serve for what is told to anybody.
func (h *Handler) tell(answer func(*request) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		return (&request{Handler: h, c: c, received: time.Now().UTC().Round(0)}).answer(answer)
	}
}

func (q *request) answer(answer func(*request) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = q.fail(fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
		}
	}()
	if q.query, err = parseQuery(q.c.Request().URL.RawQuery); err == nil || q.c.Request().Method == http.MethodDelete {
		err = answer(q) // a removal shows nothing, and no query stops it
	}
	if err != nil {
		return q.fail(err)
	}
	return nil
}
