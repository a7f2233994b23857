package install

import (
	"bytes"
	"io/fs"
	"os"
	"time"
)

type kind string

const (
	absent kind = "absent"
	file   kind = "file"
	link   kind = "link" // symbolic
)

// An entry is what a directory holds under a name, whole.
type entry struct {
	Kind     kind        `json:"kind"`
	Target   string      `json:"target,omitempty"` // of a link, as it is written there
	Data     []byte      `json:"data,omitempty"`   // of a file, as the following are
	Mode     fs.FileMode `json:"mode,omitempty"`
	UID      int         `json:"uid,omitempty"`
	GID      int         `json:"gid,omitempty"`
	Modified time.Time   `json:"modified,omitzero"` // zero: when it is written
}

// same reports whether both say the same to whoever reads them; modes, owners and times
// may differ.
func (e entry) same(o entry) bool {
	return e.Kind == o.Kind && e.Target == o.Target && bytes.Equal(e.Data, o.Data)
}

// with is a file with other data, in the place of this entry: it keeps mode and owner of
// a file.
func (e entry) with(data []byte) entry {
	if e.Kind != file {
		return entry{Kind: file, Data: data, Mode: 0o644, UID: os.Geteuid(), GID: os.Getegid()}
	}
	e.Data, e.Modified = data, time.Time{}
	return e
}
