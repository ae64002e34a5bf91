package rest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"drawbridge/connectors"
)

// A declaration says how one target's API is spoken. It is the section rest of a
// profile.
type declaration struct {
	BaseURL string            `yaml:"baseURL"` // where the configuration says none
	Options map[string]option `yaml:"options"` // what the configuration may say
	Headers map[string]string `yaml:"headers"` // sent with every request

	// Success says which answers are as hoped for; left out: those of 2xx.
	Success expression `yaml:"success"`
	// Message is what the target says is wrong, for people.
	Message expression `yaml:"message"`
	// Errors say what other answers mean; the first whose When is true counts.
	Errors []errorRule `yaml:"errors"`

	Account      accountShape  `yaml:"account"`
	Accounts     accounts      `yaml:"accounts"`
	Entitlements []entitlement `yaml:"entitlements"`
	Probe        *request      `yaml:"probe"`  // left out: the first page of accounts.list
	Rotate       *request      `yaml:"rotate"` // has a machine's secret changed where it is kept
}

// An option is one that a connector's configuration may set, as text.
type option struct {
	Default  string `yaml:"default"`
	Optional bool   `yaml:"optional"` // it may be left out, and is then Default
}

// An errorRule says what an answer means.
type errorRule struct {
	When  expression `yaml:"when"`
	Is    meaning    `yaml:"is"`
	After expression `yaml:"after"` // of retry: seconds, or the text of Retry-After
	line  int
}

// meaning is what may be done about an answer.
type meaning string

// The meanings.
const (
	isRetry     meaning = "retry"
	isPermanent meaning = "permanent"
	isGone      meaning = "gone"
	isExists    meaning = "exists"
	isDone      meaning = "done" // it is as wanted already
)

// accountShape says how an account is read out of the target's own, which is
// called item.
type accountShape struct {
	ID         expression            `yaml:"id"`
	Active     expression            `yaml:"active"`   // left out: an account that is there is active
	LastUsed   expression            `yaml:"lastUsed"` // when it was used last; left out: the target does not tell
	Attributes map[string]expression `yaml:"attributes"`
	Fixed      []string              `yaml:"fixed"` // attributes that cannot be changed once they are set
}

// accounts are the requests about accounts.
type accounts struct {
	// Elsewhere says that accounts are made and disabled by others: all that is
	// done here is to give and to take entitlements.
	Elsewhere bool       `yaml:"elsewhere"`
	List      *listing   `yaml:"list"`
	Find      []finding  `yaml:"find"` // left out: all are listed, and matched by the profile's match
	Read      *reading   `yaml:"read"`
	Create    steps      `yaml:"create"`
	ID        expression `yaml:"id"` // of the account made; left out: account.id of the last answer
	Update    steps      `yaml:"update"`
	Disable   steps      `yaml:"disable"`
	Enable    steps      `yaml:"enable"`
}

// An entitlement is one kind of what accounts hold.
type entitlement struct {
	Prefix string `yaml:"prefix"` // of its names, where there are several kinds

	Catalogue *catalogue `yaml:"catalogue"` // left out: an entitlement's name is its id
	Of        *holding   `yaml:"of"`        // what one account holds
	Everyone  *holding   `yaml:"everyone"`  // what all accounts hold, in one list
	Members   *holding   `yaml:"members"`   // who holds one entitlement
	Holds     *request   `yaml:"holds"`     // whether one account holds one entitlement: an answer says yes, gone says no

	Batch  int   `yaml:"batch"` // accounts in one request; 0: one each
	Grant  steps `yaml:"grant"`
	Revoke steps `yaml:"revoke"`
	line   int
}

// A request is one to the target. Exactly one of the methods has the path.
type request struct {
	Get    expression `yaml:"get"`
	Post   expression `yaml:"post"`
	Put    expression `yaml:"put"`
	Patch  expression `yaml:"patch"`
	Delete expression `yaml:"delete"`

	When     expression            `yaml:"when"`  // of several: whether this one is made
	Query    map[string]expression `yaml:"query"` // what is empty is left out
	Body     expression            `yaml:"body"`
	Optional bool                  `yaml:"optional"` // that there is no such thing is an answer: null
	Needed   bool                  `yaml:"needed"`   // of several that disable: where it fails, none after it is made
	Errors   []errorRule           `yaml:"errors"`   // looked at before those of the declaration

	line   int
	method string
	path   template
}

