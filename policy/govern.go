package policy

import "strings"

// govern notes who the documents and the roles in force depend on, so that a change of somebody
// else costs a look into a map.
func (b *Book) govern() {
	b.responsible, b.approving = map[string]bool{}, map[string]bool{}
	for _, r := range b.roles {
		b.responsible[strings.ToLower(r.Metadata.Owner.User)] = true
		b.responsible[strings.ToLower(r.Metadata.Owner.Deputy)] = true
		for _, stage := range b.Stages(r.Role) {
			for _, a := range stage.Approvers {
				b.responsible[strings.ToLower(a.User)] = true
				if a.Group != "" {
					b.approving[strings.ToLower(a.Group)] = true
				}
			}
		}
	}
	for _, d := range b.Owned() {
		b.responsible[strings.ToLower(d.User)] = true
		b.responsible[strings.ToLower(d.Deputy)] = true
	}
	for _, e := range b.exceptions {
		for _, name := range e.Spec.ApprovedBy {
			b.responsible[strings.ToLower(name)] = true
		}
	}
	delete(b.responsible, "")
}

// Responsible reports whether a document, or a role in force, depends on the person with
// the email address: its owner, their deputy, or an approver by name.
func (b *Book) Responsible(email string) bool { return b.responsible[strings.ToLower(email)] }

// Approving reports whether a role in force is approved by the group.
func (b *Book) Approving(group string) bool { return b.approving[strings.ToLower(group)] }

// Approves reports whether any group approves a role in force.
func (b *Book) Approves() bool { return len(b.approving) > 0 }

// Stages returns who must agree before a role is granted; none where it is held
// by rule.
func (b *Book) Stages(r *Role) []Stage {
	if f, ok := b.Flow(r); ok {
		return f.Spec.Stages
	}
	return nil
}
