package resolver

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream/upstreamtest"
	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
	"github.com/rollcall-dns/rollcall/integration/internal/steady"
)

var (
	lasting = flag.Duration("lasting", time.Second, "how long an upstream is at fault, and a flood lasts")
	asking  = flag.Int("asking", 20, "questions a second about names of others while an upstream is at fault")
	beside  = flag.Int("beside", 200, "questions a second about our names beside a fault or a flood")
)

// maxMemory bounds what a server takes with a cache of 64 MiB, whatever its upstreams do:
// 64 MiB of answers may become twice that before they are collected.
const maxMemory = 256 << 20

// good is what the upstream answers before and after it is at fault.
func good(q *upstreamtest.Query) {
	name := q.Msg.Question[0].Name
	upstreamtest.Answers(name + " 60 IN A 192.0.2.80")(q)
}

// faults are those of the only upstream, and what askers get of it: each a prefix.
var faults = []struct {
	name string
	do   upstreamtest.Behaviour
	want string
}{
	{"silent", upstreamtest.Drop, "SERVFAIL ra ede=22"},
	{"slow by 1 s", upstreamtest.Delay(time.Second, good), "NOERROR ra | "},
	{"slow by 5 s", upstreamtest.Delay(5*time.Second, good), "SERVFAIL ra ede=22"},
	{"wrong identity", upstreamtest.WrongID(good), "SERVFAIL ra ede=2"},
	{"wrong identity over UDP", upstreamtest.Over(upstreamtest.UDP, upstreamtest.WrongID(good), good), "NOERROR ra | "},
	{"wrong question", upstreamtest.WrongQuestion(good), "SERVFAIL ra ede=2"},
	{"from another port", upstreamtest.WrongPort(good), "SERVFAIL ra ede=22"},
	{"truncated for ever", upstreamtest.Truncate, "SERVFAIL ra ede=23"},
	{"64 KiB that nobody asked for", upstreamtest.Huge(64 << 10), "NOERROR ra"},
	{"garbage", upstreamtest.Garbage, "SERVFAIL ra ede=2"},
	{"an alias without a name", bare(dns.TypeCNAME), "NOERROR ra"},
	{"SERVFAIL", upstreamtest.Rcode(dns.RcodeServerFailure), "SERVFAIL ra ede=23"},
	{"REFUSED", upstreamtest.Rcode(dns.RcodeRefused), "SERVFAIL ra ede=23"},
	{"truncated, and closes TCP", upstreamtest.CloseTCP(upstreamtest.Truncate), "SERVFAIL ra ede=2"},
	{"truncated, and TCP octet by octet", upstreamtest.Drip(100*time.Millisecond, upstreamtest.Over(upstreamtest.UDP, upstreamtest.Truncate, good)), "SERVFAIL ra ede=2"},
}

// bare answers with a record without data, which the type must have.
func bare(typ uint16) upstreamtest.Behaviour {
	return upstreamtest.Edited(func(m *dns.Msg) {
		m.Answer = []dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: m.Question[0].Name, Rrtype: typ, Class: dns.ClassINET, Ttl: 60}}}
	}, good)
}

// Whatever the only upstream does: askers are told within 4 s, names of ours are answered
// as before, memory stays within its bound, and the first good answer comes within 1 s of
// the upstream's recovery.
func TestUpstreamFaults(t *testing.T) {
	for _, tt := range faults {
		t.Run(tt.name, func(t *testing.T) {
			besideOthers(t)
			up := upstreamtest.Start(t, good)
			checkFault(t, up.Addr(), tt.want, func() { up.Do(tt.do) }, func() { up.Do(good) })
		})
	}
	t.Run("dead", func(t *testing.T) {
		besideOthers(t)
		up := startDnsmasq(t, "address=/#/192.0.2.80")
		checkFault(t, up.at.String(), "SERVFAIL ra ede=2", up.kill, func() { up.restart(t) })
	})
}

// besideOthers runs a test beside others where nothing is measured.
func besideOthers(t *testing.T) {
	if !measured() {
		t.Parallel()
	}
}

