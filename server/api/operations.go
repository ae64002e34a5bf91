package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// leastRoles says which role each operation needs at least. An operation that is
// not here is nobody's.
var leastRoles = map[string]string{
	"GET /api/v1/identities":            "viewer",
	"GET /api/v1/identities/{identity}": "viewer",
	"GET /api/v1/accounts":              "viewer",
	"GET /api/v1/assignments":           "viewer",
	"GET /api/v1/grants":                "viewer",
	"GET /api/v1/explain":               "viewer",
	"GET /api/v1/roles":                 "viewer",
	"GET /api/v1/policy":                "viewer",
	"GET /api/v1/connectors":            "viewer",
	"GET /api/v1/lanes":                 "viewer",
	"GET /api/v1/sweeps":                "viewer",
	"GET /api/v1/runs":                  "viewer",
	"GET /api/v1/findings":              "viewer",
	"GET /api/v1/decisions":             "viewer", // their detail is for auditors
	"GET /api/v1/log/checkpoint":        "viewer",
	"GET /api/v1/log/export":            "auditor",
	"POST /api/v1/policy/plan":          "viewer", // it touches nothing
	"POST /api/v1/grants":               "approver",
	"POST /api/v1/revocations":          "operator",
	"POST /api/v1/sweeps/{name}/run":    "operator",
	"GET /api/v1/tokens":                "admin",
	"POST /api/v1/tokens":               "admin",
	"DELETE /api/v1/tokens/{id}":        "admin",
	"GET /api/v1/backup":                "admin", // it has everything in it
}

// seesDetail is the least role that is shown what the law may one day ask to
// forget: the attribute values that a rule read, and people's own words.
const seesDetail = "auditor"

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
	add(a, h, get("/lanes", "How much work waits, and since when"), a.listLanes)
	add(a, h, get("/sweeps", "The sweeps, when they last ran and when they run next"), a.listSweeps)
	add(a, h, post("/sweeps/{name}/run", "Run a sweep now"), a.runSweep)
	add(a, h, get("/runs", "Runs of sweeps, newest first"), a.listRuns)
	add(a, h, get("/findings", "What sweeps and evaluation noticed and nobody resolved"), a.listFindings)

	add(a, h, get("/decisions", "The decision log: newest first, or from a number on"), a.listDecisions)
	add(a, h, answers(get("/log/checkpoint", "The newest signed head of the log"), noteType), a.readCheckpoint)
	add(a, h, answers(get("/log/export", "The signed log as JSON Lines, to be verified offline"), linesType), a.exportLog)

	add(a, h, created(post("/grants", "Give an identity a role for a time")), a.grant)
	add(a, h, post("/revocations", "Take a role from an identity"), a.revoke)

	add(a, h, get("/tokens", "List issued credentials, without their secrets"), a.listTokens)
	add(a, h, created(post("/tokens", "Issue a credential; its secret is shown once")), a.issueToken)
	add(a, h, huma.Operation{Method: http.MethodDelete, Path: "/tokens/{id}", Summary: "Revoke a credential"}, a.revokeToken)

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
	op.Description = "Needs the role " + least + "."
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
func needs(least string) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		who := callerOf(ctx.Context())
		if who.may(least) {
			next(ctx)
			return
		}
		p := forbidden(who, least)
		ctx.SetHeader("Content-Type", problemType)
		ctx.SetStatus(p.Status)
		_ = json.NewEncoder(ctx.BodyWriter()).Encode(p) // a client that left misses nothing
	}
}
