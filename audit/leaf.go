package audit

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/schema"
)

// A Leaf is what a log still has of one entry: its bytes as they are hashed or, where
// those were pruned, the hash of them alone.
type Leaf struct {
	Body []byte    // nil where it was pruned
	Hash tlog.Hash // of a body that was pruned
}

// PruningSubject is what the decisions are about by which entries are pruned.
const PruningSubject = "log"

const pruningPrefix = "entry/"

// PruningObject names the first entry that a pruning leaves whole.
func PruningObject(before int64) string { return pruningPrefix + strconv.FormatInt(before, 10) }

// prunes returns before which number a decision has entries pruned.
func prunes(d schema.Decision) (before int64, ok bool) {
	number, ok := strings.CutPrefix(d.Object, pruningPrefix)
	if !ok || d.Verb != schema.Pruned || d.Subject != PruningSubject {
		return 0, false
	}
	before, err := strconv.ParseInt(number, 10, 64)
	return before, err == nil
}

// A pruning is what a log lacks, and what its own decisions say that it may lack: so a body
// shows that is missing although none of them reaches it. Below the newest that one names
// it does not: some bodies stay there, by what was in force, and that one of these was
// taken out later cannot be told from its having been pruned. What nobody can do is put
// another in its place.
type pruning struct {
	bodies, last int64 // how many are missing, and the number of the last of those
	before       int64 // by the decisions
}

func (p *pruning) missing(seq int64) { p.bodies, p.last = p.bodies+1, seq }

func (p *pruning) decided(seq int64, d schema.Decision) {
	if before, ok := prunes(d); ok && before <= seq {
		p.before = max(p.before, before)
	}
}

// end is what is wrong with what is missing.
func (p *pruning) end() error {
	if p.bodies == 0 || p.last < p.before {
		return nil
	}
	return fmt.Errorf("entry %d has a hash and nothing else, and no decision in the log had it pruned: %w", p.last, ErrTampered)
}
