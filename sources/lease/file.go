package lease

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// ErrDamaged is that a file is not as WriteFile has written it.
var ErrDamaged = errors.New("the file is damaged")

// The IDs of the records of such a file: a piece that is too long for one record goes
// on in the next.
const (
	recordPart  = "part"
	recordPiece = "piece"
	recordEnd   = "end"
)

const maxPart = 1 << 18

// WriteFile puts pieces of any size into a file, with the records of the journal. It is
// there whole or, with an error, not at all; but after the machine has failed it may be
// damaged. When stopped says so it ends early, with an error.
func WriteFile(name string, pieces iter.Seq[[]byte], stopped func() bool) error {
	n := newLog{name: name + tmpSuffix}
	f, err := os.OpenFile(n.name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	n.f = f
	if err = n.write(recordsOfPieces(pieces), stopped); err == nil {
		err = os.Rename(n.name, name)
	}
	if err != nil {
		n.discard()
		return err
	}
	return f.Close()
}

func recordsOfPieces(pieces iter.Seq[[]byte]) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for p := range pieces {
			for ; len(p) > maxPart; p = p[maxPart:] {
				if !yield(Record{recordPart, p[:maxPart]}) {
					return
				}
			}
			if !yield(Record{recordPiece, append([]byte{}, p...)}) {
				return
			}
		}
		yield(Record{ID: recordEnd})
	}
}

// ReadFile gives the pieces of a file that WriteFile has written, in order; each is the
// caller's. Of a file that is damaged anywhere it gives none: its error is ErrDamaged.
func ReadFile(name string, each func([]byte) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	whole := func([]byte) error { return nil }
	for _, each := range []func([]byte) error{whole, each} {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := readPieces(f, each); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	return nil
}

func readPieces(f io.Reader, each func([]byte) error) error {
	var piece []byte
	var failed error
	ended := false
	size := &counter{r: f}
	end, damaged, err := scan(size, func(r Record) {
		switch {
		case failed != nil:
		case ended:
			failed = ErrDamaged
		case r.ID == recordEnd:
			ended = true
		case r.ID == recordPart:
			piece = append(piece, r.Data...)
		default:
			failed = each(append(piece, r.Data...))
			piece = nil
		}
	})
	switch {
	case err != nil:
		return err
	case failed != nil:
		return failed
	case len(damaged) > 0 || end != size.n || !ended:
		return ErrDamaged
	}
	return nil
}
