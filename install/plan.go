package install

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

const (
	dnsPort   = 53
	splitPort = 8053 // that of rollcall serve, unless it is told another
)

// Options say how a host and its containers come to ask rollcall.
type Options struct {
	Root     string   // the directory that stands for /; "" is /
	Resolver Resolver // "" is Auto
	// Server is where the host reaches rollcall. Zero is 127.0.0.1; its port is 8053
	// where rollcall is asked for its domains alone, and 53 where it is asked for all
	// names, because resolv.conf has no place for another.
	Server  netip.AddrPort
	Domains []string // one at least, without dots at the end
	Engine  Engine
}

// Engine says where the containers of a Docker engine reach rollcall, at port 53. Zero
// is the address of its default bridge, if there is an engine at all.
type Engine struct {
	Off  bool // the engine is left alone
	Addr netip.Addr
}

// A Plan is what is to be done, and the state in which that was found out. It is used
// once.
type Plan struct {
	tree  *tree
	undo  bool
	steps []step

	record, old record
	oldEntry    entry // the file of the old record

	asked     []netip.AddrPort // where rollcall is to answer
	upstreams []netip.Addr     // the servers that it takes the place of
}

// A step replaces what is at one path.
type step struct {
	path    string
	was, to entry
}

// Prepare finds out what is to be done. It changes nothing.
func Prepare(o Options) (*Plan, error) {
	p, err := newPlan(o.Root)
	if err != nil {
		return nil, err
	}
	if err := checkDomains(o.Domains); err != nil {
		return nil, err
	}
	if err := p.setResolver(o); err != nil {
		return nil, err
	}
	if !o.Engine.Off && (o.Engine.Addr.IsValid() || p.tree.hasEngine()) {
		if err := p.setEngine(o.Engine.Addr); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func newPlan(root string) (*Plan, error) {
	if root == "" {
		root = "/"
	}
	real, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	p := &Plan{tree: &tree{root: real}}
	p.record, p.oldEntry, err = p.tree.readRecord()
	p.old.Dirs = slices.Clone(p.record.Dirs)
	return p, err
}

// checkDomains refuses names that would say something else in a configuration.
func checkDomains(domains []string) error {
	for _, d := range domains {
		if strings.Trim(d, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
			return fmt.Errorf("the domain %q must be of letters, digits, -, _ and dots", d)
		}
	}
	return nil
}

func (p *Plan) setResolver(o Options) error {
	way, server := o.Resolver, o.Server
	if way == "" || way == Auto {
		base, text, err := p.base(resolvConf)
		if err != nil {
			return err
		}
		way = p.tree.detect(base, text)
	}
	if !server.IsValid() {
		server = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), splitPort)
		if way == File {
			server = netip.AddrPortFrom(server.Addr(), dnsPort)
		}
	}
	if way != None {
		p.asked = append(p.asked, server)
	}
	switch way {
	case Resolved:
		return p.edit(resolvedDropIn, func([]byte) ([]byte, error) { return resolvedConf(server, o.Domains), nil })
	case Dnsmasq:
		return p.edit(dnsmasqDropIn, func([]byte) ([]byte, error) { return dnsmasqConf(server, o.Domains), nil })
	case File:
		return p.setResolvConf(server)
	}
	return nil
}

func (p *Plan) setResolvConf(server netip.AddrPort) error {
	if server.Port() != dnsPort {
		return fmt.Errorf("%s has no place for a port: rollcall must answer on port %d of %v, not %d",
			resolvConf, dnsPort, server.Addr(), server.Port())
	}
	return p.edit(resolvConf, func(text []byte) ([]byte, error) {
		others := slices.DeleteFunc(nameservers(text), func(a netip.Addr) bool { return a == server.Addr() })
		p.upstreams = append(p.upstreams, others...)
		alone, err := p.tree.asksAnyServer(text)
		return firstNameserver(text, server.Addr(), alone), err
	})
}

func (p *Plan) setEngine(server netip.Addr) error {
	flag, err := p.tree.dnsFlag()
	if err != nil {
		return err
	}
	if flag != "" {
		return fmt.Errorf("%s gives the Docker engine --dns: it would not start with dns in %s as well; take that out first", flag, daemonJSON)
	}
	return p.edit(daemonJSON, func(text []byte) ([]byte, error) {
		if !server.IsValid() {
			server = p.tree.bridgeOf(text)
		}
		p.asked = append(p.asked, netip.AddrPortFrom(server, dnsPort))
		out, before, err := setEngineDNS(text, server)
		for _, s := range before {
			if a, err := netip.ParseAddr(s); err == nil && !slices.Contains(p.upstreams, a) {
				p.upstreams = append(p.upstreams, a)
			}
		}
		return out, err
	})
}

// PrepareUndo finds out what it takes to bring back what was there before. A file that
// was changed since is an error, unless force says that the change may be lost.
func PrepareUndo(root string, force bool) (*Plan, error) {
	p, err := newPlan(root)
	if err != nil {
		return nil, err
	}
	p.undo = true
	var changed []error
	for _, f := range p.record.Files {
		now, err := p.tree.read(f.Path)
		switch {
		case err != nil:
			return nil, err
		case now.same(f.Before):
		case f.wrote(now) || force:
			p.steps = append(p.steps, step{f.Path, now, f.Before})
		default:
			changed = append(changed, fmt.Errorf("%s was changed since: --force brings back what was there before, and loses the change", f.Path))
		}
	}
	return p, errors.Join(changed...)
}
