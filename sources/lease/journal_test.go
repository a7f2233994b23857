package lease

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// kept is a journal with what it should hold.
type kept struct {
	*Journal
	dir  string
	want map[string][]byte
	logs bytes.Buffer
	t    testing.TB
}

func openKept(t testing.TB, dir string) *kept {
	t.Helper()
	k := &kept{dir: dir, t: t}
	j, records, err := OpenJournal(dir, slog.New(slog.NewTextHandler(&k.logs, nil)))
	if err != nil {
		t.Fatal(err)
	}
	k.Journal, k.want = j, records
	t.Cleanup(func() {
		if k.Journal != nil {
			k.Journal.Close()
		}
	})
	return k
}

// live is a copy. A Table is read while it changes: TestCompactionReadsATableThatChanges.
func (k *kept) live() iter.Seq[Record] { return recordsOf(maps.Clone(k.want)) }

func (k *kept) write(records ...Record) error {
	err := k.Write(records, k.live)
	if err == nil {
		k.took(records)
	}
	return err
}

func (k *kept) note(records ...Record) {
	k.took(records)
	k.Note(records)
}

func (k *kept) took(records []Record) {
	for _, r := range records {
		if r.Data == nil {
			delete(k.want, r.ID)
		} else {
			k.want[r.ID] = r.Data
		}
	}
}

func (k *kept) mustWrite(records ...Record) {
	k.t.Helper()
	if err := k.write(records...); err != nil {
		k.t.Fatal(err)
	}
}

// reopen closes the journal and opens it again, and fails the test unless it
// holds what was written.
func (k *kept) reopen() *kept {
	k.t.Helper()
	if err := k.Close(); err != nil {
		k.t.Errorf("Close: %v", err)
	}
	k.Journal = nil
	again := openKept(k.t, k.dir)
	if !maps.EqualFunc(again.want, k.want, bytes.Equal) {
		k.t.Fatalf("it holds %q, want %q", again.want, k.want)
	}
	return again
}

func put(id, data string) Record { return Record{id, []byte(data)} }
func gone(id string) Record      { return Record{ID: id} }

func TestJournalKeepsTheNewestRecordOfEachID(t *testing.T) {
	k := openKept(t, filepath.Join(t.TempDir(), "made", "for", "it"))
	k.mustWrite(put("a", "1"), put("b", "2"), put("c", ""))
	k.mustWrite(put("a", "3"), gone("b"), gone("nobody"))
	k.note(put("d", "4"), gone("c"))
	k = k.reopen()
	if got := slices.Sorted(maps.Keys(k.want)); !slices.Equal(got, []string{"a", "d"}) || string(k.want["a"]) != "3" {
		t.Errorf("it holds %q", k.want)
	}
	if k.logs.Len() > 0 {
		t.Errorf("logged %s", k.logs.String())
	}
}

func TestJournalRefusesRecordsItCouldNotRead(t *testing.T) {
	k := openKept(t, t.TempDir())
	k.mustWrite(put(strings.Repeat("a", 255), strings.Repeat("b", 1<<18)))
	for _, r := range []Record{put("", "x"), put(strings.Repeat("a", 256), "x"), put("a", strings.Repeat("b", 1<<18+1))} {
		if err := k.write(put("good", "1"), r); err == nil {
			t.Errorf("record with an ID of %d and data of %d octets was taken", len(r.ID), len(r.Data))
		}
	}
	k.reopen()
}

func TestJournalIsOfOneProcess(t *testing.T) {
	k := openKept(t, t.TempDir())
	if _, _, err := OpenJournal(k.dir, slog.Default()); !errors.Is(err, ErrInUse) {
		t.Errorf("second: %v, want ErrInUse", err)
	}
	k.reopen()
}

func TestNilJournalKeepsNothing(t *testing.T) {
	var j *Journal
	j.Note([]Record{put("a", "1")})
	if err := errors.Join(j.Write([]Record{put("a", "1")}, nil), j.Close()); err != nil || j.Compacted() != nil {
		t.Errorf("nil journal: %v", err)
	}
}

// Whatever was torn off the end, what was written before is there, and the log
// can be written on.
func TestJournalTornAtEachOctet(t *testing.T) {
	k := openKept(t, t.TempDir())
	k.mustWrite(put("a", "first"))
	k.mustWrite(put("b", "second"), gone("a"))
	whole := readLog(t, k.dir)
	ends := frameEnds(whole)
	for n := range whole {
		dir := dirWith(t, whole[:n])
		got := openKept(t, dir)
		var want []string
		switch {
		case n >= ends[1] && n < ends[2]:
			want = []string{"a", "b"}
		case n >= ends[0]:
			want = []string{"a"}
		}
		if keys := slices.Sorted(maps.Keys(got.want)); !slices.Equal(keys, want) {
			t.Fatalf("cut to %d octets: holds %q, want %q", n, keys, want)
		}
		if torn := !slices.Contains(ends, n) && n > 0; torn != strings.Contains(got.logs.String(), "cut off") {
			t.Errorf("cut to %d octets: logged %q", n, got.logs.String())
		}
		got.mustWrite(put("c", "third"))
		got.reopen().Close()
	}
}

