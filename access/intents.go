package access

import (
	"strings"
	"sync"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Intents say what roles are for: the one sentence that each carries, as the policy has it
// that a decision was made by. The zero value is ready. It is safe for concurrent use.
type Intents struct {
	mu       sync.Mutex
	policies map[string]map[string]string // by digest, then by role
}

// mostIntents is how many policies are remembered: those that the newest decisions name.
const mostIntents = 16

// Of returns what each role is for that a decision names, by the role. Of a policy that was
// in force without its documents nothing is known.
func (i *Intents) Of(r store.Reader, d schema.Decision) (map[string]string, error) {
	var intents map[string]string
	for _, ref := range append([]string{d.Subject, d.Object}, d.Because...) {
		role, is := strings.CutPrefix(ref, "role/")
		if !is || d.Policy == "" {
			continue
		}
		known, err := i.under(r, d.Policy)
		if err != nil {
			return nil, err
		}
		if known[role] == "" {
			continue
		}
		if intents == nil {
			intents = map[string]string{}
		}
		intents[role] = known[role]
	}
	return intents, nil
}

// under returns the intents of the roles of a policy.
func (i *Intents) under(r store.Reader, digest string) (map[string]string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if known, ok := i.policies[digest]; ok {
		return known, nil
	}
	version, err := store.Policies.Get(r, digest)
	if err != nil && !schema.IsNotFound(err) {
		return nil, err
	}
	folder, err := policy.Files(version.Files)
	if err != nil {
		return nil, err
	}
	set, _ := policy.Load(folder)
	intents := map[string]string{}
	for _, role := range set.Roles {
		intents[role.Metadata.Name] = strings.Join(strings.Fields(role.Spec.Intent), " ")
	}
	if i.policies == nil || len(i.policies) >= mostIntents {
		i.policies = map[string]map[string]string{}
	}
	i.policies[digest] = intents
	return intents, nil
}
