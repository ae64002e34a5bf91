//go:build !race

package simulation

// usually is how many seeds are tried where nobody says.
const usually = 150
