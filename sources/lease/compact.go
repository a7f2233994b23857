package lease

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
)

// minHistory is how many records of history are kept at least: below, it is not
// worth while to write a log anew.
const minHistory = 10_000

// tmpSuffix ends the names of logs that are not finished.
const tmpSuffix = ".tmp"

// Compaction is a log that was written anew, and still lacks what was appended to
// the old one meanwhile.
type Compaction struct {
	newLog
	from  int64 // size of the old log when this one was begun
	count int   // records of the old log at that time
	gen   int
	err   error
}

// newLog is a log that is being written.
type newLog struct {
	f       file
	name    string
	size    int64
	records int
}

func (n *newLog) discard() {
	if n.f != nil {
		n.f.Close()
		os.Remove(n.name)
	}
}

var errStopped = errors.New("stopped")

// bloated reports whether most of the log is history.
func (j *Journal) bloated() bool {
	return !j.compacting && j.records > 2*j.live+minHistory
}

// begin opens the next log.
func (j *Journal) begin() (newLog, error) {
	j.gen++
	n := newLog{name: fmt.Sprintf("%s.%d%s", j.path(), j.gen, tmpSuffix)}
	f, err := j.open(n.name, os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND)
	if err != nil {
		return n, err
	}
	n.f = f
	return n, nil
}

func (j *Journal) leftovers() []string {
	names, _ := filepath.Glob(j.path() + ".*" + tmpSuffix)
	return names
}

// fill writes records and waits until they are on disk.
func (n *newLog) fill(records iter.Seq[Record], stopped func() bool) error {
	if err := n.write(records, stopped); err != nil {
		return err
	}
	return n.f.Sync()
}

func (n *newLog) write(records iter.Seq[Record], stopped func() bool) error {
	w := bufio.NewWriterSize(n.f, 1<<20)
	var frame []byte
	for r := range records {
		if stopped() {
			return errStopped
		}
		var err error
		if frame, err = appendFrame(frame[:0], r); err != nil {
			return err
		}
		if _, err := w.Write(frame); err != nil {
			return err
		}
		n.size += int64(len(frame))
		n.records++
	}
	return w.Flush()
}

// rewrite replaces the log by one of these records, at once. Whatever was wrong
// with it is over then.
func (j *Journal) rewrite(records iter.Seq[Record]) error {
	n, err := j.begin()
	if err == nil {
		if err = n.fill(records, func() bool { return false }); err == nil {
			err = j.replace(&n)
		}
	}
	if err != nil {
		n.discard()
		return err
	}
	return nil
}

// replace puts a log that is on disk in the place of the old one.
func (j *Journal) replace(n *newLog) error {
	if err := os.Rename(n.name, j.path()); err != nil {
		return err
	}
	j.f.Close()
	j.f, j.size, j.records, j.live = n.f, n.size, n.records, n.records
	*n = newLog{}
	j.broken = syncDir(j.dir)
	return j.broken
}

// compact begins to write the log anew in the background. The records are all
// that the log holds now.
func (j *Journal) compact(records iter.Seq[Record]) {
	n, err := j.begin()
	c := &Compaction{newLog: n, from: j.size, count: j.records, gen: j.gen, err: err}
	j.compacting = true
	j.wait.Go(func() {
		if c.err == nil {
			c.err = c.fill(records, j.stop.Load)
		}
		j.done <- c
	})
}

// Compacted gives what Finish has to be called with. On a nil *Journal it blocks.
func (j *Journal) Compacted() <-chan *Compaction {
	if j == nil {
		return nil
	}
	return j.done
}

// Finish ends a compaction: it adds what was written meanwhile, and puts the new
// log in the place of the old one. When that fails, the old one stays in use.
func (j *Journal) Finish(c *Compaction) {
	j.compacting = false
	if c.gen != j.gen || j.broken != nil {
		c.discard() // the log was written anew meanwhile, or has to be
		return
	}
	err := c.err
	if err == nil {
		err = j.addTail(c)
	}
	if err == nil {
		err = j.replace(&c.newLog)
	}
	if err != nil {
		c.discard()
		j.live = j.records // not again before it has doubled
		j.log.Warn("the journal could not be compacted, and grows", "error", err)
		return
	}
	j.log.Debug("journal compacted", "records", j.records)
}

// addTail copies what was appended to the old log since the compaction began.
func (j *Journal) addTail(c *Compaction) error {
	n, err := io.Copy(c.f, io.NewSectionReader(j.f, c.from, j.size-c.from))
	if err != nil {
		return err
	}
	c.size += n
	c.records += j.records - c.count
	return c.f.Sync()
}
