package file

// stage returns the round by which the change that was made to the sheet gets to
// the disk. The caller has the lock.
func (t *Table) stage() *round {
	if t.next == nil {
		t.next = &round{done: make(chan struct{})}
	}
	r := t.next
	if t.now == nil {
		t.now = r
		t.rounds.Go(t.run)
	}
	return r
}

// run writes one round after the other, the first of which waits, until none does
// or one fails.
func (t *Table) run() {
	for {
		t.mu.Lock()
		r := t.next
		t.now, t.next = r, nil
		raw, err := t.sheet.render()
		read := t.read
		t.mu.Unlock()
		start := t.Now()
		var at stamp
		if err == nil {
			at, err = t.write(raw, read)
		}
		if t.Observe != nil {
			t.Observe("write", status(err), t.Now().Sub(start))
		}
		if !t.end(r, at, err) {
			return
		}
	}
}

// write replaces the file, if it is still the one that was read.
func (t *Table) write(raw []byte, read stamp) (stamp, error) {
	at, err := t.shelf.stamp()
	if err != nil {
		return stamp{}, err
	}
	if !at.same(read) {
		return stamp{}, errChanged
	}
	return t.shelf.replace(raw)
}

// end tells how the round went, and reports whether there may be another. After a
// failure nobody knows what is in the file: it is read again, and what waits, which
// was to follow on it, fails too.
func (t *Table) end(r *round, at stamp, err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read = at
	if err == nil {
		close(r.done)
		t.now = t.next
		return t.next != nil
	}
	t.sheet = nil
	for _, r := range []*round{r, t.next} {
		if r != nil {
			r.err = err
			close(r.done)
		}
	}
	t.now, t.next = nil, nil
	return false
}
