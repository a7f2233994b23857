package forward

import (
	"bytes"
	"io"
	"net/netip"
	"os"
	"strings"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
)

// maxFile is how much of a file is read: many times what is ever needed.
const maxFile = 64 << 10

// maxNameservers is how many a file may name. Resolvers of C libraries use three.
const maxNameservers = 16

// systemd-resolved names only itself in resolv.conf, where it can be asked without a
// loop only as long as it does not ask us. Whom it asks stands in another file.
var resolvedStubs = []netip.Addr{netip.MustParseAddr("127.0.0.53"), netip.MustParseAddr("127.0.0.54")}

const resolvedFile = "run/systemd/resolve/resolv.conf"

// file is one in the form of resolv.conf(5) that is followed.
type file struct {
	path string
	text []byte // as it was read last
	stub []byte // of the file that says whom systemd-resolved asks
}

// read reads the file, and reports whether anything about it is new.
func (f *file) read() (changed bool) {
	text := readFile(f.path)
	var stub []byte
	if onlyStubs(parseResolvConf(text)) {
		stub = readFile(f.resolved())
	}
	changed = !bytes.Equal(text, f.text) || !bytes.Equal(stub, f.stub)
	f.text, f.stub = text, stub
	return changed
}

// resolved is where systemd-resolved says whom it asks, on the same root as the file.
func (f *file) resolved() string {
	if root, ok := strings.CutSuffix(f.path, "etc/resolv.conf"); ok {
		return root + resolvedFile
	}
	return "/" + resolvedFile
}

// nameservers are the addresses that the file names, or for a stub those behind it.
func (f *file) nameservers() []upstream.Addr {
	if behind := parseResolvConf(f.stub); len(behind) > 0 {
		return behind
	}
	return parseResolvConf(f.text)
}

func onlyStubs(addrs []upstream.Addr) bool {
	for _, a := range addrs {
		if !isStub(a) {
			return false
		}
	}
	return len(addrs) > 0
}

func isStub(a upstream.Addr) bool {
	return a.AddrPort().Port() == 53 && (a.AddrPort().Addr() == resolvedStubs[0] || a.AddrPort().Addr() == resolvedStubs[1])
}

// readFile gives nothing for what cannot be read: a name server that is missing for a
// moment is missing, and comes back.
func readFile(path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil
	}
	return text
}

// parseResolvConf gives the name servers of resolv.conf(5). Search lists and options are
// for whoever asks us. Lines that cannot be read are passed over, as C libraries do.
func parseResolvConf(text []byte) (addrs []upstream.Addr) {
	seen := make(map[upstream.Addr]bool)
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "nameserver" || len(addrs) == maxNameservers {
			continue
		}
		ip, err := netip.ParseAddr(words[1])
		if err != nil {
			continue
		}
		if a, err := upstream.ParseAddr(ip.String()); err == nil && !seen[a] {
			seen[a] = true
			addrs = append(addrs, a)
		}
	}
	return addrs
}
