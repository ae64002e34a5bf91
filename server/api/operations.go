package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/schema"
)

// leastRoles says which role each operation needs at least. An operation that is
// not here is nobody's.
var leastRoles = map[string]schema.APIRole{
	"GET /api/v1/identities":                schema.Viewer,
	"GET /api/v1/identities/{identity}":     schema.Viewer,
	"GET /api/v1/accounts":                  schema.Viewer,
	"GET /api/v1/assignments":               schema.Viewer,
	"GET /api/v1/grants":                    schema.Viewer,
	"GET /api/v1/explain":                   schema.Viewer,
	"GET /api/v1/roles":                     schema.Viewer,
	"GET /api/v1/policy":                    schema.Viewer,
	"GET /api/v1/connectors":                schema.Viewer,
	"GET /api/v1/lanes":                     schema.Viewer,
	"GET /api/v1/sweeps":                    schema.Viewer,
	"GET /api/v1/runs":                      schema.Viewer,
	"GET /api/v1/runs/{id}":                 schema.Viewer,
	"GET /api/v1/findings":                  schema.Viewer,
	"GET /api/v1/findings/{id}":             schema.Viewer,
	"POST /api/v1/findings/{id}/adopt":      schema.Operator,
	"POST /api/v1/findings/{id}/revoke":     schema.Operator,
	"POST /api/v1/findings/{id}/assign":     schema.Operator,
	"POST /api/v1/findings/{id}/ignore":     schema.Operator,
	"POST /api/v1/findings/{id}/except":     schema.Approver, // and whoever answers for it, which access says
	"GET /api/v1/notices":                   schema.Auditor,  // who was told what
	"POST /api/v1/notices/test":             schema.Operator,
	"GET /api/v1/decisions":                 schema.Viewer, // their detail is for auditors
	"GET /api/v1/log/checkpoint":            schema.Viewer,
	"GET /api/v1/log/horizon":               schema.Viewer,
	"GET /api/v1/log/proofs/{seq}":          schema.Viewer,
	"GET /api/v1/log/export":                schema.Auditor,
	"GET /api/v1/log/replay":                schema.Auditor,
	"GET /api/v1/log/search":                schema.Viewer,   // likewise
	"POST /api/v1/policy/plan":              schema.Operator, // it touches nothing, and keeps other plans waiting
	"GET /api/v1/holds":                     schema.Viewer,
	"POST /api/v1/holds/{id}/release":       schema.Approver,
	"GET /api/v1/connectors/{name}/import":  schema.Operator, // it calls the target
	"POST /api/v1/connectors/{name}/adopt":  schema.Operator,
	"GET /api/v1/connectors/{name}/ramp":    schema.Viewer,
	"POST /api/v1/connectors/{name}/ramp":   schema.Operator,
	"POST /api/v1/connectors/{name}/disown": schema.Operator,
	"POST /api/v1/accounts/unpark":          schema.Operator,
	"POST /api/v1/accounts/replay":          schema.Operator,
	"GET /api/v1/work-items":                schema.Viewer,
	"POST /api/v1/grants":                   schema.Admin, // on their word, people agreed elsewhere
	"POST /api/v1/revocations":              schema.Operator,
	"POST /api/v1/sweeps/{name}/run":        schema.Operator,
	"GET /api/v1/tokens":                    schema.Admin,
	"POST /api/v1/tokens":                   schema.Admin,
	"DELETE /api/v1/tokens/{id}":            schema.Admin,
	"GET /api/v1/cutoffs":                   schema.Viewer,
	"POST /api/v1/cutoffs":                  schema.Operator,
	"POST /api/v1/cutoffs/lift":             schema.Admin,
	"GET /api/v1/credentials":               schema.Auditor, // who comes in, and by what
	"POST /api/v1/erasures":                 schema.Admin,
	"GET /api/v1/backup":                    schema.Admin, // it has everything in it

	"POST /api/v1/work-items/{connector}/{identity}/confirm": schema.Operator,
	"POST /api/v1/work-items/{connector}/{identity}/decline": schema.Operator,

	"GET /api/v1/requests":                 schema.Viewer,
	"GET /api/v1/requests/{id}":            schema.Viewer,
	"POST /api/v1/requests":                schema.Viewer, // who may decide is the policy's to say
	"POST /api/v1/requests/{id}/approve":   schema.Approver,
	"POST /api/v1/requests/{id}/deny":      schema.Approver,
	"POST /api/v1/requests/{id}/withdraw":  schema.Viewer,
	"GET /api/v1/bypasses":                 schema.Viewer,
	"GET /api/v1/bypasses/{id}":            schema.Viewer,
	"POST /api/v1/bypasses":                schema.Viewer, // likewise
	"POST /api/v1/bypasses/{id}/evidence":  schema.Viewer,
	"POST /api/v1/bypasses/{id}/review":    schema.Approver,
	"GET /api/v1/exceptions":               schema.Viewer,
	"POST /api/v1/exceptions":              schema.Viewer,
	"POST /api/v1/exceptions/{id}/approve": schema.Approver,
	"POST /api/v1/exceptions/{id}/deny":    schema.Approver,
	"POST /api/v1/exceptions/{id}/end":     schema.Viewer, // who may is for access to say
	"POST /api/v1/exceptions/{id}/keep":    schema.Approver,

	"GET /api/v1/publications":                schema.Viewer,
	"GET /api/v1/publications/{id}":           schema.Viewer,
	"POST /api/v1/publications":               schema.Operator,
	"POST /api/v1/publications/{id}/approve":  schema.Approver,
	"POST /api/v1/publications/{id}/deny":     schema.Approver,
	"POST /api/v1/publications/{id}/withdraw": schema.Operator,
	"POST /api/v1/publications/{id}/publish":  schema.Operator,
	"POST /api/v1/policy/publish":             schema.Operator,
	"GET /api/v1/policy/versions/{digest}":    schema.Viewer,
	"GET /api/v1/readiness":                   schema.Viewer,

	"GET /api/v1/nhi":                     schema.Viewer,
	"GET /api/v1/nhi-report":              schema.Auditor,
	"GET /api/v1/nhi/{identity}":          schema.Viewer,
	"POST /api/v1/nhi/{identity}/assign":  schema.Operator,
	"POST /api/v1/nhi/{identity}/rotated": schema.Operator,
	"POST /api/v1/nhi/{identity}/stop":    schema.Operator,
	"POST /api/v1/nhi/{identity}/start":   schema.Approver,
	"POST /api/v1/nhi/{identity}/settle":  schema.Approver,

	"GET /api/v1/firings":      schema.Viewer,
	"POST /api/v1/reapprovals": schema.Approver,
	"GET /api/v1/risks":        schema.Viewer,
	"POST /api/v1/risks/close": schema.Operator,

	"GET /api/v1/sources":                 schema.Viewer,
	"GET /api/v1/sources/{name}/unmapped": schema.Viewer,
	"GET /api/v1/sources/{name}/parked":   schema.Viewer,
	"GET /api/v1/sources/{name}/records":  schema.Viewer,
	"GET /api/v1/raw/{id}":                schema.Auditor, // people's attributes, as they were sent

	"POST /api/v1/records/{id}/join":  schema.Operator,
	"POST /api/v1/records/{id}/split": schema.Operator,
	"POST /api/v1/liftings":           schema.Approver,

	"GET /api/v1/proposals":               schema.Viewer,
	"GET /api/v1/proposals/{id}":          schema.Viewer,
	"POST /api/v1/proposals/{id}/release": schema.Approver,
	"POST /api/v1/proposals/{id}/dismiss": schema.Approver,

	"GET /api/v1/evidence":             schema.Auditor,
	"GET /api/v1/evidence/{framework}": schema.Auditor, // who had what, and who agreed

	"GET /api/v1/exposure":         schema.Viewer,
	"GET /api/v1/exposure/latest":  schema.Viewer,
	"GET /api/v1/exposure/open":    schema.Viewer,
	"GET /api/v1/exposure/windows": schema.Viewer,

	"POST /api/v1/reviews":               schema.Operator,
	"GET /api/v1/reviews":                schema.Viewer,
	"GET /api/v1/reviews/{id}":           schema.Viewer,
	"GET /api/v1/reviews/{id}/items":     schema.Viewer,
	"GET /api/v1/reviews/{id}/result":    schema.Auditor,
	"GET /api/v1/review-items":           schema.Viewer,
	"POST /api/v1/reviews/{id}/keep":     schema.Approver, // and whom the review is for, which access says
	"POST /api/v1/reviews/{id}/revoke":   schema.Approver,
	"POST /api/v1/reviews/{id}/modify":   schema.Approver,
	"POST /api/v1/reviews/{id}/delegate": schema.Approver,
	"POST /api/v1/reviews/{id}/escalate": schema.Approver,
	"POST /api/v1/reviews/{id}/close":    schema.Approver,
	"POST /api/v1/reviews/{id}/sign":     schema.Approver,

	"GET /api/v1/status":        schema.Viewer,
	"GET /api/v1/halts":         schema.Viewer,
	"GET /api/v1/modes":         schema.Viewer,
	"GET /api/v1/owners":        schema.Viewer,
	"POST /api/v1/halts":        schema.Operator,
	"POST /api/v1/halts/resume": schema.Operator,
}

