// Package api is the bridge's own HTTP API, for the command line, the console and
// others: what is, why it is, and the few things that people may do about it.
//
// Each operation is one line in the table of operations, with the least role that
// may use it. Its document at /api/openapi.json is made from the same types as its
// answers. Lists come a page at a time, with a cursor over keys; nothing is ever
// loaded whole.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"
	"golang.org/x/mod/sumdb/note"

	"drawbridge/access"
	"drawbridge/access/exposure"
	"drawbridge/access/tokens"
	"drawbridge/access/unmapped"
	"drawbridge/notice"
	"drawbridge/policy"
	"drawbridge/store"
)

// Options are what the API is made of.
type Options struct {
	Store      *store.Store
	Rules      *access.Rules
	Log        *slog.Logger
	Version    string
	Sweeps     []string // names
	Connectors []string // names
	Issuers    []string // names
	// Targets are the connectors that are open, by name.
	Targets map[string]Target

	TokenKey tokens.Key // of the tokens that are issued

	Hearing  *access.Hearing   // when sources were heard since it was written down; may be nil
	Unmapped *unmapped.Counter // what sources send and no schema has, as counted since it was stored; may be nil

	Exposure *exposure.Meter // remembers what was measured; may be nil

	// Breaker, where it is not nil, says whether a connector's target is called.
	Breaker func(connector string) BreakerView
	// Standing, where it is not nil, says how credentials stand.
	Standing func(ctx context.Context) ([]access.Credential, error)
	// Sign, where it is not nil, signs the decision log as it is now.
	Sign func(ctx context.Context) error
	// Signer, where it is not nil, is the log's: it signs packs of evidence.
	Signer note.Signer
	// Trial, where it is not nil, sends somebody a trial by every way there is.
	Trial func(ctx context.Context, to access.Addressee) []notice.Trial
	// Preview, where it is not nil, says what a run of a sweep would come to.
	Preview func(ctx context.Context, sweep string) (access.Preview, error)
}

// API serves /api/v1.
type API struct {
	Options
	planning chan struct{} // one plan at a time: each compiles a policy
	packing  chan struct{} // one pack of evidence at a time: each walks the log
	intents  access.Intents
}

// New returns the API.
func New(o Options) *API {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Exposure == nil {
		o.Exposure = &exposure.Meter{}
	}
	return &API{Options: o, planning: make(chan struct{}, 1), packing: make(chan struct{}, 1)}
}

// documentPath is where the API describes itself.
const documentPath = "/api/openapi.json"

// Mount mounts the operations, and the document that describes them. It expects
// the caller of each request in its context.
func (a *API) Mount(e *echo.Echo) {
	h := humaecho.New(e, a.config())
	a.register(h)
	a.registerMachines(h)
	a.registerExposure(h)
	a.registerEvidence(h)
	for _, name := range []string{"ErrorModel", "ErrorDetail"} {
		delete(h.OpenAPI().Components.Schemas.Map(), name) // what errors would be if they were not problems
	}
	document, err := h.OpenAPI().MarshalJSON()
	e.GET(documentPath, func(c echo.Context) error {
		if err != nil {
			return err
		}
		return c.Blob(http.StatusOK, "application/vnd.oai.openapi+json;version=3.1", document)
	})
}

// config is huma without its pages, which load what they need from elsewhere, and
// without what it adds to answers.
func (a *API) config() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Drawbridge", Version: a.Version,
				Description: "What the bridge knows and decides, and what people may do about it.",
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer"}},
			},
			Security: []map[string][]string{{"bearer": {}}},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{asProblem},
	}
}

// schemaName is huma's, with the package where a word alone does not say of what: a
// finding of policy is about documents, any other about accounts; a window is one of
// exposure.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.PkgPath() {
	case reflect.TypeFor[policy.Finding]().PkgPath():
		return "Policy" + name
	case reflect.TypeFor[exposure.Window]().PkgPath():
		return "Exposure" + name
	}
	return name
}