// Whichever octet is damaged, the other records are there, and the log is set aside. But
// for a length at the end that has become larger: that may be a record which was not
// written whole.
func TestJournalDamagedAtEachOctet(t *testing.T) {
	k := openKept(t, t.TempDir())
	k.mustWrite(put("a", "first"), put("b", "second"), put("c", "third"))
	whole := readLog(t, k.dir)
	ends := frameEnds(whole)
	cut := 0
	for n := range whole {
		data := bytes.Clone(whole)
		data[n] ^= 0x55
		dir := dirWith(t, data)
		got := openKept(t, dir)
		want := []string{"b", "c"}
		switch {
		case n >= ends[1]:
			want = []string{"a", "b"}
		case n >= ends[0]:
			want = []string{"a", "c"}
		}
		if keys := slices.Sorted(maps.Keys(got.want)); !slices.Equal(keys, want) {
			t.Fatalf("damage at %d: holds %q, want %q", n, keys, want)
		}
		if length := ends[1] + len(mark); n >= length && n < length+2 && strings.Contains(got.logs.String(), "cut off") {
			cut++
			got.Close()
			continue
		}
		aside, _ := filepath.Glob(filepath.Join(dir, "registrations.log.damaged-*"))
		if len(aside) != 1 || !strings.Contains(got.logs.String(), aside[0]) {
			t.Fatalf("damage at %d: set aside as %q, logged %s", n, aside, got.logs.String())
		}
		if old, err := os.ReadFile(aside[0]); err != nil || !bytes.Equal(old, data) {
			t.Errorf("damage at %d: what was set aside is another file (%v)", n, err)
		}
		got = got.reopen()
		if got.logs.Len() > 0 {
			t.Errorf("damage at %d: still logged when opened again: %s", n, got.logs.String())
		}
		got.Close()
	}
	if cut != 2 {
		t.Errorf("%d of the two lower octets of the last length were taken for a record that was not written whole", cut)
	}
}

func readLog(t testing.TB, dir string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, logName))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func dirWith(t testing.TB, log []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, logName), log, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// frameEnds is where the records of a log without damage end.
func frameEnds(log []byte) (ends []int) {
	for i := 1; i <= len(log); i++ {
		if i == len(log) || bytes.HasPrefix(log[i:], []byte(mark)) {
			ends = append(ends, i)
		}
	}
	return ends
}

func TestJournalIsCompacted(t *testing.T) {
	k := openKept(t, t.TempDir())
	for i := range 100 {
		k.mustWrite(put(fmt.Sprintf("kept-%d", i), "x"))
	}
	churn(k)
	before := k.size
	k.mustWrite(put("begins", "a compaction"))
	k.mustWrite(put("during", "it"), gone("kept-7"), put("kept-8", "other"))
	k.Finish(<-k.Compacted())
	if k.records != 104 || k.size > before/10 {
		t.Errorf("%d records in %d octets, from %d octets", k.records, k.size, before)
	}
	k.mustWrite(put("after", "it"))
	if tmp := k.leftovers(); len(tmp) > 0 {
		t.Errorf("left over: %q", tmp)
	}
	k.reopen()
}

// churn makes most of the log history.
func churn(k *kept) {
	k.t.Helper()
	batch := make([]Record, 1000)
	for range minHistory / len(batch) * 2 {
		for i := range batch {
			batch[i] = put("x", "y")
		}
		k.note(batch...)
	}
	k.note(gone("x"))
}

func TestJournalClosedWhileItIsCompacted(t *testing.T) {
	k := openKept(t, t.TempDir())
	k.mustWrite(put("a", "1"))
	churn(k)
	k.mustWrite(put("b", "2"))
	if !k.compacting {
		t.Fatal("nothing is compacted")
	}
	k = k.reopen()
	if tmp := k.leftovers(); len(tmp) > 0 {
		t.Errorf("left over: %q", tmp)
	}
}

func TestLogsThatWereNotFinishedAreRemoved(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, logName+".3"+tmpSuffix)
	if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	openKept(t, dir)
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("stat: %v, want that it is gone", err)
	}
}

// faulty is a disk with faults.
type faulty struct {
	file
	d *disk
}

type disk struct {
	write, sync, truncate, open error
	short                       int // octets that a write that fails writes
}

func (d *disk) put(j *Journal) {
	open := j.open
	j.open = func(name string, flag int) (file, error) {
		if d.open != nil {
			return nil, d.open
		}
		f, err := open(name, flag)
		return faulty{f, d}, err
	}
	j.f = faulty{j.f, d}
}

func (f faulty) Write(p []byte) (int, error) {
	if f.d.write != nil {
		n, _ := f.file.Write(p[:min(f.d.short, len(p))])
		return n, f.d.write
	}
	return f.file.Write(p)
}

func (f faulty) Sync() error {
	if f.d.sync != nil {
		return f.d.sync
	}
	return f.file.Sync()
}

func (f faulty) Truncate(n int64) error {
	if f.d.truncate != nil {
		return f.d.truncate
	}
	return f.file.Truncate(n)
}

