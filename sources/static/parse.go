package static

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/rollcall-dns/rollcall/zone"
)

// maxRecords bounds the records of one file.
const maxRecords = 100_000

// Parse reads a file's data. The error is of type Faults, and names everything that
// is wrong; then there are no records at all. File is the name that faults have.
func Parse(file string, data []byte) ([]zone.Static, error) {
	p := &parser{file: file, names: map[string]*named{}}
	if top := p.document(data); top != nil {
		p.top(top)
	}
	p.aliases()
	if len(p.faults) > 0 {
		slices.SortStableFunc(p.faults, func(a, b *Fault) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, p.faults
	}
	return p.records, nil
}

// parser gathers the records of a file, and what is wrong with it.
type parser struct {
	file    string
	faults  Faults
	records []zone.Static
	names   map[string]*named
}

// named is what a file says of one name.
type named struct {
	name    string         // canonical
	ids     map[string]int // of its records, with their lines
	aliases []place
	other   int // the line of the first record that is no alias; 0: there is none
}

// place is where something stands in the file.
type place struct {
	node  *yaml.Node
	entry string
}

func (p *parser) fault(at *yaml.Node, entry, key, value, rule string) {
	f := &Fault{p.file, max(at.Line, 1), max(at.Column, 1), entry, key, value, rule}
	if len(p.faults) < maxFaults && !slices.ContainsFunc(p.faults, func(o *Fault) bool { return *o == *f }) {
		p.faults = append(p.faults, f)
	}
}

// document gives the top node of the only document, or nil when there is none.
func (p *parser) document(data []byte) *yaml.Node {
	in, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		p.syntax(err)
		return nil
	}
	var doc, more yaml.Node
	if err := in.Load(&doc); err != nil && err != io.EOF {
		p.syntax(err)
		return nil
	}
	if len(doc.Content) == 0 {
		p.fault(&doc, "", "", "", noRecords)
		return nil
	}
	switch err := in.Load(&more); {
	case err == nil:
		p.fault(&more, "", "", "", "must be the end: a file is one YAML document")
	case err != io.EOF:
		p.syntax(err)
	}
	return doc.Content[0]
}

// syntax tells what is no YAML at all.
func (p *parser) syntax(err error) {
	at, msg := &yaml.Node{}, err.Error()
	if load := new(yaml.LoadError); errors.As(err, &load) {
		at.Line, at.Column, msg = load.Mark.Line, load.Mark.Column, load.Message
	}
	if strings.Contains(msg, "unknown anchor") || strings.Contains(msg, "cannot start any token") {
		msg += ` (a value that begins with "*" or "@" needs quotes)`
	}
	p.fault(at, "", "", "", "must be YAML: "+msg)
}

// noRecords is also the rule of an empty file: it may be one that is being written.
const noRecords = `must have the key records with a list; "records: []" is none`

func (p *parser) top(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		p.fault(n, "", "", n.Value, noRecords)
		return
	}
	var list *yaml.Node
	for key, value := range pairs(n) {
		switch {
		case key.Value != "records":
			p.fault(key, "", "", key.Value, "is not a key of this file: it has records alone")
		case list != nil:
			p.fault(key, "", "", key.Value, "must not be given twice")
		default:
			list = value
		}
	}
	if list == nil {
		p.fault(n, "", "", "", noRecords)
		return
	}
	if list.Kind != yaml.SequenceNode {
		p.fault(list, "", "records", list.Value, `must be a list of entries such as "- name: db"`)
		return
	}
	for _, e := range list.Content {
		if p.entry(e); len(p.records) > maxRecords {
			p.fault(e, "", "", "", "must not follow more than 100000 records")
			return
		}
	}
}

// pairs gives the keys and values of a mapping. A value that refers to an anchor is
// what that stands for.
func pairs(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], target(n.Content[i+1])) {
				return
			}
		}
	}
}

func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// items are the values of a list, or the one value that stands in its place.
func items(n *yaml.Node) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	list := make([]*yaml.Node, len(n.Content))
	for i := range list {
		list[i] = target(n.Content[i])
	}
	return list
}

// aliases finds the names that have an alias and something else.
func (p *parser) aliases() {
	for _, n := range p.names {
		for i, a := range n.aliases {
			other := n.other
			if other == 0 && i > 0 {
				other = n.aliases[0].node.Line
			}
			if other > 0 {
				p.fault(a.node, a.entry, "cname", a.node.Value, fmt.Sprintf("must stand alone: line %d has another record of this name", other))
			}
		}
	}
}
