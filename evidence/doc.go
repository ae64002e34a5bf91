// Package evidence makes packs: what an auditor asks of a framework's controls, taken
// from the decision log and the store, with the proofs.
//
// Which control is shown by which evidence is data (frameworks/*.yaml); what a kind of
// evidence is, is a table. A pack is made in one walk over the period's decisions and
// one over each register, a page at a time: memory does not grow with the log.
package evidence
