package demo

import (
	"slices"

	"drawbridge/schema"
)

// A person is one identity as the demo's HR system knows it.
type person struct {
	userName   string
	given      string
	family     string
	title      string
	userType   string // Employee or Contractor
	department string
	manager    string
	groups     []string
	workload   *workload // set for a machine identity
}

// A workload is what a machine identity says of itself.
type workload struct {
	repo, environment, attestation, owner string
}

// The names of the groups the HR system keeps.
const (
	peopleManagers = "People Managers"
	accessBoard    = "Access Board"
)

const (
	domain      = "@northwind.example"
	headOfSales = "omar.haddad"
)

// cast returns the company: twenty-five people and one machine. The owners that
// the shipped policy names are among them.
func cast() []person {
	staff := func(user, given, family, title, department string, groups ...string) person {
		p := person{
			userName: user + domain, given: given, family: family, title: title,
			userType: "Employee", department: department, groups: groups,
		}
		if department == "Sales" && user != headOfSales {
			p.manager = headOfSales + domain
		}
		return p
	}
	contractor := func(user, given, family, title, department string) person {
		p := staff(user, given, family, title, department)
		p.userType = "Contractor"
		return p
	}
	return []person{
		staff("priya.nair", "Priya", "Nair", "Head of Identity", "IT", peopleManagers, accessBoard),
		staff("tomas.berg", "Tomas", "Berg", "Platform Lead", "Engineering", peopleManagers, accessBoard),
		staff("ines.costa", "Ines", "Costa", "Head of People", "People", peopleManagers, accessBoard),
		staff("mei.tanaka", "Mei", "Tanaka", "Head of Engineering", "Engineering", peopleManagers),
		staff("jonas.lind", "Jonas", "Lind", "Workplace Tools", "IT"),
		staff(headOfSales, "Omar", "Haddad", "Head of Sales", "Sales", peopleManagers),
		staff("lucia.rossi", "Lucia", "Rossi", "Head of Finance", "Finance", peopleManagers),
		staff("carla.mendes", "Carla", "Mendes", "Front Desk", "Facilities"),
		staff("anna.kowalska", "Anna", "Kowalska", "Engineer", "Engineering"),
		staff("ben.oconnor", "Ben", "O'Connor", "Engineer", "Engineering"),
		staff("chidi.eze", "Chidi", "Eze", "Engineer", "Engineering"),
		staff("dina.petrova", "Dina", "Petrova", "Engineer", "Engineering"),
		staff("emil.nagy", "Emil", "Nagy", "Test Engineer", "Engineering"),
		staff("fatima.zahra", "Fatima", "Zahra", "Account Manager", "Sales"),
		staff("george.lam", "George", "Lam", "Account Manager", "Sales"),
		staff("hanna.virtanen", "Hanna", "Virtanen", "Account Manager", "Sales"),
		staff("ivan.horvat", "Ivan", "Horvat", "Sales Operations", "Sales"),
		staff("julia.weber", "Julia", "Weber", "Accountant", "Finance"),
		staff("kenji.mori", "Kenji", "Mori", "Accountant", "Finance"),
		staff("lena.schmidt", "Lena", "Schmidt", "Controller", "Finance", peopleManagers),
		staff("marco.silva", "Marco", "Silva", "Researcher", "Research"),
		staff("nora.haugen", "Nora", "Haugen", "Researcher", "Research"),
		staff("oscar.diaz", "Oscar", "Diaz", "Recruiter", "People"),
		contractor("petra.novak", "Petra", "Novak", "Consultant", "Engineering"),
		contractor("quinn.byrne", "Quinn", "Byrne", "Consultant", "Finance"),
		{
			userName: "order-sync" + domain, given: "Order", family: "Sync", title: "Copies orders into customer records",
			workload: &workload{
				repo: "northwind/order-sync", environment: "prod", attestation: "oidc:ci", owner: "tomas.berg" + domain,
			},
		},
	}
}

// kind returns what sort of being it is.
func (p person) kind() schema.Kind {
	if p.workload != nil {
		return schema.Workload
	}
	return schema.Human
}

// groupNames returns every group somebody is in, sorted.
func groupNames(people []person) []string {
	var names []string
	for _, p := range people {
		names = append(names, p.groups...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
