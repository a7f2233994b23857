package dnsserver

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// aheadOf is told of questions, and answers as localIs does.
type aheadOf struct {
	handlerFunc
	names chan []string
}

func (h aheadOf) Ahead(names [][]byte) {
	var texts []string
	for _, n := range names {
		text, _, _ := dns.UnpackDomainName(n, 0)
		texts = append(texts, text)
	}
	h.names <- texts
	if slices.Contains(texts, "panic.") {
		panic("ahead")
	}
}

// What waits in the socket is read ahead in groups, but for what has no question; one that
// comes alone is not.
func TestQuestionsOfABatchAreReadAhead(t *testing.T) {
	h := aheadOf{localIs, make(chan []string, 16)}
	s, err := Listen(Options{Handler: h, Sockets: 1, Addrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}})
	check(t, err)
	w := dial(t, "udp", s.Addrs()[0])
	for range MaxAhead - 2 {
		w.send(query("a. TXT"))
	}
	w.send(message(0, "0000"))
	w.send(query("panic. TXT"))
	w.send(query("b. TXT"))
	serveOn(t, s)
	for range MaxAhead {
		w.receive()
	}
	want := append(slices.Repeat([]string{"a."}, MaxAhead-2), "panic.")
	if got := <-h.names; !slices.Equal(got, want) {
		t.Errorf("was told of %q, want %q", got, want)
	}
	w.send(query("c. TXT"))
	w.receive()
	if len(h.names) > 0 {
		t.Errorf("was told of %q", <-h.names)
	}
	if n := s.Stats().Panics; n != 1 {
		t.Errorf("%d panics were counted, want 1", n)
	}
}
