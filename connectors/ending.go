package connectors

// An Ender says itself whether a disabled account can be had back, where what it disables
// accounts by is not its profile's.
type Ender interface {
	EndsForGood() bool
}

// EndsForGood reports whether an account that the connector disables cannot be had back.
func EndsForGood(c Connector, p Profile) bool {
	if e, ok := c.(Ender); ok {
		return e.EndsForGood()
	}
	return p.Irreversible
}
