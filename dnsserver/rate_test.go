package dnsserver

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const perSecond = 10

// limited is a responder with a rate limit, whose clock is now.
func limited(t *testing.T, now *int64) *responder {
	return &responder{
		handler: authorityOf(newZone(t)), log: &limitedLog{log: slog.New(slog.DiscardHandler)}, n: new(counters),
		rates: newRates(perSecond, func() int64 { return *now }),
		c:     composer{self: &identity{cookies: newCookies(time.Now)}},
	}
}

func (r *responder) from(from string, transport Transport, msg []byte) []byte {
	r.q = Query{From: netip.AddrPortFrom(netip.MustParseAddr(from), 5), Transport: transport}
	reply, _ := r.respond(context.Background(), msg, nil)
	if len(reply) == 0 {
		return nil
	}
	return reply
}

// Askers that share a limit are those of one network that get the same.
func TestResponseRate(t *testing.T) {
	const webA = "web.svc.test. A"
	for _, tt := range []struct {
		name, from, ask string
		transport       Transport
		limited         bool
	}{
		{"the same", "203.0.113.1", webA, UDP, true},
		{"in another case", "203.0.113.1", "WEB.svc.TEST. A", UDP, true},
		{"to a neighbour", "203.0.113.254", webA, UDP, true},
		{"another type", "203.0.113.1", "web.svc.test. AAAA", UDP, false},
		{"another name", "203.0.113.1", "web-1.web.svc.test. A", UDP, false},
		{"to another network", "203.0.114.1", webA, UDP, false},
		{"over TCP", "203.0.113.1", webA, TCP, false},
		{"an error", "203.0.113.1", "x.example. A", UDP, false},
		{"a denial", "203.0.113.1", "no.svc.test. A", UDP, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := int64(0)
			r := limited(t, &now)
			for i := range perSecond {
				if r.from("203.0.113.1", UDP, query(webA)) == nil {
					t.Fatalf("reply %d was not sent", i)
				}
			}
			r.from(tt.from, tt.transport, query(tt.ask))
			if got := r.n.limited.Load() > 0; got != tt.limited {
				t.Errorf("limited: %v, want %v", got, tt.limited)
			}
		})
	}
}

func TestRepliesBeyondTheRate(t *testing.T) {
	now := int64(0)
	r := limited(t, &now)
	const from = "2001:db8:0:100::1"
	near := func(i int) string { return []string{from, "2001:db8:0:1ff::2"}[i%2] } // of one /56
	for i := range perSecond {
		r.from(near(i), UDP, query("no.svc.test. A"))
	}
	var got []string
	for i := range 4 {
		got = append(got, text(t, r.from(near(i), UDP, query("another.svc.test. A +rd"))))
	}
	if want := "NOERROR tc rd, nothing, NOERROR tc rd, nothing"; strings.Join(got, ", ") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, ", "), want)
	}
	half := r.from(from, UDP, cookieQuery("no.svc.test. A", []byte("12345678")))
	if got := text(t, half); !strings.HasPrefix(got, "BADCOOKIE") {
		t.Errorf("with half a cookie: %s", got)
	}
	for range 3 {
		if got := text(t, r.from(from, UDP, cookieQuery("no.svc.test. A", cookieOf(t, half)))); !strings.HasPrefix(got, "NXDOMAIN") {
			t.Errorf("with a good cookie: %s", got)
		}
	}
	now += int64(time.Second)
	if got := text(t, r.from(from, UDP, query("no.svc.test. A"))); !strings.HasPrefix(got, "NXDOMAIN") {
		t.Errorf("a second later: %s", got)
	}
	var st Stats
	r.n.addTo(&st)
	if st.Limited != 5 || st.Truncated != 2 {
		t.Errorf("stats %+v", st)
	}
}

