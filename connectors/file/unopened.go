package file

import (
	"errors"

	"drawbridge/connectors"
)

// Unopened returns the connector that Open would, to be asked what it can do and no more:
// no file is made, read or locked, and every call of it fails. It returns every mistake in
// the options.
func Unopened(c connectors.Config) (connectors.Connector, error) {
	o := connectors.Options{Config: c}.Defaults()
	if o.Options["format"] == formatTable {
		l, err := readLayout(o.Config)
		if err != nil {
			return nil, err
		}
		return &Table{Options: o, layout: l, shelf: nowhere{}}, nil
	}
	if _, err := settings(o.Config); err != nil {
		return nil, err
	}
	return &Connector{Options: o, accounts: newAccounts(o.Profile.Match), journal: &journal{disk: nowhere{}, now: o.Now}}, nil
}

var errUnopened = errors.New("the file was not opened")

// A nowhere is the disk, or the shelf, of what was not opened.
type nowhere struct{}

func (nowhere) ReadAt([]byte, int64) (int, error)  { return 0, errUnopened }
func (nowhere) WriteAt([]byte, int64) (int, error) { return 0, errUnopened }
func (nowhere) Truncate(int64) error               { return errUnopened }
func (nowhere) Sync() error                        { return errUnopened }
func (nowhere) Lock() error                        { return errUnopened }
func (nowhere) Size() (int64, error)               { return 0, errUnopened }
func (nowhere) Close() error                       { return nil }

func (nowhere) stamp() (stamp, error)         { return stamp{}, errUnopened }
func (nowhere) read() ([]byte, stamp, error)  { return nil, stamp{}, errUnopened }
func (nowhere) replace([]byte) (stamp, error) { return stamp{}, errUnopened }
