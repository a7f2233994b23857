package static

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// maxFile bounds the file, in octets.
const maxFile = 16 << 20

// version is the file as it was read at one time. The zero value is like none.
type version struct {
	sum  [sha256.Size]byte
	info fs.FileInfo
	at   time.Time
}

// racy is for how long after its last write a file may be written again without
// its time telling: file systems have clocks of up to 2 s.
const racy = 2 * time.Second

// atRest reports whether the last write was so long ago that none is under way, and
// that another one would tell.
func (v *version) atRest() bool { return v.at.Sub(v.info.ModTime()) > racy }

// is reports whether a file is this version for certain, without reading it. A
// file that was put in the place of another is another, also behind links.
func (v *version) is(info fs.FileInfo) bool {
	return v.info != nil && os.SameFile(v.info, info) && v.info.Size() == info.Size() &&
		v.info.ModTime().Equal(info.ModTime()) && v.atRest()
}

// read reads the file whole.
func read(path string) (data []byte, v version, err error) {
	fail := func(err error) ([]byte, version, error) {
		return nil, version{}, fmt.Errorf("read static records: %w", err)
	}
	v.at = time.Now()
	if v.info, err = os.Stat(path); err != nil {
		return fail(err)
	}
	if !v.info.Mode().IsRegular() {
		return fail(fmt.Errorf("%s is not a regular file", path)) // opening a pipe would wait
	}
	f, err := os.Open(path)
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	if data, err = io.ReadAll(io.LimitReader(f, maxFile+1)); err != nil {
		return fail(err)
	}
	if len(data) > maxFile {
		return fail(fmt.Errorf("%s has more than %d MiB", path, maxFile>>20))
	}
	v.sum = sha256.Sum256(data)
	return data, v, nil
}

// next waits until the file is another version than seen, or may be: the data
// then says so by its sum.
func (s *Source) next(ctx context.Context, seen version) ([]byte, version, error) {
	for first := seen.info == nil; ; first = false {
		if !first {
			if err := pause(ctx, s.poll); err != nil {
				return nil, version{}, err
			}
		}
		info, err := os.Stat(s.path)
		if err == nil && seen.is(info) {
			continue
		}
		data, v, err := read(s.path)
		if err != nil || v.sum == seen.sum || v.atRest() {
			return data, v, err
		}
		return s.settled(ctx, data, v)
	}
}

// settled waits for the end of a write that may be under way, for a second at most:
// what has been written by then may be a set that is not complete.
func (s *Source) settled(ctx context.Context, data []byte, v version) ([]byte, version, error) {
	for range 10 {
		if err := pause(ctx, s.settle); err != nil {
			return nil, version{}, err
		}
		again, w, err := read(s.path)
		if err != nil {
			return nil, version{}, err
		}
		if w.sum == v.sum {
			return again, w, nil
		}
		data, v = again, w
	}
	return data, v, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
