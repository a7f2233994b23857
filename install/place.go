package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// place makes the entry at a path this one, at once: whoever reads the path sees the old
// one or the new one. The directory must exist, unless the entry is absent.
func (t *tree) place(path string, e entry) error {
	real, err := t.at(path)
	if err != nil {
		return err
	}
	if e.Kind == absent {
		return t.remove(path)
	}
	next := temporary(real)
	if err := t.removeReal(next); err != nil { // of a process that was killed
		return err
	}
	if e.Kind == link {
		err = t.do("symlink", next, func() error { return os.Symlink(e.Target, next) })
	} else {
		err = t.write(next, e)
	}
	if err == nil {
		err = t.do("rename", real, func() error { return os.Rename(next, real) })
	}
	if err != nil {
		t.removeReal(next)
		return placeError(path, err)
	}
	return t.sync(filepath.Dir(real))
}

// placeError says what to do about errors that have a known reason.
func placeError(path string, err error) error {
	switch {
	case errors.Is(err, syscall.EBUSY):
		return fmt.Errorf("replace %s: %w: something is mounted there, as in containers", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("replace %s: %w: it takes root, and a file that is not immutable (lsattr)", path, err)
	}
	return fmt.Errorf("replace %s: %w", path, err)
}

// temporary is the name of a file until it is whole. What reads all files of a
// directory, such as dnsmasq, leaves hidden ones out.
func temporary(real string) string {
	return filepath.Join(filepath.Dir(real), "."+filepath.Base(real)+".rollcall~")
}

// write writes a new file, down to the disk.
func (t *tree) write(real string, e entry) (err error) {
	var f *os.File
	err = t.do("create", real, func() error {
		f, err = os.OpenFile(real, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	half := len(e.Data) / 2 // so that tests can stop in the middle
	for _, step := range []struct {
		op string
		do func() error
	}{
		{"write", func() error { _, err := f.Write(e.Data[:half]); return err }},
		{"write", func() error { _, err := f.Write(e.Data[half:]); return err }},
		{"chown", func() error { return chown(f, e.UID, e.GID) }},
		{"chmod", func() error { return f.Chmod(e.Mode) }},
		{"sync", f.Sync},
	} {
		if err := t.do(step.op, real, step.do); err != nil {
			return err
		}
	}
	if e.Modified.IsZero() {
		return nil
	}
	return t.do("chtimes", real, func() error { return os.Chtimes(real, e.Modified, e.Modified) })
}

// chown gives a new file its owner. Who is not root may only keep what it is.
func chown(f *os.File, uid, gid int) error {
	if info, err := f.Stat(); err != nil {
		return err
	} else if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) == uid && int(s.Gid) == gid {
		return nil
	}
	return f.Chown(uid, gid)
}

// remove removes what is at a path, if anything is.
func (t *tree) remove(path string) error {
	real, err := t.at(path)
	if err != nil {
		return err
	}
	if err := t.removeReal(real); err != nil {
		return placeError(path, err)
	}
	return nil
}

func (t *tree) removeReal(real string) error {
	if _, err := os.Lstat(real); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := t.do("remove", real, func() error { return os.Remove(real) }); err != nil {
		return err
	}
	return t.sync(filepath.Dir(real))
}

// sync has the names in a directory written to the disk.
func (t *tree) sync(real string) error {
	return t.do("sync", real, func() error {
		d, err := os.Open(real)
		if err != nil {
			return err
		}
		defer d.Close()
		return d.Sync()
	})
}

// makeDirs makes directories in order, those that exist excepted.
func (t *tree) makeDirs(dirs []string) error {
	for _, dir := range dirs {
		real, err := t.at(dir)
		if err == nil {
			err = t.do("mkdir", real, func() error { return os.Mkdir(real, 0o755) })
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return placeError(dir, err)
		}
	}
	return nil
}

// removeDirs removes those of the directories that are empty, the last first.
func (t *tree) removeDirs(dirs []string) error {
	for i := len(dirs) - 1; i >= 0; i-- {
		real, err := t.at(dirs[i])
		if err == nil {
			err = t.do("rmdir", real, func() error { return syscall.Rmdir(real) })
		}
		if err != nil && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, fs.ErrNotExist) {
			return placeError(dirs[i], err)
		}
	}
	return nil
}

// do carries out one operation that changes something.
func (t *tree) do(op, real string, f func() error) error {
	if t.fault != nil {
		if err := t.fault(op, real); err != nil {
			return err
		}
	}
	return f()
}
