package install

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// A Resolver is how the programs of a host find addresses, and so how they come to ask
// rollcall.
type Resolver string

const (
	Auto     Resolver = "auto"             // what the host has
	Resolved Resolver = "systemd-resolved" // a split: it asks rollcall for the domains alone
	Dnsmasq  Resolver = "dnsmasq"          // a split, likewise
	File     Resolver = "resolv.conf"      // rollcall is asked first, for every name
	None     Resolver = "off"              // is left alone
)

// Resolvers are those that can be asked for.
var Resolvers = []Resolver{Auto, Resolved, Dnsmasq, File, None}

const (
	resolvConf     = "/etc/resolv.conf"
	resolvedDropIn = "/etc/systemd/resolved.conf.d/rollcall.conf"
	dnsmasqDropIn  = "/etc/dnsmasq.d/rollcall.conf"
)

// paths are the files that may be written.
var paths = []string{resolvConf, resolvedDropIn, dnsmasqDropIn, daemonJSON}

const written = "# Written by rollcall install; rollcall install --undo brings back what was here.\n"

// stubs are the addresses at which systemd-resolved answers.
var stubs = []netip.Addr{netip.MustParseAddr("127.0.0.53"), netip.MustParseAddr("127.0.0.54")}

// detect finds out how a host resolves names, from its resolv.conf as it was before.
func (t *tree) detect(conf entry, text []byte) Resolver {
	servers := nameservers(text)
	switch {
	case conf.Kind == link && strings.Contains(conf.Target, "systemd/resolv"),
		slices.ContainsFunc(servers, func(a netip.Addr) bool { return slices.Contains(stubs, a) }):
		return Resolved
	case t.exists("/etc/dnsmasq.d") && slices.ContainsFunc(servers, netip.Addr.IsLoopback):
		return Dnsmasq
	}
	return File
}

// nameservers are the servers that a resolv.conf names, in order (resolv.conf(5)).
func nameservers(text []byte) (servers []netip.Addr) {
	for line := range strings.Lines(string(text)) {
		if a, ok := nameserver(line); ok && !slices.Contains(servers, a) {
			servers = append(servers, a)
		}
	}
	return servers
}

func nameserver(line string) (netip.Addr, bool) {
	f := strings.Fields(line)
	if len(f) < 2 || f[0] != "nameserver" || !strings.HasPrefix(line, f[0]) {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(f[1])
	return a, err == nil
}

// firstNameserver gives a resolv.conf in which a server comes first. The others stay
// behind it, so that the host is not cut off while rollcall does not run; unless the
// server is to be alone.
func firstNameserver(text []byte, server netip.Addr, alone bool) []byte {
	has := nameservers(text)
	if len(has) > 0 && has[0] == server && (!alone || len(has) == 1) {
		return text
	}
	ours := fmt.Sprintf("nameserver %v\n", server)
	var out strings.Builder
	if !strings.HasPrefix(string(text), written) {
		out.WriteString(written)
	}
	for line := range strings.Lines(string(text)) {
		a, is := nameserver(line)
		if is {
			out.WriteString(ours)
			ours = ""
		}
		if !is || a != server && !alone {
			out.WriteString(line)
		}
	}
	if ours != "" {
		if len(text) > 0 && text[len(text)-1] != '\n' {
			out.WriteByte('\n')
		}
		out.WriteString(ours)
	}
	return []byte(out.String())
}

// asksAnyServer reports whether the programs of a host do not ask the servers of a
// resolv.conf in order. Then any of them may be the one to say that there is no such name
// as rollcall's, and is believed.
func (t *tree) asksAnyServer(text []byte) (bool, error) {
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "options" && slices.Contains(f, "rotate") {
			return true, nil
		}
	}
	return t.isMusl()
}

// isMusl reports whether the C library of a host is musl, by the loaders that it has.
func (t *tree) isMusl() (bool, error) {
	var loaders []string
	for _, dir := range []string{"/lib", "/lib64"} {
		files, err := t.list(dir)
		if err != nil {
			return false, err
		}
		loaders = append(loaders, files...)
	}
	has := func(prefix string) bool {
		return slices.ContainsFunc(loaders, func(path string) bool { return strings.HasPrefix(filepath.Base(path), prefix) })
	}
	return has("ld-musl-") && !has("ld-linux"), nil
}

// resolvedConf is the drop-in file of systemd-resolved (resolved.conf(5)). Servers with
// ports need its version 246.
func resolvedConf(server netip.AddrPort, domains []string) []byte {
	at := server.Addr().String()
	if server.Port() != dnsPort {
		at = server.String()
	}
	return fmt.Appendf(nil, written+"[Resolve]\nDNS=%s\nDomains=~%s\n", at, strings.Join(domains, " ~"))
}

// dnsmasqConf is the drop-in file of dnsmasq (dnsmasq(8)).
func dnsmasqConf(server netip.AddrPort, domains []string) []byte {
	var out strings.Builder
	out.WriteString(written)
	for _, d := range domains {
		fmt.Fprintf(&out, "server=/%s/%v#%d\nrebind-domain-ok=/%s/\n", d, server.Addr(), server.Port(), d)
	}
	return []byte(out.String())
}
