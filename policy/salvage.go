package policy

// Salvage makes a book of a policy in force that this version of the program cannot read:
// it reads more strictly than the one that put it in force. Nothing is decided by half a
// policy, and nothing is lost by it: no role is in force, so that nobody gets anything new
// and what people hold stays; sources and targets are as they are written, however badly,
// so that who left is heard of and loses everything, and what reached its end does.
//
// Its digest is that of the policy in force. Why says what could not be read, and where.
func Salvage(set *Set, digest, why string) *Book {
	c := newCompiler(set)
	c.salvages, c.book.unreadable = true, why
	book, _ := c.compile()
	book.digest = digest
	return book
}

// Unreadable returns why a book is salvaged; nothing of one that was read.
func (b *Book) Unreadable() string { return b.unreadable }

// sound reports whether a document that is no role is used as it is written.
func (c *compiler) sound(ref string) bool { return c.salvages || !c.bad[ref] }