// A reading is a request for one thing.
type reading struct {
	request `yaml:",inline"`
	Item    expression `yaml:"item"` // of the body; left out: the body itself
}

// A listing is a request for many, page by page.
type listing struct {
	request `yaml:",inline"`
	Items   expression `yaml:"items"` // of a page
	Only    expression `yaml:"only"`  // which of them count
	Page    paging     `yaml:"page"`
}

// A finding is a request that finds accounts by one attribute.
type finding struct {
	listing `yaml:",inline"`
	By      string `yaml:"by"`
}

// A catalogue lists entitlements.
type catalogue struct {
	listing `yaml:",inline"`
	ID      expression `yaml:"id"`
	Name    expression `yaml:"name"`
}

// A holding lists who holds what: item is one line of it.
type holding struct {
	listing `yaml:",inline"`
	Account expression `yaml:"account"` // id of the account
	ID      expression `yaml:"id"`      // of the entitlement, or
	Name    expression `yaml:"name"`    // its name, or a list of names
}

// paging says how long a listing goes on.
type paging struct {
	Style pageStyle  `yaml:"style"`
	Next  expression `yaml:"next"`  // of token: what the next page is asked for by; empty: there is none
	Total expression `yaml:"total"` // how many there are in all, where the target says so
	Size  int        `yaml:"size"`  // of a page: page.size in queries
	First int        `yaml:"first"` // of number: the number of the first page
}

// pageStyle is the way from one page to the next.
type pageStyle string

// The ways.
const (
	pageNone   pageStyle = "none"   // everything at once
	pageLink   pageStyle = "link"   // the Link header's next (RFC 8288)
	pageToken  pageStyle = "token"  // page.token, which Next finds
	pageOffset pageStyle = "offset" // page.offset
	pageNumber pageStyle = "number" // page.number
)

// steps are requests, one after the other. What one is answered the next reads
// as answer. The first that fails is the last that is made, but of those that disable:
// who leaves does not keep what the others end, and what must not be done without the
// one before it says that it reads its answer, or that one says that it is needed.
type steps []*request

// UnmarshalYAML takes one request, or a list of them.
func (s *steps) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.SequenceNode {
		return node.Load((*[]*request)(s), yaml.WithKnownFields())
	}
	one := &request{}
	*s = steps{one}
	return node.Load(one, yaml.WithKnownFields())
}

// UnmarshalYAML reads a rule, and where it stands.
func (r *errorRule) UnmarshalYAML(node *yaml.Node) error {
	type plain errorRule
	r.line = node.Line
	return node.Load((*plain)(r), yaml.WithKnownFields())
}

// UnmarshalYAML reads a kind of entitlement, and where it stands.
func (e *entitlement) UnmarshalYAML(node *yaml.Node) error {
	type plain entitlement
	e.line = node.Line
	return node.Load((*plain)(e), yaml.WithKnownFields())
}

// Check says what is wrong with the section rest of a profile, each mistake with
// its line.
func Check(p connectors.Profile) error {
	_, err := load(p)
	return err
}

// load reads and compiles the declaration of the profile.
func load(p connectors.Profile) (*declaration, error) {
	if p.REST.Node == nil {
		return nil, errors.New("the profile has no section rest: name one that says how the target's API is spoken")
	}
	d := &declaration{}
	if err := p.REST.Node.Load(d, yaml.WithKnownFields()); err != nil {
		return nil, located(p.REST.File, err)
	}
	c := &compiler{declaration: d, profile: p}
	c.all()
	if len(c.wrong) == 0 {
		return d, nil
	}
	slices.SortStableFunc(c.wrong, func(a, b mistake) int { return a.line - b.line })
	var errs []error
	for _, m := range c.wrong {
		errs = append(errs, fmt.Errorf("%s:%d: %s", p.REST.File, m.line, m.text))
	}
	return nil, errors.Join(errs...)
}

// located gives each of the parser's errors its file and line.
func located(file string, err error) error {
	all, ok := errors.AsType[*yaml.LoadErrors](err)
	if !ok {
		one, ok := errors.AsType[*yaml.LoadError](err)
		if !ok {
			return fmt.Errorf("%s: %w", file, err)
		}
		all = &yaml.LoadErrors{Errors: []*yaml.LoadError{one}}
	}
	var errs []error
	for _, e := range all.Errors {
		errs = append(errs, fmt.Errorf("%s:%d: %s", file, e.Mark.Line, strings.TrimPrefix(e.Message, "yaml: ")))
	}
	return errors.Join(errs...)
}
