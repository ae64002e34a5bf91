package main

import (
	"context"
	"errors"
	"os"

	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/policy"
)

// compare holds what the configuration and the Connector document say of a target
// against it: whose credential it is, and whether there is what people are to be given.
func (l *looking) compare(ctx context.Context) error {
	l.tied()
	names, err := l.named()
	if err != nil || len(names) == 0 {
		return err
	}
	lister, ok := l.target.(connectors.EntitlementLister)
	if !ok {
		return nil
	}
	l.progress.say(l.stderr, "asking what there is to hold")
	l.wire.Allow(reserve)
	absent, err := connectors.Absent(ctx, lister, names)
	fact := connectors.Fact{Key: "entitlements", Profile: "there", Target: "there", Note: plural(len(names), "target") + " of the Connector document"}
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		fact.Target, fact.Note = "", err.Error()
	case err != nil:
		fact.Target, fact.Note = "", "could not be listed: "+err.Error()
	case len(absent) > 0:
		for _, a := range absent {
			l.tell(connectors.Fact{Key: "entitlement", Profile: a.Target, Target: "none", Note: a.String()})
		}
		return errChecked
	}
	l.tell(fact)
	return nil
}

// tied tells of a credential that ends with somebody's leaving whom nobody named.
func (l *looking) tied() {
	if who := l.cfg.Profile.Token.Owner; who != "" {
		f := connectors.Fact{Key: "token.owner", Profile: who, Note: "auth.owner is not set: nobody is told when they leave, and the credential with them"}
		if l.cfg.Auth.Owner != "" {
			f.Target, f.Note = who, "auth.owner is "+l.cfg.Auth.Owner
		}
		l.tell(f)
	}
}

// named returns the targets in the Connector document, also where the rest of a policy is
// not there yet. What is wrong with it is for policy lint to tell.
func (l *looking) named() (names []string, err error) {
	cfg, err := configs.Load(l.config, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	set, _ := policy.Load(os.DirFS(cfg.Policy.Path))
	for _, c := range set.Connectors {
		if c.Metadata.Name == l.name {
			for _, e := range c.Spec.Entitlements {
				names = append(names, e.Target)
			}
		}
	}
	return names, nil
}
