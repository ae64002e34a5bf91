package file

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// A line is one step for one account. Its JSON object ends with a member "hash":
// the SHA-256 of the hash of the line before, or of zeros, followed by the object
// as it is without that member.
type line struct {
	Seq          int64             `json:"seq"` // counts lines from 1
	At           time.Time         `json:"at"`
	Verb         string            `json:"verb"`    // of connectors.Verb, or remove
	Account      string            `json:"account"` // the number of the line that created it
	UserName     string            `json:"userName,omitempty"`
	Identity     string            `json:"identity,omitempty"`
	Attributes   map[string]string `json:"attributes,omitempty"` // an empty value clears
	Entitlements []string          `json:"entitlements,omitempty"`
}

// remove is the verb of a line that ends an account where disabling means that.
const remove = "remove"

// longest is how long a line may be. It is far beyond what an account is, and
// keeps a file that is no journal from being read into memory.
const longest = 1 << 20

var errLong = fmt.Errorf("what is to be written does not fit into a line of %d bytes", longest)

// A disk is what a journal is on.
type disk interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
	// Lock takes the disk for this process, or fails if another has it.
	Lock() error
	// Size returns its size, and fails if it is no longer where it is looked for.
	Size() (int64, error)
}

// A journal is a chain of lines on a disk.
type journal struct {
	disk  disk
	fsync bool
	now   func() time.Time

	// Of the last line that is sealed, whether or not it is written yet.
	seq  int64
	hash [sha256.Size]byte

	size int64 // of what is written and durable: where the next line goes
}

// nextID returns the id of an account that is created by the next line.
func (j *journal) nextID() string { return strconv.FormatInt(j.seq+1, 10) }

// open reads all lines and tells each of them. A last line that is torn is cut off.
func (j *journal) open(each func(line) error) error {
	if err := j.read(each); err != nil {
		return err
	}
	if err := j.disk.Truncate(j.size); err != nil {
		return err
	}
	// The process before may have died between writing and syncing.
	return j.sync()
}

// recover finds out what became of a write that failed, and makes it durable as
// far as it was done: a line that somebody may have read is not taken back. It
// tells the lines that were.
func (j *journal) recover(each func(line) error) error {
	from := j.size
	if err := j.read(each); err != nil {
		return err
	}
	// A failed sync may have left pages that count as written and are not on the
	// disk: write them again, so that the next sync is about them.
	if again := make([]byte, j.size-from); len(again) > 0 {
		if _, err := j.disk.ReadAt(again, from); err != nil {
			return err
		}
		if _, err := j.disk.WriteAt(again, from); err != nil {
			return err
		}
	}
	if err := j.disk.Truncate(j.size); err != nil {
		return err
	}
	return j.sync()
}

// seal numbers the lines, chains them to those before, and returns how they are
// written.
func (j *journal) seal(lines []line) (text []byte, numbered []line, err error) {
	seq, hash, at := j.seq, j.hash, j.now().UTC()
	for _, l := range lines {
		seq++
		l.Seq, l.At = seq, at
		whole, next, err := seal(l, hash)
		if err != nil {
			return nil, nil, err
		}
		hash, text, numbered = next, append(text, whole...), append(numbered, l)
	}
	j.seq, j.hash = seq, hash
	return text, numbered, nil
}

// write makes the text durable behind what is. After an error some of it may be.
func (j *journal) write(text []byte) error {
	if err := j.untouched(); err != nil {
		return err
	}
	if _, err := j.disk.WriteAt(text, j.size); err != nil {
		return err
	}
	if err := j.sync(); err != nil {
		return err
	}
	j.size += int64(len(text))
	return nil
}

func (j *journal) sync() error {
	if !j.fsync {
		return nil
	}
	return j.disk.Sync()
}

// untouched fails if somebody else wrote to the file, or put it away.
func (j *journal) untouched() error {
	size, err := j.disk.Size()
	if err != nil {
		return err
	}
	if size != j.size {
		return fmt.Errorf("the journal has %d bytes, want %d: somebody else wrote to it; restart to have it read again", size, j.size)
	}
	return nil
}

