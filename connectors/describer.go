package connectors

// A Describer says, a sentence each, how accounts end at its target and what cannot be
// ended there, where that is said by its options or its declaration and not by the keys of
// its profile. A sentence of what cannot be done begins behind "it cannot".
type Describer interface {
	Describe() (can, cannot []string)
}
