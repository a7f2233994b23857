package lease

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
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

// OpenJournal opens the journal in a directory, which it makes if need be, and
// gives what it holds by ID. While it is open no other process can open it. A
// damaged record is skipped, a torn one at the end cut off; both are logged, and
// a damaged log is set aside.
func OpenJournal(dir string, log *slog.Logger) (*Journal, map[string][]byte, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrStorage, err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, nil, err
	}
	j := &Journal{
		dir: dir, log: log.With("directory", dir), lock: lock, done: make(chan *Compaction, 1),
		open: func(name string, flag int) (file, error) { return os.OpenFile(name, flag, 0o600) },
	}
	records, err := j.load()
	if err != nil {
		j.Close()
		return nil, nil, fmt.Errorf("open the journal in %s: %w", dir, err)
	}
	return j, records, nil
}

func (j *Journal) path() string { return filepath.Join(j.dir, logName) }

// load reads the log and makes it ready to be appended to.
func (j *Journal) load() (map[string][]byte, error) {
	for _, name := range j.leftovers() {
		os.Remove(name) // logs that were begun and not finished
	}
	f, err := j.open(j.path(), os.O_RDWR|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return nil, err
	}
	j.f = f
	records := map[string][]byte{}
	size := &counter{r: io.NewSectionReader(f, 0, 1<<62)}
	end, damaged, err := scan(size, func(r Record) {
		j.records++
		if r.Data == nil {
			delete(records, r.ID)
			return
		}
		records[r.ID] = r.Data
	})
	if err != nil {
		return nil, err
	}
	j.size, j.live = end, len(records)
	if torn := size.n - end; torn > 0 {
		j.log.Warn("the end of the journal is cut off: it is no whole record", "offset", end, "octets", torn)
		if err := f.Truncate(end); err != nil {
			return nil, err
		}
	}
	if err := syncDir(j.dir); err != nil {
		return nil, err
	}
	j.setAside(damaged, records)
	return records, nil
}

// setAside keeps a damaged log under another name, and begins a new one.
func (j *Journal) setAside(damaged []damage, records map[string][]byte) {
	if len(damaged) == 0 {
		return
	}
	for _, d := range damaged[:min(len(damaged), 20)] {
		j.log.Error("damage in the journal: what was registered there is lost", "file", j.path(), "offset", d.offset, "octets", d.size)
	}
	aside := j.path() + time.Now().UTC().Format(".damaged-20060102T150405.000Z")
	err := os.Link(j.path(), aside)
	if err == nil {
		err = j.rewrite(recordsOf(records))
	}
	if err != nil {
		j.log.Error("the damaged journal stays in use", "error", err)
		return
	}
	j.log.Error("the damaged journal is set aside", "file", aside, "parts", len(damaged), "kept", len(records))
}

func recordsOf(m map[string][]byte) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for id, data := range m {
			if !yield(Record{id, data}) {
				return
			}
		}
	}
}

// Write appends records and waits until they are on disk; many at once cost
// little more than one. On an error, which wraps ErrStorage, none of them is
// kept. When the log has to be written anew, live gives all that was kept before
// this Write; it may be read by another goroutine later.
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

// counter counts what was read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
