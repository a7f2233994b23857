//go:build conformance

package differential

import (
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// smallWorld is a zone with one address.
func smallWorld(t *testing.T) *world {
	t.Helper()
	z := &zone{apex: domain}
	for _, line := range []string{"svc.test. 5 IN SOA ns.dns.svc.test. h.svc.test. 1 5 5 9 5", "web.svc.test. 5 IN A 10.0.0.1"} {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		z.records = append(z.records, rr)
	}
	return newWorld(t, []*zone{z}, nil)
}

// Each thing that a server could do otherwise is seen, and explained by no rule where
// no rule is meant.
func TestDifferenceInEachFieldIsSeen(t *testing.T) {
	w := smallWorld(t)
	q := &question{name: wireName(t, "web.svc.test."), typ: dns.TypeA, class: dns.ClassINET, edns: &edns{size: 1232}}
	good := func() *reply {
		return &reply{
			size: 64, flags: bitAA, question: q.wire(), answer: w.sets[setKey(q.name, q.typ)], opt: &edns{size: 1232},
		}
	}
	tests := map[field]func(*reply){
		fReply:      func(r *reply) { *r = reply{none: true} },
		fForm:       func(r *reply) { *r = reply{broken: dns.ErrBuf} },
		fOpcode:     func(r *reply) { r.opcode = 1 },
		fRcode:      func(r *reply) { r.rcode = dns.RcodeServerFailure },
		fAA:         func(r *reply) { r.flags = 0 },
		fTC:         func(r *reply) { r.flags |= bitTC },
		fRA:         func(r *reply) { r.flags |= bitRA },
		fZ:          func(r *reply) { r.flags |= bitZ },
		fAD:         func(r *reply) { r.flags |= bitAD },
		fCD:         func(r *reply) { r.flags |= bitCD },
		fQuestion:   func(r *reply) { r.question = "" },
		fAnswer:     func(r *reply) { r.answer = []string{"web.svc.test. 6 IN A 0a000001"} },
		fAuthority:  func(r *reply) { r.authority = []string{"x"} },
		fAdditional: func(r *reply) { r.additional = []string{"x"} },
		fOPT:        func(r *reply) { r.opt = nil },
		fVersion:    func(r *reply) { r.opt.version = 1 },
		fSize:       func(r *reply) { r.opt.size = 4096 },
		fEDNSFlags:  func(r *reply) { r.opt.flags = bitDO },
		fOption(3):  func(r *reply) { r.opt.options = []option{{3, "x"}} },
	}
	for f, change := range tests {
		t.Run(string(f), func(t *testing.T) {
			tab, theirs := newTable(), good()
			change(theirs)
			p := &pair{q, w, w.place(q.name), "nsd", good(), theirs}
			if got := p.differing(); !slices.Equal(got, []field{f}) {
				t.Errorf("differing in %q, want %q alone", got, f)
			}
			if tab.compare(p); len(tab.unexplained) != 1 {
				t.Errorf("%d differences without a rule, want 1; explained: %v", len(tab.unexplained), tab.explained)
			}
		})
	}
}

func TestWhatIsLeftOfACutAnswerIsPartOfTheZone(t *testing.T) {
	w := smallWorld(t)
	q := &question{name: wireName(t, "web.svc.test."), typ: dns.TypeA}
	cut := &reply{flags: bitTC, answer: []string{"web.svc.test. 5 IN A 0a000001"}}
	if got := (&pair{q, w, owner, "nsd", cut, cut}).differing(); len(got) > 0 {
		t.Errorf("differing in %q, want nothing", got)
	}
	foreign := &reply{flags: bitTC, answer: []string{"web.svc.test. 5 IN A 0a000002"}}
	if got := (&pair{q, w, owner, "nsd", foreign, cut}).differing(); !slices.Equal(got, []field{fAnswer}) {
		t.Errorf("differing in %q, want the answer, which no zone has", got)
	}
}