// Names that all have answers are no way around the limit.
func TestRateOfAllNamesTogether(t *testing.T) {
	now := int64(0)
	r := limited(t, &now)
	r.handler = SpecialNames(nil, nil, r.handler)
	const asked = 3 * allRates * perSecond
	whole := 0
	for i := range asked {
		if reply := r.from("203.0.113.1", UDP, query(fmt.Sprintf("n%d.localhost. A", i))); reply != nil && !unpack(t, reply).Truncated {
			whole++
		}
	}
	if whole != allRates*perSecond {
		t.Errorf("%d of %d answers came whole, want %d", whole, asked, allRates*perSecond)
	}
	if got := text(t, r.from("198.51.100.1", UDP, query("n.localhost. A"))); got != "NOERROR aa: n.localhost. 300 IN A 127.0.0.1" {
		t.Errorf("another network got %s", got)
	}
}

// What is sent instead of replies that are too many, and to queries that are turned down,
// does not tell a long name: it would be of use against somebody else.
func TestRepliesThatAreNoAnswersAreShort(t *testing.T) {
	now := int64(0)
	r := limited(t, &now)
	r.c.self.nsid = strings.Repeat("x", MaxNSID)
	nsid := message(0, "1001", webA, opt("\x00\x03\x00\x00"))
	for range 3 * perSecond {
		switch reply := r.from("203.0.113.1", UDP, nsid); {
		case reply == nil:
		case !unpack(t, reply).Truncated && len(reply) < MaxNSID:
			t.Fatalf("an answer without NSID: %s", text(t, reply))
		case unpack(t, reply).Truncated && len(reply) > len(nsid):
			t.Fatalf("%d octets for %d: %s", len(reply), len(nsid), text(t, reply))
		}
	}
	class := message(0, "1001", question("\x03web\x03svc\x04test\x00", 1, 4), opt("\x00\x03\x00\x00"))
	if got := text(t, r.from("203.0.114.1", UDP, class)); got != "REFUSED [edns0 1232 ede=21]" {
		t.Errorf("got %s", got)
	}
}

// Replies to queries that find no place to wait are limited like any other.
func TestBusyRepliesAreLimited(t *testing.T) {
	now := int64(0)
	r := limited(t, &now)
	r.errors = newBudget(2*perSecond, 2*perSecond, 1, r.rates.all.now)
	r.handler = handlerFunc(func(context.Context, *Query) (*dns.Msg, error) { return nil, ErrWait })
	busy := func(from string) []byte {
		r.q = Query{From: netip.AddrPortFrom(netip.MustParseAddr(from), 5)}
		if _, wait := r.respond(context.Background(), query("x. A"), nil); !wait {
			t.Fatal("it does not wait")
		}
		return r.busy(nil)
	}
	for range perSecond {
		if got := text(t, busy("203.0.113.1")); got != "SERVFAIL" {
			t.Fatalf("within the rate: %s", got)
		}
	}
	if got := text(t, busy("203.0.113.1")); got != "NOERROR tc" {
		t.Errorf("beyond the rate: %s", got)
	}
	for range perSecond - 1 {
		busy("10.1.2.3")
	}
	if reply := busy("10.1.2.3"); len(reply) > 0 {
		t.Errorf("beyond the budget of errors: %s", text(t, reply))
	}
	var st Stats
	r.n.addTo(&st)
	if st.Busy != 2*perSecond+1 || st.Limited != 1 || st.Dropped != 1 {
		t.Errorf("stats %+v", st)
	}
}

// What a site says to its own addresses is not limited, and by default nothing is.
func TestPrivateAskersHaveNoRate(t *testing.T) {
	now := int64(0)
	r := limited(t, &now)
	for _, from := range []string{"127.0.0.1", "10.1.2.3", "172.17.0.2", "192.168.1.1", "169.254.1.1", "100.64.0.1", "100.127.255.254", "::1", "fd00::1", "fe80::1%eth0"} {
		for range 3 * perSecond {
			if got := text(t, r.from(from, UDP, query("no.svc.test. A"))); !strings.HasPrefix(got, "NXDOMAIN aa") {
				t.Fatalf("%s got %s", from, got)
			}
		}
	}
	r.rates = newRates(0, nil)
	for range 3 * perSecond {
		if got := text(t, r.from("203.0.113.1", UDP, query("no.svc.test. A"))); !strings.HasPrefix(got, "NXDOMAIN aa") {
			t.Fatalf("without a limit: %s", got)
		}
	}
}
