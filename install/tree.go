package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxFile is how long a file may be that is read: no resolv.conf or daemon.json is.
const maxFile = 1 << 20

// A tree is a file system below a directory that stands for /, as with chroot: absolute
// links lead to places below it. Paths are absolute.
type tree struct {
	root string
	// fault is called before each operation that changes something. In tests it makes
	// them fail; nil lets all of them be.
	fault func(op, path string) error
}

// maxLinks is how many links a path may lead through, as with Linux.
const maxLinks = 40

// at is the real path of a name, whose directories may be links; the name itself is not
// followed.
func (t *tree) at(path string) (string, error) {
	dir, err := t.follow(filepath.Dir(path))
	return filepath.Join(dir, filepath.Base(path)), err
}

// follow is the real path of a name that may be a link, as its directories may. It need
// not exist.
func (t *tree) follow(path string) (string, error) {
	at, rest := "/", path
	for links := 0; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
		next := filepath.Join(at, name)
		target, err := os.Readlink(filepath.Join(t.root, next))
		if err != nil { // no link
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: %w", path, syscall.ELOOP)
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = target + "/" + rest
	}
	return filepath.Join(t.root, at), nil
}

// exists reports whether there is anything at a path, links followed.
func (t *tree) exists(path string) bool {
	real, err := t.follow(path)
	if err == nil {
		_, err = os.Lstat(real)
	}
	return err == nil
}

// read gives the entry at a path.
func (t *tree) read(path string) (entry, error) {
	real, err := t.at(path)
	if err != nil {
		return entry{}, err
	}
	return readEntry(real, path, maxFile)
}

// text is what whoever reads the entry at a path reads, links followed. Of what is not
// there it is empty.
func (t *tree) text(path string) ([]byte, error) {
	real, err := t.follow(path)
	if err != nil {
		return nil, err
	}
	e, err := readEntry(real, path, maxFile)
	return e.Data, err
}

func readEntry(real, path string, limit int64) (entry, error) {
	info, err := os.Lstat(real)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return entry{Kind: absent}, nil
	case err != nil:
		return entry{}, err
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(real)
		return entry{Kind: link, Target: target}, err
	case !info.Mode().IsRegular():
		return entry{}, fmt.Errorf("%s is no file, but %v", path, info.Mode())
	case info.Size() > limit:
		return entry{}, fmt.Errorf("%s has %d octets, more than the %d that are read", path, info.Size(), limit)
	}
	data, err := os.ReadFile(real)
	e := entry{Kind: file, Data: data, Mode: info.Mode().Perm(), Modified: info.ModTime()}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		e.UID, e.GID = int(s.Uid), int(s.Gid)
	}
	return e, err
}

// missing are the directories above a path that do not exist, the topmost first.
func (t *tree) missing(path string) (dirs []string) {
	for dir := filepath.Dir(path); dir != "/" && !t.exists(dir); dir = filepath.Dir(dir) {
		dirs = append([]string{dir}, dirs...)
	}
	return dirs
}

// list gives the paths of what is in a directory, if it exists.
func (t *tree) list(dir string) (paths []string, err error) {
	real, err := t.follow(dir)
	if err != nil {
		return nil, err
	}
	found, err := os.ReadDir(real)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, f := range found {
		paths = append(paths, filepath.Join(dir, f.Name()))
	}
	return paths, err
}
