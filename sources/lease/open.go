package lease

import (
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

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
	records := make(map[string][]byte, j.likely())
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

// mostLikely is as many registrations as there usually can be. A log is far longer than
// they make it when they are large.
const mostLikely = 1_000_000

// likely is how many registrations a log of this size holds when most are small: room that
// is made for all takes less than half of what it takes to grow to that.
func (j *Journal) likely() int {
	info, err := os.Stat(j.path())
	if err != nil {
		return 0
	}
	return int(min(info.Size()/48, mostLikely))
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
