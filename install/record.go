package install

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// recordPath is where it is recorded what was done.
const recordPath = "/var/lib/rollcall/install.json"

// maxRecord is how long a record may be: a few files, in base64, several times.
const maxRecord = 32 << 20

// A record is what undoing takes. It is written before the first file is, and removed
// after the last one was restored: what it lists may have been done or not.
type record struct {
	Files []replaced `json:"files"`
	Dirs  []string   `json:"dirs"` // that were made, the topmost first
}

// replaced is a file that was given another content.
type replaced struct {
	Path    string  `json:"path"`
	Before  entry   `json:"before"`
	Written []entry `json:"written"` // in the order in which they were
}

// find gives what is recorded of a path, or nil.
func (r *record) find(path string) *replaced {
	if i := slices.IndexFunc(r.Files, func(f replaced) bool { return f.Path == path }); i >= 0 {
		return &r.Files[i]
	}
	return nil
}

// wrote reports whether an entry is one that was written.
func (f *replaced) wrote(e entry) bool {
	return f != nil && slices.ContainsFunc(f.Written, e.same)
}

// set records that a path is to be written.
func (r *record) set(path string, before, now entry) {
	f := r.find(path)
	if f == nil {
		r.Files = append(r.Files, replaced{Path: path})
		f = &r.Files[len(r.Files)-1]
	}
	f.Before = before
	if !f.wrote(now) {
		f.Written = append(f.Written, now)
	}
}

// readRecord gives the record, and the entry that holds it.
func (t *tree) readRecord() (r record, e entry, err error) {
	real, err := t.at(recordPath)
	if err != nil {
		return r, e, err
	}
	if e, err = readEntry(real, recordPath, maxRecord); err != nil || e.Kind == absent {
		return r, e, err
	}
	d := json.NewDecoder(bytes.NewReader(e.Data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, e, fmt.Errorf("read %s: %w: without it nothing can be undone", recordPath, err)
	}
	return r, e, r.check(e)
}

// check refuses a record that this program has not written: the directory may belong to
// the user that the server runs as, who must not have root write other files.
func (r *record) check(e entry) error {
	if e.Kind != file || e.UID != os.Geteuid() || e.Mode&0o022 != 0 {
		return fmt.Errorf("%s is not trusted: it must be a file that belongs to user %d and that nobody else can write",
			recordPath, os.Geteuid())
	}
	for _, f := range r.Files {
		if !slices.Contains(paths, f.Path) {
			return fmt.Errorf("%s is not trusted: %q is no file that is ever written", recordPath, f.Path)
		}
	}
	for _, dir := range r.Dirs {
		if !slices.ContainsFunc(append(paths, recordPath), func(p string) bool { return isAbove(dir, p) }) {
			return fmt.Errorf("%s is not trusted: %q is no directory that is ever made", recordPath, dir)
		}
	}
	return nil
}

func isAbove(dir, path string) bool {
	for d := filepath.Dir(path); d != "/"; d = filepath.Dir(d) {
		if d == dir {
			return true
		}
	}
	return false
}

// entry is the file that holds the record.
func (r *record) entry() (entry, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	return entry{Kind: file, Data: append(data, '\n'), Mode: 0o600, UID: os.Geteuid(), GID: os.Getegid()}, err
}
