package install

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
)

// base gives the entry at a path that rollcall has not written: that which was there
// before, if what is there now was written by it. And what that says.
func (p *Plan) base(path string) (e entry, text []byte, err error) {
	if e, err = p.tree.read(path); err != nil {
		return e, nil, err
	}
	if f := p.record.find(path); f.wrote(e) {
		e = f.Before
	}
	if e.Kind != link {
		return e, e.Data, nil
	}
	target := e.Target
	if !filepath.IsAbs(target) {
		target = filepath.Dir(path) + "/" + target
	}
	text, err = p.tree.text(target)
	return e, text, err
}

// edit plans to give a file the text that f makes of what it said before.
func (p *Plan) edit(path string, f func(text []byte) ([]byte, error)) error {
	base, text, err := p.base(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	out, err := f(text)
	if err != nil {
		return fmt.Errorf("%s cannot be edited: %w", path, err)
	}
	to := base
	if !bytes.Equal(out, text) {
		to = base.with(out)
	}
	return p.replace(path, base, to)
}

func (p *Plan) replace(path string, base, to entry) error {
	now, err := p.tree.read(path)
	if err != nil || now.same(to) {
		return err
	}
	for _, dir := range append(p.tree.missing(recordPath), p.tree.missing(path)...) {
		if !slices.Contains(p.record.Dirs, dir) {
			p.record.Dirs = append(p.record.Dirs, dir)
		}
	}
	p.record.set(path, base, to)
	p.steps = append(p.steps, step{path, now, to})
	return nil
}
