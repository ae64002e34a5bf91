//go:build race

package simulation

// usually is how many seeds are tried where nobody says: a history takes ten times as long
// with the race detector.
const usually = 10
