package access

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"slices"

	"drawbridge/schema"
)

// An Agenda sums up what a sweep would do about one subject without keeping it. Its plan
// hangs on what there is to do and not on the order, so that of a plan that is cut off in
// the middle what is done and what is left come to the same plan again.
//
// What is summed, modulo 2^512, are the SHA-512 of all that there is to do, and the plan is
// a hash of that and of how much it is. Ids of people, which the bridge makes, are in each:
// nobody chooses enough of them to have two plans alike.
type Agenda struct {
	deeds
	about string
	sum   [8]uint64
}

// NewAgenda returns an empty one. What it is about is part of its plan.
func NewAgenda(about string) *Agenda { return &Agenda{about: about} }

// Add adds one thing: about whom, and what in as many words as it takes.
func (a *Agenda) Add(identity string, what ...string) {
	sum := sha512.New()
	writeWords(sum, append([]string{identity}, what...)...)
	a.plus(sum.Sum(nil))
	a.add(identity, what)
}

// AddPart adds what was done of the same plan before.
func (a *Agenda) AddPart(p schema.PlanPart) error {
	if p.Count == 0 {
		return nil
	}
	if len(p.Sum) != sha512.Size {
		return fmt.Errorf("what is done of the plan of %s: a sum of %d bytes, want %d: %w", a.about, len(p.Sum), sha512.Size, schema.ErrInvalid)
	}
	a.plus(p.Sum)
	a.count += p.Count
	return nil
}

// Part is all of it, to be added again when it is done.
func (a *Agenda) Part() schema.PlanPart { return schema.PlanPart{Sum: a.bytes(), Count: a.count} }

// plus adds a number of 512 bits, the highest first.
func (a *Agenda) plus(n []byte) {
	var carry uint64
	for i, word := range slices.Backward(a.sum[:]) {
		a.sum[i], carry = bits.Add64(word, binary.BigEndian.Uint64(n[8*i:]), carry)
	}
}

func (a *Agenda) bytes() (n []byte) {
	for _, word := range a.sum {
		n = binary.BigEndian.AppendUint64(n, word)
	}
	return n
}

// Plan names exactly the things that were added, and what they are about.
func (a *Agenda) Plan() string {
	sum := sha256.New()
	writeWords(sum, a.about, fmt.Sprint(a.count), string(a.bytes()))
	return hex.EncodeToString(sum.Sum(nil))
}

// HoldID is how they are held.
func (a *Agenda) HoldID() string { return HoldID(a.about) }

// Hold returns what is held if these things are not to be done.
func (a *Agenda) Hold(why string) schema.Hold {
	return schema.Hold{
		ID: a.HoldID(), Kind: schema.SweepHold, Subject: a.about, Reason: why, Plan: a.Plan(), Count: a.count, First: a.first,
	}
}