func TestJournalOnAFaultyDiskKeepsAllOrNothing(t *testing.T) {
	full := errors.New("no space left on device")
	tests := []struct {
		name   string
		faults disk
		waits  bool // the log has to be written anew, which is not tried at once again
	}{
		{"write", disk{write: full}, false},
		{"half a write", disk{write: full, short: 15}, false},
		{"write and truncate", disk{write: full, truncate: full, short: 15}, true},
		{"sync", disk{sync: full}, true},
		{"everything", disk{write: full, sync: full, truncate: full, open: full, short: 15}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := openKept(t, t.TempDir())
			d := new(disk)
			d.put(k.Journal)
			k.mustWrite(put("before", "1"))
			*d = tt.faults
			for range 3 {
				if err := k.write(put("lost", "2"), gone("before")); !errors.Is(err, ErrStorage) || !errors.Is(err, full) {
					t.Fatalf("Write: %v, want ErrStorage that wraps its reason", err)
				}
			}
			k.note(gone("before")) // cannot be refused: it is made good later
			*d = disk{}
			if tt.waits {
				if err := k.write(put("early", "3")); err == nil {
					t.Error("the log was written anew again at once")
				}
				k.repair = time.Time{}
			}
			k.mustWrite(put("after", "4"))
			if got := strings.Count(k.logs.String(), "cannot be kept"); got != 1 || !strings.Contains(k.logs.String(), "kept again") {
				t.Errorf("logged %d times that it fails:\n%s", got, k.logs.String())
			}
			k = k.reopen()
			if got := slices.Sorted(maps.Keys(k.want)); !slices.Equal(got, []string{"after"}) {
				t.Errorf("it holds %q, want the last alone", got)
			}
		})
	}
}

func TestCompactionThatFailsLeavesTheOldLog(t *testing.T) {
	for name, faults := range map[string]disk{"open": {open: io.ErrShortWrite}, "sync": {sync: io.ErrShortWrite}} {
		t.Run(name, func(t *testing.T) {
			k := openKept(t, t.TempDir())
			d := new(disk)
			d.put(k.Journal)
			k.mustWrite(put("a", "1"))
			churn(k)
			*d = faults
			k.compact(k.live())
			c := <-k.Compacted()
			*d = disk{}
			k.Finish(c)
			if !strings.Contains(k.logs.String(), "could not be compacted") {
				t.Errorf("logged %q", k.logs.String())
			}
			k.mustWrite(put("b", "2"))
			if k.compacting {
				t.Error("the next compaction begins at once")
			}
			k.reopen()
		})
	}
}

func FuzzJournal(f *testing.F) {
	var log []byte
	for _, r := range []Record{put("web/one", `{"addresses":["10.0.0.1"]}`), gone("web/one"), put("b", "")} {
		log, _ = appendFrame(log, r)
	}
	f.Add(log, 3)
	f.Add(append([]byte("\xff\xffrc1"), log...), 40)
	f.Add([]byte(mark+"\xff\xff\xff\xff"), 0)
	f.Fuzz(func(t *testing.T, data []byte, at int) {
		// A good record behind anything is found, unless it is part of another.
		good := put("good", "good")
		log, _ := appendFrame(bytes.Clone(data), good)
		var all []Record
		end, damaged, err := scan(bytes.NewReader(log), func(r Record) { all = append(all, r) })
		if err != nil || end > int64(len(log)) {
			t.Fatalf("scan of %d octets: end %d, %v", len(log), end, err)
		}
		var again []byte
		last := int64(0)
		for _, d := range damaged {
			if d.offset < last || d.size <= 0 || d.offset+d.size > end {
				t.Fatalf("damage %+v of %d octets", d, end)
			}
			again = append(again, log[last:d.offset]...)
			last = d.offset + d.size
		}
		again = append(again, log[last:end]...)
		// Without the damage it reads the same.
		var clean []Record
		end2, damaged2, err := scan(bytes.NewReader(again), func(r Record) { clean = append(clean, r) })
		if err != nil || end2 != int64(len(again)) || len(damaged2) > 0 || len(clean) != len(all) {
			t.Fatalf("without the damage: %d of %d octets, %d records of %d, damage %v, %v", end2, len(again), len(clean), len(all), damaged2, err)
		}
		for i, r := range all {
			if r.ID != clean[i].ID || !bytes.Equal(r.Data, clean[i].Data) || (r.Data == nil) != (clean[i].Data == nil) {
				t.Fatalf("record %d is %q, and %q without the damage", i, r, clean[i])
			}
		}
	})
}

func BenchmarkJournalWrite(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			k := openKept(b, b.TempDir())
			batch := make([]Record, n)
			for i := range batch {
				batch[i] = put(fmt.Sprintf("web/instance-%d", i), strings.Repeat("x", 200))
			}
			for b.Loop() {
				if err := k.Write(batch, k.live); err != nil {
					b.Fatal(err)
				}
				select {
				case c := <-k.Compacted():
					k.Finish(c)
				default:
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
		})
	}
}
