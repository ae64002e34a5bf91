package schema

// An Ending is how accounts end at a connector, as the bridge that ran with it last was
// configured.
type Ending struct {
	Connector string   `json:"connector"`
	ForGood   bool     `json:"forGood,omitempty"`   // a disabled account cannot be had back there
	Allowed   bool     `json:"allowed,omitempty"`   // accounts may be disabled there all the same
	Protected []string `json:"protected,omitempty"` // user names of those that never are
}
