package dnsserver

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

// patience is how long a test waits for what must come.
const patience = 5 * time.Second

// newZone is svc.test. with one service of each kind that the tests ask for.
func newZone(t testing.TB) *zone.Zone {
	t.Helper()
	z, err := zone.New(zone.Options{Domains: []zone.Name{zone.MustParseName("svc.test"), zone.MustParseName("other.test")}, Serial: 7})
	if err != nil {
		t.Fatal(err)
	}
	put(t, z,
		instance("web", "web-1", "10.0.0.7 2001:db8::7", zone.Port{Number: 80}),
		instance("db.shop", "db", "10.0.0.8", zone.Port{Number: 5432}),
	)
	down := instance("down", "d", "10.0.0.9", zone.Port{Number: 80})
	down.State = zone.Down
	put(t, z, down)
	return z
}

func instance(service, host, addrs string, ports ...zone.Port) zone.Instance {
	in := zone.Instance{ID: service + "/" + host, Service: service, Host: host, State: zone.Up, Meta: map[string]string{"version": "2.1"}}
	for _, a := range strings.Fields(addrs) {
		in.Endpoints = append(in.Endpoints, zone.Endpoint{Addr: netip.MustParseAddr(a), Ports: ports})
	}
	return in
}

func put(t testing.TB, z *zone.Zone, ins ...zone.Instance) {
	t.Helper()
	if r := z.Apply(zone.Change{Source: "test", Put: ins}); len(r.Rejected) > 0 {
		t.Fatal(r.Rejected[0].Err)
	}
}

func always() bool { return true }

func authorityOf(z *zone.Zone) Handler { return Authority(z, always, sinceStart, nil) }

// handlerFunc is a Handler made of a function.
type handlerFunc func(context.Context, *Query) (*dns.Msg, error)

func (f handlerFunc) Answer(ctx context.Context, q *Query) (*dns.Msg, error) { return f(ctx, q) }

// serve starts a server and stops it when the test ends.
func serve(t testing.TB, o Options, addrs ...string) *Server {
	t.Helper()
	for _, a := range addrs {
		o.Addrs = append(o.Addrs, netip.MustParseAddrPort(a))
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(testWriter{t}, nil))
	}
	s, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, s)
	return s
}

// serveOn serves until the test ends.
func serveOn(t testing.TB, s *Server) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("%s", b)
	return len(b), nil
}

// safeBuffer is written by a server and read by a test.
type safeBuffer struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// A wire is a connection to a server, over any transport.
type wire struct {
	t testing.TB
	net.Conn
	tcp  bool // messages have their length before them
	over Transport
}

func dial(t testing.TB, network string, addr netip.AddrPort) *wire {
	t.Helper()
	return dialAs(t, network, netip.AddrPort{}, addr)
}

// networks are the transports as dial has them.
var networks = map[string]Transport{"udp": UDP, "tcp": TCP, "tls": TLS, "https": HTTPS}

// dialAs is dial from an address, if that is valid.
func dialAs(t testing.TB, network string, from, to netip.AddrPort) *wire {
	t.Helper()
	name := strings.TrimRight(network, "46")
	over, d := networks[name], net.Dialer{Timeout: patience}
	below := strings.Replace(network, name, map[bool]string{true: "udp", false: "tcp"}[over == UDP], 1)
	switch {
	case !from.IsValid():
	case over == UDP:
		d.LocalAddr = net.UDPAddrFromAddrPort(from)
	default:
		d.LocalAddr = net.TCPAddrFromAddrPort(from)
	}
	c, err := d.Dial(below, to.String())
	check(t, err)
	t.Cleanup(func() { c.Close() })
	check(t, c.SetDeadline(time.Now().Add(patience)))
	switch over {
	case TLS:
		c = tls.Client(c, trusting("dot"))
	case HTTPS:
		c = newHTTPSWire(t, c)
	}
	return &wire{t, c, over != UDP, over}
}

func framed(msg []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
}

func (w *wire) send(msg []byte) {
	w.t.Helper()
	if w.tcp {
		msg = framed(msg)
	}
	if _, err := w.Write(msg); err != nil {
		w.t.Fatal(err)
	}
}

// receive gives the next reply, or nil when the server closed the connection.
func (w *wire) receive() []byte {
	w.t.Helper()
	b := make([]byte, 1<<16)
	if !w.tcp {
		n, err := w.Read(b)
		if err != nil {
			w.t.Fatal(err)
		}
		return b[:n]
	}
	_, err := io.ReadFull(w, b[:2])
	if err == nil {
		b = b[:binary.BigEndian.Uint16(b)]
		_, err = io.ReadFull(w, b)
	}
	switch {
	case err == nil:
		return b
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.t.Fatal(err)
	}
	return nil
}

// probe asks a question that is always answered, and so finds out whether what was
// sent before it was.
var probe = query("probe.example. A")

// exchange gives the reply to msg, or nil when it is dropped.
func (w *wire) exchange(msg []byte) []byte {
	w.t.Helper()
	w.send(msg)
	if w.tcp {
		return w.receive()
	}
	w.send(probe)
	isProbe := func(reply []byte) bool { return binary.BigEndian.Uint16(reply) == binary.BigEndian.Uint16(probe) }
	reply := w.receive()
	if isProbe(reply) { // replies to what is read together come in any order
		w.send(probe)
		if reply = w.receive(); isProbe(reply) {
			return nil
		}
	}
	if again := w.receive(); !isProbe(again) {
		w.t.Fatalf("two replies to one query; the second has ID %d", binary.BigEndian.Uint16(again))
	}
	return reply
}

var lastID uint16

