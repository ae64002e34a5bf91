package connectors

import (
	"cmp"
	"net/http"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// A Profile states a target's dialect and limits. Start from DefaultProfile: the
// zero value is not a usable profile.
type Profile struct {
	Title string `yaml:"title"`
	// Kind is the kind of connector that the profile is for; empty: any.
	Kind string `yaml:"kind"`
	// Unknown names what nobody has found out about the target yet, for people.
	Unknown []string `yaml:"unknown"`
	// Restrictions say, a sentence each, what the target demands or leaves out that no
	// client can do anything about, for people: they are told when it is connected.
	Restrictions []string `yaml:"restrictions"`

	// Match lists the attributes by which an account that is there already is
	// found, in order; the first that finds exactly one wins. Of several, kind scim takes
	// the one that has the externalId which the bridge gives.
	Match []string `yaml:"match"`
	// Find says when to look: before every create, or only when a create is
	// answered with a conflict, which saves a call where userName is all there
	// is to match by.
	Find Find `yaml:"find"`
	// Update is the method by which resources are changed.
	Update Method `yaml:"update"`
	// Deactivate says how an account is disabled.
	Deactivate Deactivate `yaml:"deactivate"`
	// Irreversible says that a disabled account cannot be had back.
	Irreversible bool `yaml:"irreversible"`

	// Sessions is how what somebody is signed in with is ended, where the target has a
	// call for it beside SCIM. Who is disabled counts as active until it was answered.
	Sessions Sessions `yaml:"sessions"`

	// Hidden says that accounts which the bridge did not make are not shown to it: a
	// name that is taken is then nobody's who could be adopted.
	Hidden bool `yaml:"hidden"`

	// Account names the entitlement that an account holds by being active: a seat,
	// a membership. It is granted by enabling and ends by disabling. Empty: none.
	Account string `yaml:"account"`

	// LastUsed names the attribute in which a listing says when an account was used
	// last. Empty: the target does not tell. It is no attribute of the account then.
	LastUsed string `yaml:"lastUsed"`
	// UsedBehind is how long before an account's last use that may be which it says.
	UsedBehind time.Duration `yaml:"usedBehind"`

	Attributes Attributes `yaml:"attributes"`
	Groups     Groups     `yaml:"groups"`
	Paging     Paging     `yaml:"paging"`
	Filter     Filter     `yaml:"filter"`
	Rate       RateLimit  `yaml:"rate"`
	Auth       AuthScheme `yaml:"auth"`
	Token      Token      `yaml:"token"`

	Concurrency int `yaml:"concurrency"` // calls under way at once; 0: no limit
	// Order says what the target demands of members: whoever is made a member of a group
	// is looked at before, where it would not say that they are not there.
	Order     Order  `yaml:"order"`
	UserAgent string `yaml:"userAgent"` // sent with every request
	Discovery string `yaml:"discovery"` // path of the provider's configuration; empty: it has none
	// BooleanText says that booleans are written as "True" and "False".
	BooleanText bool `yaml:"booleanText"`
	// Options are of a connector's kind, for where its configuration leaves them
	// out: a target that is described by its options can ship as a profile.
	Options map[string]string `yaml:"options"`
	// Throttled lists texts by which an answer, whatever its status, is known to
	// mean "too many requests".
	Throttled []string `yaml:"throttled"`

	// REST says how a target's own API is spoken, for connectors of kind rest,
	// which reads it: see connectors/rest. Its lines are kept, for its mistakes.
	REST Section `yaml:"rest"`
}

// A Section is a part of a profile that one kind of connector reads.
type Section struct {
	File string // of the profile, for errors
	Node *yaml.Node
}

// UnmarshalYAML keeps the node as it is.
func (s *Section) UnmarshalYAML(node *yaml.Node) error {
	s.Node = node
	return nil
}

// Find says when an account that is there already is looked for.
type Find string

// The times to look.
const (
	FindFirst      Find = "first"
	FindOnConflict Find = "on-conflict"
)

// Method is the HTTP method by which a resource is changed.
type Method string

// The methods.
const (
	UpdatePatch Method = "patch"
	UpdatePut   Method = "put"
)

// Deactivate says how an account is disabled.
type Deactivate string

// The ways to disable.
const (
	DeactivateActive Deactivate = "active" // active: false
	DeactivateDelete Deactivate = "delete" // DELETE
)

// Sessions is a call that ends what an account is signed in with. It goes to the host of
// the target, with its credential.
type Sessions struct {
	Method string `yaml:"method"`
	Path   string `yaml:"path"` // from the root of the host; {id} is the account's id. Empty: there is no such call
}

// Order says whether users must exist before a group names them as its members.
type Order string

// The orders.
const (
	UsersFirst Order = "users-first" // they must: another is refused
	AnyOrder   Order = "any"         // another is agreed to, and passed over
)

// Attributes are a target's wishes about what it is sent. Names are SCIM paths.
type Attributes struct {
	Required     []string          `yaml:"required"`
	SingleValued []string          `yaml:"singleValued"` // multi-valued attributes of which it keeps one value
	Omit         []string          `yaml:"omit"`         // never sent
	Uncleared    []string          `yaml:"uncleared"`    // cannot be cleared once they are set
	Forbidden    map[string]string `yaml:"forbidden"`    // to the characters it refuses
	MaxLength    map[string]int    `yaml:"maxLength"`    // in characters
	Fixed        []string          `yaml:"fixed"`        // written with a new account and never after; "*": all
	CaseKept     []string          `yaml:"caseKept"`     // a change of nothing but the case of letters is refused
}

// Groups says how a target's groups are read and changed.
type Groups struct {
	Update Method `yaml:"update"` // of the group
	// MemberRemove is the form of a PATCH that removes a member: path names the
	// member in a filter, value lists it in the operation's value.
	MemberRemove MemberRemove `yaml:"memberRemove"`
	MaxMembers   int          `yaml:"maxMembers"` // changes of one request; 0: no cap
	MaxBytes     int          `yaml:"maxBytes"`   // of one request's body; 0: no cap
	// Of says where the groups of an account are read.
	Of GroupsOf `yaml:"of"`
	// PerHour is how many may join one group in any hour; 0: no limit. Who leaves it
	// is not counted.
	PerHour int `yaml:"perHour"`
	// Called is what they are there, where that is no group: role, team, workspace.
	Called string `yaml:"called"`
}

// Noun is what one of them is called.
func (g Groups) Noun() string { return cmp.Or(g.Called, "group") }

// MemberRemove is the form of a PATCH that removes a member.
type MemberRemove string

// The forms.
const (
	RemoveByPath  MemberRemove = "path"
	RemoveByValue MemberRemove = "value"
)

// GroupsOf says where the groups of an account are read.
type GroupsOf string

// The places.
const (
	GroupsOfUser   GroupsOf = "user"   // the user's own groups attribute
	GroupsOfFilter GroupsOf = "filter" // groups filtered by members.value
	GroupsOfPair   GroupsOf = "pair"   // groups filtered by id and members: it says whether one user is in one group, and no more
	GroupsOfList   GroupsOf = "list"   // all groups with all their members: nothing else says it
	GroupsOfNone   GroupsOf = "none"   // nowhere: the target has no groups
)

// Paging says how long listings are read.
type Paging struct {
	Style PagingStyle `yaml:"style"`
	Size  int         `yaml:"size"` // of a page
}

// PagingStyle is the way from one page to the next.
type PagingStyle string

// The styles: everything at once, RFC 7644 section 3.4.2.4, and RFC 9865.
const (
	PagingNone   PagingStyle = "none"
	PagingIndex  PagingStyle = "index"
	PagingCursor PagingStyle = "cursor"
)

// Filter is the part of the filter language that the target understands.
type Filter struct {
	Operators  []string `yaml:"operators"`  // eq, and, or, co, ...: the bridge needs eq, and "and" where it asks for pairs
	Attributes []string `yaml:"attributes"` // that may be filtered by; empty: all
}

// RateLimit is how fast a target may be called.
type RateLimit struct {
	PerSecond float64               `yaml:"perSecond"` // 0: no limit
	Burst     int                   `yaml:"burst"`     // at once; at least 1 where PerSecond is set
	PerHour   int                   `yaml:"perHour"`   // in any hour; 0: no limit
	Shared    bool                  `yaml:"shared"`    // others use up the same limit: 429 is to be expected
	Methods   map[string]MethodRate `yaml:"methods"`   // by method of the protocol, within the above
	Calls     []CallRate            `yaml:"calls"`     // of some calls, within the above
}

// MethodRate is how fast one method may be called.
type MethodRate struct {
	PerSecond float64 `yaml:"perSecond"`
	Burst     int     `yaml:"burst"`
	PerHour   int     `yaml:"perHour"`
}

// CallRate is how fast calls of one sort may be made. What it leaves out, any call
// has.
type CallRate struct {
	Method string `yaml:"method"`
	Path   string `yaml:"path"` // what it begins with, as /Groups
	Over   int    `yaml:"over"` // bytes of its body

	PerSecond float64 `yaml:"perSecond"`
	Burst     int     `yaml:"burst"`
	PerHour   int     `yaml:"perHour"`
}

// A Call is what a rate limit sees of one.
type Call struct {
	Method string
	Path   string // below the target's address; empty where the protocol has none
	Bytes  int    // of its body
}

// Of reports whether the call is of the sort.
func (r CallRate) Of(c Call) bool {
	return (r.Method == "" || r.Method == c.Method) && strings.HasPrefix(c.Path, r.Path) && (r.Over == 0 || c.Bytes > r.Over)
}

// AuthScheme says how the credential is sent.
type AuthScheme struct {
	Scheme AuthKind `yaml:"scheme"`
	Header string   `yaml:"header"` // its name, or that of the parameter of a query
	Prefix string   `yaml:"prefix"` // what stands before the secret, the space included

	TokenURL string   `yaml:"tokenURL"` // where a token is fetched
	Scopes   []string `yaml:"scopes"`   // that it is fetched for
	Grant    string   `yaml:"grant"`    // the grant_type of client credentials, where it is another
}

// AuthKind is a scheme of authentication.
type AuthKind string

// The schemes.
const (
	AuthBearer AuthKind = "bearer" // Authorization: Bearer SECRET
	AuthHeader AuthKind = "header" // HEADER: PREFIXSECRET
	AuthBasic  AuthKind = "basic"  // user and secret
	AuthQuery  AuthKind = "query"  // ?HEADER=SECRET
	// A bearer token that is fetched: with the id and the secret of a client
	// (RFC 6749, section 4.4), or with a JWT that a service account's key signs
	// (RFC 7523).
	AuthClient AuthKind = "client-credentials"
	AuthJWT    AuthKind = "jwt-bearer"
	// The secret is not shown, and signs what is sent (kind webhook).
	AuthSigned AuthKind = "signed"
)

// Token is what is known of the credential's life.
type Token struct {
	Life  time.Duration `yaml:"life"`  // 0: unknown
	Owner string        `yaml:"owner"` // whose leaving ends it, in words: auth.owner names the person
}

// DefaultProfile returns the profile of a target that keeps to RFC 7644, with
// limits that are gentle.
func DefaultProfile() Profile {
	return Profile{
		Title:      "SCIM 2.0",
		Match:      []string{"userName"},
		Find:       FindFirst,
		Update:     UpdatePatch,
		Deactivate: DeactivateActive,
		Attributes: Attributes{Required: []string{"userName"}},
		Groups: Groups{
			Update: UpdatePatch, MemberRemove: RemoveByPath, MaxMembers: 100, MaxBytes: 1 << 20, Of: GroupsOfUser,
		},
		Paging:      Paging{Style: PagingIndex, Size: 100},
		Filter:      Filter{Operators: []string{"eq", "and"}},
		Auth:        AuthScheme{Scheme: AuthBearer, Header: "Authorization"},
		Sessions:    Sessions{Method: http.MethodPost},
		Concurrency: 8,
		Order:       UsersFirst,
		UserAgent:   "drawbridge",
		Discovery:   "/ServiceProviderConfig",
	}
}

func (p Profile) isZero() bool { return reflect.ValueOf(p).IsZero() }