// seesDetail is the least role that is shown what the law may one day ask to
// forget: the attribute values that a rule read, and people's own words.
const seesDetail = schema.Auditor

// register registers every operation.
func (a *API) register(h huma.API) {
	add(a, h, get("/identities", "List identities, by id"), a.listIdentities)
	add(a, h, get("/identities/{identity}", "An identity, by id, userName or email, with all that is decided about it"), a.readIdentity)
	add(a, h, get("/accounts", "List accounts, by connector and identity"), a.listAccounts)
	add(a, h, get("/assignments", "List desired state: of an identity, or of an entitlement"), a.listAssignments)
	add(a, h, get("/grants", "List grants: of an identity, or the live ones of a role"), a.listGrants)
	add(a, h, get("/explain", "Why an identity has, had, lost or never had an entitlement"), a.explain)

	add(a, h, get("/roles", "The roles in force, and those that are refused and why"), a.listRoles)
	add(a, h, get("/policy", "Which policy is in force"), a.readPolicy)
	add(a, h, planning(post("/policy/plan", "What a policy would change, and for whom; nothing is touched")), a.planPolicy)

	add(a, h, get("/connectors", "How each connector stands"), a.listConnectors)
	add(a, h, get("/sources", "How each source stands"), a.listSources)
	add(a, h, get("/sources/{name}/unmapped", "What a source sends and no schema has, the most often sent first"), a.listUnmapped)
	add(a, h, get("/sources/{name}/parked", "Memberships of whom a source has not told of yet"), a.listParked)
	add(a, h, get("/sources/{name}/records", "A source's records that are kept apart: of nobody yet, of several perhaps, or of whom it may not speak"), a.listRecords)
	add(a, h, post("/records/{id}/join", "Say whose record it is"), a.joinRecord)
	add(a, h, post("/records/{id}/split", "Say that a record is of an identity of its own"), a.splitRecord)
	add(a, h, get("/raw/{id}", "What a source sent of a resource that its record does not hold: the newest body, or that which a decision names"), a.readRaw)
	add(a, h, get("/lanes", "How much work waits, and since when"), a.listLanes)
	add(a, h, get("/sweeps", "The sweeps, when they last ran and when they run next"), a.listSweeps)
	add(a, h, post("/sweeps/{name}/run", "Run a sweep now"), a.runSweep)
	add(a, h, get("/runs", "Runs of sweeps, newest first"), a.listRuns)
	add(a, h, get("/runs/{id}", "A run of a sweep: what it looked at, found, proposed, did, and was held from"), a.readRun)
	a.registerFindings(h)
	a.registerNotices(h)

	add(a, h, get("/holds", "What the bridge would do and does not, until people decide"), a.listHolds)
	add(a, h, post("/holds/{id}/release", "Agree to a plan that is held; the second person releases it"), a.release)
	add(a, h, post("/accounts/unpark", "Have accounts tried again that were given up"), a.unpark)
	add(a, h, post("/accounts/replay", "Have a target told again of what is decided"), a.replay)

	add(a, h, get("/work-items", "What people are asked to do where no program can reach"), a.listWorkItems)
	add(a, h, post("/work-items/{connector}/{identity}/confirm", "Say that what was asked is done, and how that can be seen"), a.confirm)
	add(a, h, post("/work-items/{connector}/{identity}/decline", "Say that what was asked will not be done, and why"), a.decline)

	a.registerLog(h)
	a.registerOnboarding(h)
	a.registerRequests(h)
	a.registerBypasses(h)
	a.registerExceptions(h)
	a.registerReviews(h)
	add(a, h, created(post("/grants", "Give an identity a role to which people agreed elsewhere")), a.grant)
	add(a, h, post("/revocations", "Take a role from an identity"), a.revoke)
	add(a, h, post("/liftings", "Take away what stands against a role coming back to an identity"), a.lift)

	a.registerTriggers(h)
	a.registerPace(h)
	a.registerPublications(h)

	add(a, h, get("/tokens", "List issued credentials, without their secrets"), a.listTokens)
	add(a, h, created(post("/tokens", "Issue a credential; its secret is shown once")), a.issueToken)
	add(a, h, huma.Operation{Method: http.MethodDelete, Path: "/tokens/{id}", Summary: "Revoke a credential"}, a.revokeToken)

	a.registerCutoffs(h)

	add(a, h, get("/credentials", "How the credentials stand by which others are known: age, end, last use, and what is the matter"), a.listCredentials)

	add(a, h, get("/backup", "A snapshot of the store, to be restored where no bridge runs"), a.backUp)
}

