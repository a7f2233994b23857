package lease

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// ErrStorage is why a journal does not take what it is given: its directory
// cannot be written. It wraps the reason.
var ErrStorage = errors.New("the data directory cannot be written")

const logName = "registrations.log"

// repairEvery is the least time between two attempts to write the log anew.
const repairEvery = time.Second

// Journal keeps the newest record of each ID on disk: one log to which records
// are appended, written anew when most of it is history. Only its owner's
// goroutine calls its methods. A nil *Journal keeps nothing and has nothing.
type Journal struct {
	dir  string
	log  *slog.Logger
	lock *os.File
	open func(name string, flag int) (file, error) // replaced in tests

	f       file
	size    int64 // of the log, up to the end of the last good record
	records int   // in the log
	live    int   // records in it when it was last written anew
	buf     []byte

	broken error     // the log lacks something: it has to be written anew
	failed bool      // the last Write has failed, and this was logged
	repair time.Time // not before then
	gen    int       // counts the logs begun, for their names

	compacting bool
	stop       atomic.Bool // tells compactions to end early
	wait       sync.WaitGroup
	done       chan *Compaction // takes one
}

// file is what is needed of an *os.File.
type file interface {
	io.Writer
	io.ReaderAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

// Write appends records and waits until they are on disk; many at once cost
// little more than one. On an error, which wraps ErrStorage, none of them is
// kept. When the log has to be written anew, live gives all that was kept before
// this Write. Another goroutine may read it later: what has changed by then may be as it
// was or as it is, because what was written since is added to the new log.
func (j *Journal) Write(records []Record, live func() iter.Seq[Record]) error {
	if j == nil {
		return nil
	}
	err := j.write(records, live)
	switch {
	case err != nil && !j.failed:
		j.log.Error("registrations cannot be kept, and are refused", "error", err)
	case err == nil && j.failed:
		j.log.Info("registrations are kept again")
	}
	j.failed = err != nil
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStorage, err)
	}
	return nil
}

func (j *Journal) write(records []Record, live func() iter.Seq[Record]) error {
	if j.broken != nil {
		if time.Now().Before(j.repair) {
			return j.broken
		}
		j.repair = time.Now().Add(repairEvery)
		if err := j.rewrite(live()); err != nil {
			return err
		}
	}
	if j.bloated() {
		j.compact(live())
	}
	before := j.size
	if err := j.append(records); err != nil {
		return err
	}
	if err := j.f.Sync(); err != nil {
		// What a failed sync has left on disk is unknown, and a second one would
		// not tell. Nothing but a new file helps.
		j.broken = err
		j.cut(before)
		j.records -= len(records)
		return err
	}
	return nil
}

// Note appends records without waiting for the disk. What is lost of them is only
// lost when the machine fails, or until the log is written anew.
func (j *Journal) Note(records []Record) {
	if j == nil || j.broken != nil {
		return
	}
	if err := j.append(records); err != nil {
		j.broken = err
	}
}

// append writes records to the end of the log, or leaves it as it was.
func (j *Journal) append(records []Record) (err error) {
	j.buf = j.buf[:0]
	for _, r := range records {
		if j.buf, err = appendFrame(j.buf, r); err != nil {
			return err
		}
	}
	if _, err := j.f.Write(j.buf); err != nil {
		j.cut(j.size)
		return err
	}
	j.size += int64(len(j.buf))
	j.records += len(records)
	if cap(j.buf) > 1<<20 {
		j.buf = nil
	}
	return nil
}

// cut takes off what was written behind size.
func (j *Journal) cut(size int64) {
	j.size = size
	if err := j.f.Truncate(size); err != nil {
		j.broken = err
	}
}

// Close ends compactions and gives the directory free.
func (j *Journal) Close() error {
	if j == nil {
		return nil
	}
	j.compacting = true // nothing begins any more
	j.stop.Store(true)
	j.wait.Wait()
	select {
	case c := <-j.done:
		c.discard()
	default:
	}
	var err error
	if j.f != nil {
		err = errors.Join(j.f.Sync(), j.f.Close())
	}
	return errors.Join(err, j.lock.Close())
}