// query is the wire form of "NAME TYPE [+edns[=SIZE]] [+do] [+rd] [+cd] [+ad] [+class=CLASS]".
func query(question string) []byte {
	f := strings.Fields(question)
	lastID++
	m := new(dns.Msg)
	m.Id = lastID
	typ, ok := dns.StringToType[f[1]]
	if !ok {
		n, err := strconv.Atoi(strings.TrimPrefix(f[1], "TYPE"))
		if err != nil {
			panic(question)
		}
		typ = uint16(n)
	}
	m.Question = []dns.Question{{Name: f[0], Qtype: typ, Qclass: dns.ClassINET}}
	for _, o := range f[2:] {
		key, value, _ := strings.Cut(o, "=")
		switch key {
		case "+edns":
			size, _ := strconv.Atoi(value)
			m.SetEdns0(uint16(size), false)
		case "+do":
			if m.IsEdns0() == nil {
				m.SetEdns0(1232, true)
			}
			m.IsEdns0().SetDo()
		case "+rd":
			m.RecursionDesired = true
		case "+cd":
			m.CheckingDisabled = true
		case "+ad":
			m.AuthenticatedData = true
		case "+class":
			m.Question[0].Qclass = dns.StringToClass[value]
		default:
			panic(question)
		}
	}
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// text is a reply as "RCODE flags: answer / authority + additional [edns …]", with
// sorted records. A SOA record is its owner and TTL only.
func text(t testing.TB, reply []byte) string {
	t.Helper()
	if reply == nil {
		return "nothing"
	}
	m := new(dns.Msg)
	if err := m.Unpack(reply); err != nil {
		t.Fatalf("reply %x: %v", reply, err)
	}
	rcode := m.Rcode
	opt := m.IsEdns0()
	if opt != nil {
		m.Extra = slices.DeleteFunc(m.Extra, func(rr dns.RR) bool { return rr == dns.RR(opt) })
		rcode = m.Rcode&15 | opt.ExtendedRcode()&^15
	}
	out := dns.RcodeToString[rcode]
	if rcode == dns.RcodeBadVers {
		out = "BADVERS" // shares its number with BADSIG, of TSIG
	}
	for _, f := range []struct {
		on   bool
		name string
	}{
		{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.RecursionDesired, "rd"}, {m.RecursionAvailable, "ra"},
		{m.Zero, "z"}, {m.AuthenticatedData, "ad"}, {m.CheckingDisabled, "cd"},
		{len(m.Question) == 0, "no-question"},
	} {
		if f.on {
			out += " " + f.name
		}
	}
	for _, s := range []struct {
		sep string
		rrs []dns.RR
	}{{": ", m.Answer}, {" / ", m.Ns}, {" + ", m.Extra}} {
		if len(s.rrs) > 0 {
			out += s.sep + records(s.rrs)
		}
	}
	return out + ednsText(opt)
}

func records(rrs []dns.RR) string {
	var lines []string
	for _, rr := range rrs {
		if soa, ok := rr.(*dns.SOA); ok {
			lines = append(lines, fmt.Sprintf("soa %s %d", soa.Hdr.Name, soa.Hdr.Ttl))
			continue
		}
		lines = append(lines, strings.Join(strings.Fields(rr.String()), " "))
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}

func ednsText(opt *dns.OPT) string {
	if opt == nil {
		return ""
	}
	s := fmt.Sprintf(" [edns%d %d", opt.Version(), opt.UDPSize())
	if opt.Do() {
		s += " do"
	}
	for _, o := range opt.Option {
		switch o := o.(type) {
		case *dns.EDNS0_EDE:
			s += fmt.Sprintf(" ede=%d%s", o.InfoCode, o.ExtraText)
		case *dns.EDNS0_NSID:
			nsid, _ := hex.DecodeString(o.Nsid)
			s += " nsid=" + string(nsid)
		case *dns.EDNS0_TCP_KEEPALIVE:
			s += fmt.Sprintf(" keepalive=%d", o.Timeout)
		case *dns.EDNS0_COOKIE:
			s += fmt.Sprintf(" cookie=%.16s+%d", o.Cookie, len(o.Cookie)/2-clientCookieLen)
		default:
			s += fmt.Sprintf(" option=%d", o.Option())
		}
	}
	return s + "]"
}

// ask gives the reply of a responder without sockets.
func ask(t testing.TB, h Handler, transport Transport, msg []byte) []byte {
	t.Helper()
	r := responder{handler: h, log: &limitedLog{log: slog.New(slog.DiscardHandler)}, n: new(counters)}
	r.q = Query{From: netip.MustParseAddrPort("192.0.2.1:1234"), Local: netip.MustParseAddrPort("198.51.100.1:53"), Transport: transport}
	reply, _ := r.respond(context.Background(), msg, nil)
	return reply
}

// messages are all that have been read.
func (s Stats) messages() uint64 { return s.UDP + s.TCP + s.TLS + s.HTTPS }

// encrypted gives a server sockets for all that TLS is below of, at an address.
func (o *Options) encrypted(addrs ...string) {
	for _, a := range addrs {
		o.TLS = append(o.TLS, netip.MustParseAddrPort(a))
	}
	o.HTTPS, o.Certificate = o.TLS, theCertificate
}

// everywhere runs a test over all transports, IPv4 and IPv6, against one server.
func everywhere(t *testing.T, o Options, test func(t *testing.T, open func(testing.TB) *wire)) {
	o.encrypted("127.0.0.1:0", "[::1]:0")
	s := serve(t, o, "127.0.0.1:0", "[::1]:0")
	for i, family := range []string{"4", "6"} {
		for network, over := range networks {
			t.Run(network+family, func(t *testing.T) {
				test(t, func(t testing.TB) *wire { return dial(t, network+family, s.AddrsOf(over)[i]) })
			})
		}
	}
}