// checkFault has the only upstream of a server be at fault for a while.
func checkFault(t *testing.T, upstream, want string, begin, end func()) {
	s := serve(t, "--upstream", upstream)
	registerOwn(t, s)
	expect(t, "before", ask(t, s.DNS[0], "before.example. A"), "NOERROR ra | before.example. A 192.0.2.80")
	before := new(steady.Report)
	if measured() {
		before = own(t, s, time.Now().Add(*lasting))
	}
	begin()
	var theirs told
	var both sync.WaitGroup
	until := time.Now().Add(*lasting)
	both.Go(func() { theirs = askOthers(s, until) })
	during := own(t, s, until)
	both.Wait()
	theirs.check(t, want)
	end()
	back := untilGood(t, s, theirs.last)
	t.Logf("told %s within %v; ours: p50 %v, p99 %v, lost %d of %d (before: %v, %v, %d); memory %d MB; good again after %v",
		theirs.replies(), theirs.longest.Round(time.Millisecond), during.At(.5), during.At(.99), during.Lost, during.Asked,
		before.At(.5), before.At(.99), before.Lost, peak(t, s)>>20, back.Round(time.Millisecond))
	if back > time.Second && measured() {
		t.Errorf("the first good answer came %v after the upstream's recovery", back)
	}
	if during.Lost*1000 > during.Asked || during.Wrong > 0 {
		t.Errorf("names of ours: %v", during)
	}
	if n := peak(t, s); n > maxMemory {
		t.Errorf("the server took %d octets", n)
	}
}

// told is what askers got to questions about names of others.
type told struct {
	mu      sync.Mutex // guards the following
	by      map[string]int
	longest time.Duration
	last    string // question
}

// askOthers asks a new question every now and then, and waits for all answers.
func askOthers(s *rollcall.Server, until time.Time) told {
	all := told{by: map[string]int{}}
	var wg sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(*asking))
	defer tick.Stop()
	for i := 0; time.Now().Before(until); i++ {
		all.last = fmt.Sprintf("n%d.example. A", i)
		wg.Go(func() { all.ask(s, fmt.Sprintf("n%d.example. A", i)) })
		<-tick.C
	}
	wg.Wait()
	return told{by: all.by, longest: all.longest, last: all.last}
}

func (a *told) ask(s *rollcall.Server, question string) {
	began := time.Now()
	in, err := exchange(s.DNS[0], question, 5*time.Second)
	reply := "nothing"
	if err == nil {
		reply = text(in)
		reply, _, _ = strings.Cut(reply, "n") // names differ
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.by[reply]++
	a.longest = max(a.longest, time.Since(began))
}

func (a *told) replies() string {
	var s []string
	for reply, n := range a.by {
		s = append(s, fmt.Sprintf("%d × %s", n, strings.TrimRight(reply, " |")))
	}
	slices.Sort(s)
	return strings.Join(s, ", ")
}

// busy is what is told at once to those who are too many to wait: 250 from one network.
const busy = "SERVFAIL ra ede=0 (busy)"

func (a *told) check(t *testing.T, want string) {
	t.Helper()
	for reply, n := range a.by {
		crowded := reply == busy && a.longest > 3*time.Second
		if !strings.HasPrefix(reply, want) && !crowded {
			t.Errorf("%d questions were answered %q, not %q", n, reply, want)
		}
	}
	if a.longest > 4*time.Second {
		t.Errorf("an asker waited for %v", a.longest)
	}
}

// untilGood asks again what had no answer, until there is one.
func untilGood(t *testing.T, s *rollcall.Server, question string) time.Duration {
	t.Helper()
	began, found := time.Now(), make(chan time.Duration, 1)
	var asked sync.WaitGroup
	defer asked.Wait()
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		asked.Go(func() {
			if in, err := exchange(s.DNS[0], question, 5*time.Second); err == nil && len(in.Answer) > 0 {
				select {
				case found <- time.Since(began):
				default:
				}
			}
		})
		select {
		case d := <-found:
			return d
		default:
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal("no good answer for 10 s")
		}
	}
}
