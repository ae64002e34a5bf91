package rest

import (
	"fmt"
	"strings"

	"drawbridge/connectors"
)

var _ connectors.Describer = (*Connector)(nil)

// Describe says by which requests an account is disabled, and what accounts hold.
func (c *Connector) Describe() (can, cannot []string) {
	switch a := c.d.Accounts; {
	case a.Elsewhere:
		cannot = append(cannot, "make or disable accounts: others do; who leaves is taken out of what the bridge gave them")
	case len(a.Disable) > 0:
		can = append(can, "accounts are disabled, by "+a.Disable.String())
		if len(a.Enable) == 0 {
			cannot = append(cannot, "enable an account that is disabled: it is made anew")
		}
	}
	for _, e := range c.d.Entitlements {
		held := "an entitlement is a name of the target's own"
		if e.Prefix != "" {
			held = fmt.Sprintf("the name of an entitlement begins with %q", e.Prefix)
		}
		switch {
		case e.Catalogue != nil && e.Prefix == "":
			held = "an entitlement is what " + e.Catalogue.String() + " lists"
		case e.Catalogue != nil:
			held += ", and goes on as " + e.Catalogue.String() + " lists it"
		}
		can = append(can, held)
		if e.Batch > 1 {
			can = append(can, fmt.Sprintf("%d accounts are told of it in one request", e.Batch))
		}
	}
	return can, cannot
}

// String is how people say the requests.
func (s steps) String() string {
	var all []string
	for _, r := range s {
		all = append(all, r.String())
	}
	return strings.Join(all, ", then ")
}

// String is the method and path of the request.
func (r *request) String() string {
	for _, is := range []struct {
		method string
		path   expression
	}{{"GET", r.Get}, {"POST", r.Post}, {"PUT", r.Put}, {"PATCH", r.Patch}, {"DELETE", r.Delete}} {
		if is.path.text != "" {
			return is.method + " " + is.path.text
		}
	}
	return "nothing"
}