// read tells the lines that stand behind size, and moves that along. It stops
// before a last line that is torn. Any other line that is not as it was written
// is an error.
func (j *journal) read(each func(line) error) error {
	size, err := j.disk.Size()
	if err != nil {
		return err
	}
	if size < j.size {
		return fmt.Errorf("the journal has %d bytes, want %d at least: lines that were acknowledged are gone", size, j.size)
	}
	// Never so small that a line could not be read whole.
	buffer := int(min(longest, size-j.size+1))
	r := bufio.NewReaderSize(io.NewSectionReader(j.disk, j.size, 1<<62), buffer)
	for {
		text, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return j.tail(text, each)
		case errors.Is(err, bufio.ErrBufferFull):
			return j.broken(fmt.Errorf("is longer than %d bytes", longest))
		case err != nil:
			return fmt.Errorf("read: %w", err)
		}
		if err := j.take(text[:len(text)-1], each); err != nil {
			return err
		}
	}
}

// take makes the text the journal's next line.
func (j *journal) take(text []byte, each func(line) error) error {
	l, hash, err := unseal(text, j.hash)
	if err == nil && l.Seq != j.seq+1 {
		err = fmt.Errorf("has number %d, want %d", l.Seq, j.seq+1)
	}
	if err == nil {
		err = each(l)
	}
	if err != nil {
		return j.broken(err)
	}
	j.seq, j.hash, j.size = l.Seq, hash, j.size+int64(len(text))+1
	return nil
}

// tail judges what stands behind the last end of a line. Half a line is what a
// crash leaves behind, and was never acknowledged. One that lacks its end only is
// kept: an editor may have taken that, and then it was.
func (j *journal) tail(text []byte, each func(line) error) error {
	if !json.Valid(text) {
		return nil
	}
	if err := j.take(text, each); err != nil {
		return err
	}
	_, err := j.disk.WriteAt([]byte("\n"), j.size-1)
	return err
}

func (j *journal) broken(err error) error {
	return fmt.Errorf("the journal's line %d %w: restore the file as it was written, or begin a new one", j.seq+1, err)
}

// hashMember begins the end of a line; sealLength is how long that end is.
var hashMember = []byte(`,"hash":"`)

const sealLength = len(`,"hash":"`) + 2*sha256.Size + len(`"}`)

// seal returns the line as it is written, its end included, and its hash.
func seal(l line, before [sha256.Size]byte) (whole []byte, hash [sha256.Size]byte, err error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // people read it
	if err := enc.Encode(l); err != nil {
		return nil, hash, err
	}
	body := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	if len(body)+sealLength >= longest {
		return nil, hash, errLong
	}
	hash = sum(before, body)
	whole = append(body[:len(body)-1:len(body)-1], hashMember...)
	whole = hex.AppendEncode(whole, hash[:])
	return append(whole, "\"}\n"...), hash, nil
}

// unseal returns what the line says, if it is as it was written.
func unseal(text []byte, before [sha256.Size]byte) (l line, hash [sha256.Size]byte, err error) {
	cut := len(text) - sealLength
	if cut < 1 || !bytes.HasPrefix(text[cut:], hashMember) || !bytes.HasSuffix(text, []byte(`"}`)) {
		return l, hash, errors.New("has no hash at its end")
	}
	body := append(text[:cut:cut], '}')
	hash = sum(before, body)
	want := text[cut+len(hashMember) : len(text)-len(`"}`)]
	if !bytes.Equal(hex.AppendEncode(nil, hash[:]), want) {
		return l, hash, errors.New("is not as it was written: its hash does not fit it and the lines before")
	}
	if err := json.Unmarshal(body, &l); err != nil {
		return l, hash, fmt.Errorf("is not JSON: %w", err)
	}
	return l, hash, nil
}

func sum(before [sha256.Size]byte, body []byte) (hash [sha256.Size]byte) {
	h := sha256.New()
	h.Write(before[:])
	h.Write(body)
	return [sha256.Size]byte(h.Sum(nil))
}
