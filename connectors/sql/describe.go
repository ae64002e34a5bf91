package sql

import "drawbridge/connectors"

var _ connectors.Describer = (*Connector)(nil)

// Describe says how an account is disabled, and whether its sessions end with it.
func (c *Connector) Describe() (can, cannot []string) {
	how := optDisable
	if c.EndsForGood() {
		how = optDelete
	}
	can = append(can, "accounts are disabled, by the statements of option "+how)
	if len(c.sessions) > 0 {
		can = append(can, "what somebody is signed in with is ended when they are disabled, and looked at until nothing is left of it (options sessions, endSession)")
	} else {
		cannot = append(cannot, "end what somebody is signed in with: options sessions and endSession are not given")
	}
	if c.Options.Options[optMemberships] == "" {
		cannot = append(cannot, "have entitlements: option memberships is not given")
	}
	return can, cannot
}
