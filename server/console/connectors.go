package console

import (
	"time"

	"drawbridge/schema"
)

// A connectorView says how a connector stands.
type connectorView struct {
	Name     string      `json:"name"`
	Type     string      `json:"type"`
	Mode     schema.Mode `json:"mode"`
	Halted   bool        `json:"halted"`
	Waiting  int         `json:"waiting"`
	Retrying int         `json:"retrying"`
	Parked   int         `json:"parked"`
	Ramp     string      `json:"ramp"`
	Open     time.Time   `json:"open"`
	Breaker  struct {
		State    string    `json:"state"`
		Since    time.Time `json:"since"`
		Next     time.Time `json:"next"`
		Failures int       `json:"failures"`
		Problem  string    `json:"problem"`
	} `json:"breaker"`
}
