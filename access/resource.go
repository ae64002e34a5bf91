package access

import (
	"encoding/json"
	"slices"
	"strings"

	"drawbridge/schema/jsonscan"
)

// A resource is what targets are told of an identity's record.
type resource struct {
	UserName    string         `json:"userName"`
	DisplayName string         `json:"displayName"`
	Title       string         `json:"title"`
	UserType    string         `json:"userType"`
	Name        personName     `json:"name"`
	Emails      []email        `json:"emails"`
	Enterprise  enterpriseUser `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
}

const enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

type personName struct {
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
}

type email struct {
	Value   string `json:"value"`
	Primary bool   `json:"primary"`
}

type enterpriseUser struct {
	EmployeeNumber string `json:"employeeNumber"`
	Department     string `json:"department"`
}

// parseResource reads a stored record. It is read for every account of everybody, and
// so by hand; what is not as usual, by encoding/json.
func parseResource(stored json.RawMessage) (r resource, err error) {
	o := jsonscan.Of(stored)
	if r.scan(&o); o.Whole() {
		return r, nil
	}
	r = resource{}
	return r, json.Unmarshal(stored, &r)
}

func (r *resource) scan(o *jsonscan.Scanner) {
	for name := range o.Members() {
		switch string(name) {
		case "userName":
			r.UserName = o.Text()
		case "displayName":
			r.DisplayName = o.Text()
		case "title":
			r.Title = o.Text()
		case "userType":
			r.UserType = o.Text()
		case "name":
			r.Name.scan(o)
		case "emails":
			o.LoseIf(r.Emails != nil) // twice: encoding/json knows what that means
			for range o.Elements() {
				r.Emails = append(r.Emails, email{})
				r.Emails[len(r.Emails)-1].scan(o)
			}
		case enterpriseURN:
			r.Enterprise.scan(o)
		default:
			pass(o, name, "userName", "displayName", "title", "userType", "name", "emails", enterpriseURN)
		}
	}
}

func (n *personName) scan(o *jsonscan.Scanner) {
	for name := range o.Members() {
		switch string(name) {
		case "givenName":
			n.GivenName = o.Text()
		case "familyName":
			n.FamilyName = o.Text()
		default:
			pass(o, name, "givenName", "familyName")
		}
	}
}

func (e *email) scan(o *jsonscan.Scanner) {
	for name := range o.Members() {
		switch string(name) {
		case "value":
			e.Value = o.Text()
		case "primary":
			e.Primary = o.Truth()
		default:
			pass(o, name, "value", "primary")
		}
	}
}

func (e *enterpriseUser) scan(o *jsonscan.Scanner) {
	for name := range o.Members() {
		switch string(name) {
		case "employeeNumber":
			e.EmployeeNumber = o.Text()
		case "department":
			e.Department = o.Text()
		default:
			pass(o, name, "employeeNumber", "department")
		}
	}
}

// pass passes over a value nobody is told of. A name that encoding/json would take for
// one of those, in letters of another case, is left to it.
func pass(o *jsonscan.Scanner, name []byte, others ...string) {
	o.LoseIf(slices.ContainsFunc(others, func(other string) bool {
		return len(other) == len(name) && strings.EqualFold(other, string(name))
	}))
	o.Skip()
}
