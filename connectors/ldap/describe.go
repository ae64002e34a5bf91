package ldap

import (
	"fmt"

	"drawbridge/connectors"
)

var _ connectors.Describer = (*Connector)(nil)

// Describe says how an entry is disabled, and what that does not end.
func (c *Connector) Describe() (can, cannot []string) {
	how := map[string]string{
		byAttribute: fmt.Sprintf("%s is set to %q", c.disableAttr, c.disableValue),
		byFlag:      fmt.Sprintf("bit %s of %s is set", c.disableValue, c.disableAttr),
		byMove:      "the entry is moved below " + c.disabledBase,
		byDelete:    "the entry is deleted",
	}[c.disable]
	if c.disabledBase != "" && c.disable != byMove {
		how += ", and it is moved below " + c.disabledBase
	}
	can = append(can, "accounts are disabled: "+how)
	if c.groupBase != "" {
		can = append(can, fmt.Sprintf("an entitlement is a group below %s, by its %s; people are in its %s", c.groupBase, c.groupName, c.member))
	} else {
		cannot = append(cannot, "have groups: groupBase is empty")
	}
	if c.nested {
		can = append(can, "which groups are in others is said: what somebody has by way of another is known")
	}
	return can, append(cannot, "end what somebody is signed in with: LDAP has no word for it. A connection that is bound, and a Kerberos ticket, go on until they end by themselves")
}
