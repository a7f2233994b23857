package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"go.yaml.in/yaml/v4"
)

// A fault is one value that was refused.
type fault struct {
	origin string // where it was given: a flag, a variable, or a key and its file
	value  string
	rule   string // "must be …"
}

// faults is the error of a configuration: all that is wrong with it, at once.
type faults []fault

func (fs faults) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of the settings cannot be used:", len(fs))
	for _, f := range fs {
		fmt.Fprintf(&b, "\n  %s %q %s", f.origin, f.value, f.rule)
	}
	return b.String()
}

// given is the values of one setting, and where they come from.
type given struct {
	origin string
	values []string
}

const configUsage = "read settings from the YAML `FILE`, whose keys are named like the flags: \"ttl: 5s\""

// group is the settings of a command that end up in a C.
type group[C any] struct {
	command string // whose --help lists them
	prefix  string // of the names of their variables
	list    []setting[C]
	// complete checks what depends on several settings; it is told of the faults of
	// each. Nil checks nothing.
	complete func(c *C, others faults) faults
}

func (g group[C]) env(setting string) string {
	return g.prefix + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

// flags gives the flags of the settings named, or of all, and --config.
func (g group[C]) flags(names ...string) []cli.Flag {
	var flags []cli.Flag
	for _, s := range g.list {
		if len(names) > 0 && !slices.Contains(names, s.name) {
			continue
		}
		usage := fmt.Sprintf("%s [$%s]", s.help, g.env(s.name))
		switch {
		case s.many:
			flags = append(flags, &cli.StringSliceFlag{Name: s.name, Usage: usage, DefaultText: s.def})
		case s.yes:
			flags = append(flags, &cli.BoolFlag{Name: s.name, Usage: usage})
		default:
			flags = append(flags, &cli.StringFlag{Name: s.name, Usage: usage, DefaultText: s.def})
		}
	}
	return append(flags, &cli.StringFlag{Name: "config", Usage: configUsage + " [$" + g.env("config") + "]"})
}

// load reads the settings named, or all, from where they are given. Its error is
// faults.
func (g group[C]) load(c *cli.Context, p *process, names ...string) (*C, error) {
	file, bad := g.loadFile(c, p)
	cfg := new(C)
	for i := range g.list {
		s := &g.list[i]
		if len(names) > 0 && !slices.Contains(names, s.name) {
			continue
		}
		found := g.find(s, c, p, file)
		for _, v := range found.values {
			if err := s.set(cfg, v); err != nil {
				bad = append(bad, fault{found.origin, v, err.Error()})
			}
		}
	}
	if g.complete != nil && len(names) == 0 {
		bad = append(bad, g.complete(cfg, bad)...)
	}
	if len(bad) > 0 {
		return nil, bad
	}
	return cfg, nil
}

// find looks for a setting where it may be: flag, then variable, then file, then
// default. A variable that is empty counts as not set, because files that set
// variables often cannot leave one out.
func (g group[C]) find(s *setting[C], c *cli.Context, p *process, file map[string]given) given {
	if c.IsSet(s.name) {
		v := given{origin: "--" + s.name, values: []string{fmt.Sprint(c.Value(s.name))}}
		if s.many {
			v.values = c.StringSlice(s.name)
		}
		return split(v, s)
	}
	if v, ok := p.lookup(g.env(s.name)); ok && v != "" {
		return split(given{g.env(s.name), []string{v}}, s)
	}
	if v, ok := file[s.name]; ok {
		return split(v, s)
	}
	if s.def != "" {
		return given{"default of --" + s.name, []string{s.def}}
	}
	return given{}
}

// split takes the values of a setting apart that may have several. Where there
// must be one at least, none is one empty value, which its rule refuses.
func split[C any](g given, s *setting[C]) given {
	if !s.many {
		return g
	}
	separators := ", "
	if s.line {
		separators = "\n"
	}
	g.values = strings.FieldsFunc(strings.Join(g.values, separators[:1]), func(r rune) bool {
		return strings.ContainsRune(separators, r)
	})
	if len(g.values) == 0 && s.def != "" {
		g.values = []string{""}
	}
	return g
}

// loadFile reads the configuration file, if one is named.
func (g group[C]) loadFile(c *cli.Context, p *process) (map[string]given, faults) {
	origin, name := "--config", c.String("config")
	if !c.IsSet("config") {
		origin = g.env("config")
		name, _ = p.lookup(origin)
	}
	if name == "" {
		return nil, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, faults{{origin, name, "must be a file that can be read: " + err.Error()}}
	}
	return g.parseFile(name, data)
}

// parseFile reads settings from YAML. What it finds wrong does not keep it from
// reading on.
func (g group[C]) parseFile(name string, data []byte) (map[string]given, faults) {
	top, err := parseYAML(data)
	if err != nil {
		return nil, faults{{"file", name, "must be one YAML document: " + err.Error()}}
	}
	if top == nil {
		return nil, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, faults{{"file", name, "must hold keys and values such as ttl: 5s"}}
	}
	file := make(map[string]given)
	var bad faults
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		origin := fmt.Sprintf("key %s in %s:%d", key.Value, name, key.Line)
		values, rule := g.valuesOf(key.Value, value, file)
		if rule != "" {
			bad = append(bad, fault{origin, value.Value, rule})
			continue
		}
		file[key.Value] = given{origin, values}
	}
	return file, bad
}

// parseYAML gives the top node of the only document, or nil when there is nothing
// but comments.
func parseYAML(data []byte) (*yaml.Node, error) {
	in, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var doc, more yaml.Node
	switch err := in.Load(&doc); {
	case err == io.EOF:
		return nil, nil
	case err != nil:
		return nil, err
	}
	if err := in.Load(&more); err != io.EOF {
		return nil, errors.New("there is more behind it")
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil, nil
	}
	return doc.Content[0], nil
}

// valuesOf takes the values of one key, or names the rule that is broken.
func (g group[C]) valuesOf(key string, value *yaml.Node, file map[string]given) (values []string, rule string) {
	at := slices.IndexFunc(g.list, func(s setting[C]) bool { return s.name == key })
	if at < 0 {
		return nil, "is not a setting: see rollcall " + g.command + " --help for those that are"
	}
	if _, twice := file[key]; twice {
		return nil, "must not be given twice"
	}
	items := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode && g.list[at].many {
		items = value.Content
	}
	for _, n := range items {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			if g.list[at].many {
				return nil, "must be a value or a list of values"
			}
			return nil, "must be one value"
		}
		values = append(values, n.Value)
	}
	return values, ""
}
