package policy

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"drawbridge/schema"
)

// What a publication may demand of a policy besides that people agree.
const (
	RequireLint  = "lint"  // lint refuses nothing of it
	RequireTests = "tests" // it has tests, and they pass
	RequirePlan  = "plan"  // a plan was made of it, and it is published as that plan
)

// Publication returns what it takes to put another policy in force while this one is:
// never what the other says of itself.
func (b *Book) Publication() Publication {
	switch {
	case b == nil:
		return Publication{}
	case b.set.Policy == nil && b.unreadable != "": // what it demands cannot be read: it is not nothing
		return Publication{Approvers: Reviewers{Group: "whom the policy in force names", Min: 1}}
	case b.set.Policy == nil:
		return Publication{}
	}
	return b.set.Policy.Spec.Publication
}

// Owner returns who answers for the policy set.
func (b *Book) Owner() Owner {
	if b.set.Policy == nil {
		return Owner{}
	}
	return b.set.Policy.Metadata.Owner
}

// Requires reports whether a publication demands something of the policy.
func (p Publication) Requires(what string) bool { return slices.Contains(p.Require, what) }

// Needs returns how many people must agree; none where no group is named.
func (p Publication) Needs() int {
	if p.Approvers.Group == "" {
		return 0
	}
	return max(1, p.Approvers.Min)
}

// Signed reports whether what comes next must be signed: where it is demanded, and there is
// a key it could be signed with. A policy without one is refused by now, but may be in force
// from when that had no effect; to demand it all the same would keep it in force for ever.
func (p Publication) Signed() bool {
	return p.SignedCommits && slices.ContainsFunc(p.Signers, func(s Signer) bool {
		_, err := s.PublicKey()
		return err == nil
	})
}

// Names reports whether somebody is among those who may sign.
func (p Publication) Names(user string) bool {
	return slices.ContainsFunc(p.Signers, func(s Signer) bool { return strings.EqualFold(s.User, user) })
}

// PublicKey reads a signer's key.
func (s Signer) PublicKey() (ssh.PublicKey, error) {
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(s.Key))
	if err != nil || len(options) > 0 || len(rest) > 0 {
		return nil, fmt.Errorf("%q is no public key of SSH: %w", s.Key, schema.ErrInvalid)
	}
	return key, nil
}

// standardPlanAge is how old a plan may be that people agreed to, where nothing is said.
const standardPlanAge = 24 * time.Hour

// PlanAge returns how old a plan may be when it is published.
func (p Publication) PlanAge() time.Duration {
	if p.PlanMaxAge <= 0 {
		return standardPlanAge
	}
	return time.Duration(p.PlanMaxAge)
}

// publication checks what a policy set demands of the next one.
func (c *compiler) publication(set *PolicySet) {
	p := set.Spec.Publication
	for i, what := range p.Require {
		if what != RequireLint && what != RequireTests && what != RequirePlan && what != GateModes {
			c.report(&set.Header, CodeDecode, in("spec", "publication", "require", nth(i)), "%q is nothing that a publication can demand", what).
				hint("write lint, tests, plan or modes")
		}
	}
	if p.Approvers.Group == "" && p.Approvers.Min > 0 {
		c.report(&set.Header, CodeApprover, in("spec", "publication", "approvers"), "%d must agree to a policy, and nobody is named who could", p.Approvers.Min).
			hint("name their group")
	}
	if from := p.Folder; from != "" && (path.IsAbs(from) || path.Clean(from) != from || strings.HasPrefix(from, "..")) {
		c.report(&set.Header, CodeDecode, in("spec", "publication", "folder"), "%q is no folder of a repository", from).
			hint("write the path from the top of it, as in access/policy, or . for all of it")
	}
	c.denies(&set.Header, "who wrote or proposed it never agrees to it", "spec", "publication", "approvers", "excludeAuthor")
	c.denies(&set.Header, "it is about nobody in particular", "spec", "publication", "approvers", "excludeSubject")
	c.clearance(set)
	c.signers(set)
}

// signers checks who may sign what is published next.
func (c *compiler) signers(set *PolicySet) {
	p := set.Spec.Publication
	if p.SignedCommits && len(p.Signers) == 0 {
		c.report(&set.Header, CodeApprover, in("spec", "publication", "signedCommits"), "the next policy is to be signed, and nobody is named who could").
			hint("name them: signers: [{ user: ann@example.com, key: ssh-ed25519 AAAA... }]")
	}
	whose := map[string]string{}
	for i, s := range p.Signers {
		at := in("spec", "publication", "signers", nth(i))
		key, err := s.PublicKey()
		switch {
		case s.User == "" || err != nil:
			c.report(&set.Header, CodeDecode, at, "a signer is a person and one public key of SSH, as in id_ed25519.pub").
				hint("{ user: ann@example.com, key: ssh-ed25519 AAAA... }")
			continue
		case whose[string(key.Marshal())] != "" && !strings.EqualFold(whose[string(key.Marshal())], s.User):
			c.report(&set.Header, CodeDecode, at, "%s and %s have one key: who signed could not be told", whose[string(key.Marshal())], s.User).
				hint("give each a key of their own")
		}
		whose[string(key.Marshal())] = s.User
	}
}
