// Package manual is the connector of systems that people tend: disconnected ones,
// without an interface. Nothing is called. What has to be done there becomes a work
// item for a person, who confirms it with evidence.
//
// It is an Asker, and so it is not held to the contract of connectors that act
// (connectortest): its Apply does nothing, and what it would have to promise is the
// promise of the work items, in package access, which are held to it there
// (TestWhatPeopleDoComesToWhatIsWanted).
package manual

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// How long people have where the options do not say.
const (
	defaultWithin     = 72 * time.Hour
	defaultEndsWithin = 24 * time.Hour
	defaultRemind     = 24 * time.Hour
)

// A Connector is one system that people tend.
type Connector struct{ terms connectors.Terms }

var _ connectors.Asker = (*Connector)(nil)

// Open returns the connector. Its options are the assignee, an email address; how
// long people have for what gives access (within) and for what ends it
// (endsWithin); and how often they are reminded once that is over (remindEvery), no
// more than once a day.
func Open(o connectors.Options) (connectors.Connector, error) {
	errs := []error{o.Known("assignee", "within", "endsWithin", "remindEvery")}
	c := &Connector{terms: connectors.Terms{
		Assignee: o.Options["assignee"], Within: defaultWithin, EndsWithin: defaultEndsWithin, Remind: defaultRemind,
	}}
	if a := c.terms.Assignee; a != "" {
		if parsed, err := mail.ParseAddress(a); err != nil || parsed.Address != a {
			errs = append(errs, fmt.Errorf("option assignee is %q, want an email address", a))
		}
	}
	for _, span := range []struct {
		name  string
		least time.Duration
		into  *time.Duration
	}{
		{"within", time.Minute, &c.terms.Within},
		{"endsWithin", time.Minute, &c.terms.EndsWithin},
		{"remindEvery", 24 * time.Hour, &c.terms.Remind},
	} {
		text, ok := o.Options[span.name]
		if !ok {
			continue
		}
		d, err := time.ParseDuration(text)
		if err != nil || d < span.least {
			errs = append(errs, fmt.Errorf("option %s is %q, want a duration of at least %s, such as 48h", span.name, text, span.least))
			continue
		}
		*span.into = d
	}
	if o.BaseURL != "" || o.Auth != (connectors.Auth{}) {
		errs = append(errs, errors.New("it is never called: leave out baseURL and auth"))
	}
	return c, errors.Join(errs...)
}

// Terms says on what terms people are asked.
func (c *Connector) Terms() connectors.Terms { return c.terms }

// Apply can only agree to what is so already: see connectors.Asker.
func (c *Connector) Apply(_ context.Context, have, want schema.Account) (schema.Account, error) {
	if len(connectors.Plan(have, want)) == 0 {
		return have, nil
	}
	return have, &connectors.Error{Kind: connectors.Permanent, Err: errors.New("only a person can do this")}
}
