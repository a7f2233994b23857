package forward

import (
	"context"
	"iter"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
	"github.com/rollcall-dns/rollcall/zone"
)

// How often Run looks whether a probe is due, and whether a file has changed.
const (
	tick  = 100 * time.Millisecond
	looks = time.Second
)

// Load finds out whom to ask. Listening are the addresses that we answer on: servers
// there are ourselves, and left out.
func (f *Forwarder) Load(listening []netip.AddrPort) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listening = listening
	for _, file := range f.files {
		file.read()
	}
	f.rebuild()
}

// reload is Load where a file has changed.
func (f *Forwarder) reload() {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed := false
	for _, file := range f.files {
		changed = file.read() || changed
	}
	if changed {
		f.rebuild()
	}
}

// Run follows the files and probes servers until ctx is done.
func (f *Forwarder) Run(ctx context.Context) error {
	var probes sync.WaitGroup
	defer probes.Wait()
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for looked := time.Now(); ; {
		for _, s := range f.table.Load().dueProbes(time.Now()) {
			probes.Go(func() { f.probe(ctx, s) })
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
		if time.Since(looked) >= looks {
			f.reload()
			looked = time.Now()
		}
	}
}

// rebuild makes the table anew. What is known of servers that stay is kept; new ones are
// probed at once. The caller holds f.mu.
func (f *Forwarder) rebuild() {
	old := f.servers
	f.servers = make(map[serverKey]*server)
	groups := make(map[zone.Name]*group)
	if len(f.o.Upstreams) > 0 || len(f.files) > 0 {
		var addrs []upstream.Addr
		for _, file := range f.files {
			addrs = append(addrs, file.nameservers()...)
		}
		groups[zone.Root] = f.group(zone.Root, slices.Concat(f.o.Upstreams, addrs), old)
		groups[zone.Root].guarded = f.o.NoRebinding
	}
	for _, r := range f.o.Routes {
		groups[r.Domain] = f.group(r.Domain, r.Servers, old)
	}
	f.table.Store(newTable(groups))
	f.failures.forget()
	f.tell(groups, old)
}

func (f *Forwarder) group(domain zone.Name, addrs []upstream.Addr, old map[serverKey]*server) *group {
	g := new(group)
	for _, a := range addrs {
		key := serverKey{domain, a}
		if f.servers[key] != nil {
			continue // named twice
		}
		if f.own(a.AddrPort()) {
			f.log.Warn("a server is this one, and not asked: it would be a loop", "server", a, "for", domain)
			continue
		}
		s := old[key]
		if s == nil {
			s = &server{serverKey: key, limit: max(1, f.o.MaxQueries/2), probe: time.Now()}
		}
		f.servers[key] = s
		g.servers = append(g.servers, s)
	}
	return g
}

// tell logs whom names are asked of, where that has changed.
func (f *Forwarder) tell(groups map[zone.Name]*group, old map[serverKey]*server) {
	same := len(old) == len(f.servers)
	for k := range f.servers {
		same = same && old[k] != nil
	}
	for domain, g := range groups {
		switch {
		case len(g.servers) == 0:
			f.log.Warn("there is no server to ask: names are SERVFAIL", "for", domain)
		case !same:
			f.log.Info("names are asked of other servers", "for", domain, "servers", addrsOf(g.servers))
		}
	}
}

func addrsOf(servers []*server) string {
	var names []string
	for _, s := range servers {
		names = append(names, s.addr.String())
	}
	return strings.Join(names, " ")
}

// own reports whether a server at an address is this one.
func (f *Forwarder) own(at netip.AddrPort) bool {
	for _, l := range f.listening {
		switch {
		case l.Port() != at.Port():
		case l.Addr().Unmap() == at.Addr().Unmap():
			return true
		case l.Addr().IsUnspecified() && l.Addr().Is4() == at.Addr().Is4() && ofThisHost(at.Addr()):
			return true
		}
	}
	return false
}

func ofThisHost(ip netip.Addr) bool {
	if ip.IsLoopback() {
		return true
	}
	addrs, _ := net.InterfaceAddrs() // where they cannot be read, a probe tells later
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(ip.WithZone("").AsSlice())
	})
}

// servers are all those of a table, some of which are in two groups.
func (t *table) servers() iter.Seq[*server] {
	return func(yield func(*server) bool) {
		for domain, g := range t.groups {
			if g == nil || len(g.servers) == 0 || domain == internal && g.servers[0].domain != internal {
				continue
			}
			for _, s := range g.servers {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// others reports whether another server of the same route answers.
func (t *table) others(s *server) bool {
	g := t.groups[s.domain]
	return g != nil && slices.ContainsFunc(g.servers, func(o *server) bool {
		st := o.standing()
		return o != s && !st.loop && !st.doubtful
	})
}
