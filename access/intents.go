package access

import (
	"slices"
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
	policies []intended // those that were asked of last, the last one first
}

// An intended is what a policy's roles are for.
type intended struct {
	digest string
	roles  map[string]string
}

// mostIntents is how many policies are remembered. Each page of the log names a few, next to
// each other.
const mostIntents = 16

// Of returns what each role is for that a decision names, by the role. Of a policy that was
// in force without its documents nothing is known, nor of one whose documents cannot be read.
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

// under returns the intents of the roles of a policy. It is read while others ask of others;
// two that ask of it at once may both read it.
func (i *Intents) under(r store.Reader, digest string) (map[string]string, error) {
	if known, ok := i.remembered(digest); ok {
		return known, nil
	}
	version, err := store.Policies.Get(r, digest)
	if err != nil && !schema.IsNotFound(err) {
		return nil, err
	}
	roles := intentsIn(version.Files)
	i.remember(intended{digest, roles})
	return roles, nil
}

// remembered returns the intents of a policy that was asked of lately, which it now is.
func (i *Intents) remembered(digest string) (map[string]string, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	at := slices.IndexFunc(i.policies, func(p intended) bool { return p.digest == digest })
	if at < 0 {
		return nil, false
	}
	is := i.policies[at]
	copy(i.policies[1:], i.policies[:at])
	i.policies[0] = is
	return is.roles, true
}

// remember puts a policy first, and lets go of the one that nobody asked of for longest.
func (i *Intents) remember(is intended) {
	i.mu.Lock()
	defer i.mu.Unlock()
	others := slices.DeleteFunc(i.policies, func(p intended) bool { return p.digest == is.digest })
	i.policies = slices.Insert(others[:min(len(others), mostIntents-1)], 0, is)
}

// intentsIn are the intents in a policy's documents: none where those cannot be read, for the
// log is to be read all the same.
func intentsIn(files map[string]string) map[string]string {
	intents := map[string]string{}
	folder, err := policy.Files(files)
	if err != nil {
		return intents
	}
	set, _ := policy.Load(folder)
	for _, role := range set.Roles {
		intents[role.Metadata.Name] = strings.Join(strings.Fields(role.Spec.Intent), " ")
	}
	return intents
}
