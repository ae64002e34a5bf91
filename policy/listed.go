package policy

// TriggerSets returns the sets of triggers, by name.
func (b *Book) TriggerSets() []*TriggerSet { return b.set.Triggers }

// Flows returns the approval flows, by name.
func (b *Book) Flows() []*ApprovalFlow { return b.set.Flows }
