package install

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool {
	return len(p.steps) == 0 && (!p.undo || p.oldEntry.Kind == absent && !p.tree.exists(temporary(recordPath)))
}

// Do carries the plan out. What fails leaves all files as they were, or says that it
// could not, and then undoing does. A plan to undo that fails can be made and carried
// out again.
func (p *Plan) Do() error {
	if p.Empty() {
		return nil
	}
	if p.undo {
		return p.locked(p.restore)
	}
	if err := p.tree.makeDirs(p.dirsAbove(recordPath)); err != nil {
		return err
	}
	return p.locked(p.apply)
}

// dirsAbove are the directories to be made that are above a path.
func (p *Plan) dirsAbove(path string) []string {
	return slices.DeleteFunc(slices.Clone(p.record.Dirs), func(d string) bool { return !isAbove(d, path) })
}

// locked calls f while no other process changes anything.
func (p *Plan) locked(f func() error) error {
	real, err := p.tree.follow(filepath.Dir(recordPath))
	if err != nil {
		return err
	}
	dir, err := os.Open(real)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("lock %s: %w: another rollcall install runs", filepath.Dir(recordPath), err)
	}
	if err := p.unchanged(); err != nil {
		return err
	}
	return f()
}

// unchanged holds the state in which the plan was made against that of now.
func (p *Plan) unchanged() error {
	if _, now, err := p.tree.readRecord(); err != nil || !now.same(p.oldEntry) {
		return errors.Join(fmt.Errorf("%s was changed meanwhile: try again", recordPath), err)
	}
	for _, s := range p.steps {
		if now, err := p.tree.read(s.path); err != nil || !now.same(s.was) {
			return errors.Join(fmt.Errorf("%s was changed meanwhile: try again", s.path), err)
		}
	}
	return nil
}

func (p *Plan) apply() error {
	e, err := p.record.entry()
	if err != nil {
		return err
	}
	if err := p.tree.place(recordPath, e); err != nil {
		return p.back(-1, err)
	}
	for i, s := range p.steps {
		err := p.tree.makeDirs(p.dirsAbove(s.path))
		if err == nil {
			err = p.tree.place(s.path, s.to)
		}
		if err != nil {
			return p.back(i, err)
		}
	}
	return nil
}

// back takes back the steps up to the one that failed; -1 is none, but the record.
func (p *Plan) back(failed int, cause error) error {
	var errs []error
	for i := failed; i >= 0; i-- {
		errs = append(errs, p.tree.place(p.steps[i].path, p.steps[i].was))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w; what was done could not be taken back: rollcall install --undo does (%w)", cause, err)
	}
	made := slices.DeleteFunc(slices.Clone(p.record.Dirs), func(d string) bool { return slices.Contains(p.old.Dirs, d) })
	err := p.tree.place(recordPath, p.oldEntry)
	return errors.Join(cause, err, p.tree.removeDirs(made))
}

func (p *Plan) restore() error {
	if err := p.tree.remove(temporary(recordPath)); err != nil {
		return err
	}
	for _, f := range p.record.Files {
		if err := p.tree.remove(temporary(f.Path)); err != nil {
			return err
		}
	}
	for _, s := range p.steps {
		if err := p.tree.place(s.path, s.to); err != nil {
			return err
		}
	}
	above := p.dirsAbove(recordPath)
	others := slices.DeleteFunc(slices.Clone(p.record.Dirs), func(d string) bool { return slices.Contains(above, d) })
	if err := p.tree.removeDirs(others); err != nil {
		return err
	}
	if err := p.tree.remove(recordPath); err != nil {
		return err
	}
	return p.tree.removeDirs(above)
}
