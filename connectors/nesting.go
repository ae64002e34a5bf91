package connectors

import (
	"context"
	"iter"
)

// A Nest is a group at a target that is in another: who is in the one has the other
// with it. Both are the target's own names for entitlements.
type Nest struct{ Group, In string }

// A Nester can say which of its system's groups are in others. As of a Lister's, a
// sequence that ends without an error was complete. It need not tell of a group that is
// in another only through a third.
type Nester interface {
	Nesting(ctx context.Context) iter.Seq2[Nest, error]
}