func get(path, summary string) huma.Operation {
	return huma.Operation{Method: http.MethodGet, Path: path, Summary: summary}
}

func post(path, summary string) huma.Operation {
	return huma.Operation{Method: http.MethodPost, Path: path, Summary: summary, MaxBodyBytes: 64 << 10}
}

// What is answered that is not JSON.
const (
	noteType  = "text/plain; charset=utf-8"
	linesType = "application/jsonl"
)

func answers(op huma.Operation, contentType string) huma.Operation {
	text := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	op.Responses = map[string]*huma.Response{"200": {Description: op.Summary, Content: map[string]*huma.MediaType{contentType: text}}}
	return op
}

func created(op huma.Operation) huma.Operation {
	op.DefaultStatus = http.StatusCreated
	return op
}

// add registers an operation: who may not use it is told so before anything of
// the request is read, and its errors are problems.
func add[I, O any](a *API, h huma.API, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	op.Path = root + op.Path
	least := leastRoles[op.Method+" "+op.Path]
	op.OperationID = operationID(op)
	op.Description = "Needs the role " + string(least) + "."
	op.Extensions = map[string]any{"x-role": least}
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	op.Responses["default"] = problemResponse(h)
	op.Middlewares = append(huma.Middlewares{needs(least)}, op.Middlewares...)
	huma.Register(h, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err == nil {
			return out, nil
		}
		p := ProblemOf(err)
		if p.Status == http.StatusInternalServerError && a.Log != nil {
			a.Log.ErrorContext(ctx, "request failed", "request", callerOf(ctx).Request, "operation", op.OperationID, "error", err)
		}
		return nil, p
	})
}

const root = "/api/v1"

// operationID is a name such as get-identities, for those who generate clients.
func operationID(op huma.Operation) string {
	name := strings.NewReplacer("/", "-", "{", "", "}", "").Replace(strings.TrimPrefix(op.Path, root))
	return strings.ToLower(op.Method) + name
}

func problemResponse(h huma.API) *huma.Response {
	return &huma.Response{
		Description: "A problem",
		Content: map[string]*huma.MediaType{
			problemType: {Schema: h.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")},
		},
	}
}

// needs lets a request pass whose caller has the role, or a greater one.
func needs(least schema.APIRole) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		who := callerOf(ctx.Context())
		if who.Role.AtLeast(least) {
			next(ctx)
			return
		}
		p := forbidden(who, least)
		ctx.SetHeader("Content-Type", problemType)
		ctx.SetStatus(p.Status)
		_ = json.NewEncoder(ctx.BodyWriter()).Encode(p) // a client that left misses nothing
	}
}
