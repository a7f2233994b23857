package upstreamtest

import (
	"encoding/binary"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Behaviour deals with one query. It may send no message, one, or many.
type Behaviour func(q *Query)

// Answers answers with those records, in the form of a master file, that are owned by
// the name that is asked and of the type that is asked; an alias is followed. For names
// that own nothing it is NXDOMAIN, with an SOA record of the root.
func Answers(records ...string) Behaviour {
	return func(q *Query) { q.Reply(Answer(q.Msg, records...)) }
}

// Answer is the reply that Answers sends.
func Answer(query *dns.Msg, records ...string) *dns.Msg {
	m := reply(query)
	asked := query.Question[0]
	name, found := asked.Name, false
	for _, rr := range RRs(records...) {
		h := rr.Header()
		if !strings.EqualFold(h.Name, name) {
			continue
		}
		found = true
		alias, isAlias := rr.(*dns.CNAME)
		if h.Rrtype == asked.Qtype || isAlias {
			m.Answer = append(m.Answer, rr)
		}
		if isAlias {
			name = alias.Target
		}
	}
	if len(m.Answer) == 0 {
		m.Ns = RRs(". 30 IN SOA a.root.test. admin.root.test. 1 1800 900 604800 30")
	}
	if !found {
		m.Rcode = dns.RcodeNameError
	}
	return m
}

// RRs reads records in the form of a master file. It panics where they are wrong.
func RRs(records ...string) (rrs []dns.RR) {
	for _, s := range records {
		rr, err := dns.NewRR(s)
		if err != nil {
			panic(err)
		}
		rrs = append(rrs, rr)
	}
	return rrs
}

// reply is one without records, with EDNS where the query has it.
func reply(query *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(query)
	m.RecursionAvailable = true
	if query.IsEdns0() != nil {
		m.SetEdns0(1232, query.IsEdns0().Do())
	}
	return m
}

// Drop answers nothing.
func Drop(*Query) {}

// Delay waits before it goes on with next.
func Delay(d time.Duration, next Behaviour) Behaviour {
	return func(q *Query) {
		if q.Wait(d) {
			next(q)
		}
	}
}

// Rcode answers with a code and no records.
func Rcode(rcode int) Behaviour {
	return Edited(func(m *dns.Msg) { m.Rcode = rcode }, func(q *Query) { q.Reply(reply(q.Msg)) })
}

// Edited changes the replies of next: as messages.
func Edited(edit func(*dns.Msg), next Behaviour) Behaviour {
	return EditedWire(func(wire []byte) []byte {
		m := new(dns.Msg)
		if err := m.Unpack(wire); err != nil {
			panic(err)
		}
		edit(m)
		wire, err := m.Pack()
		if err != nil {
			panic(err)
		}
		return wire
	}, next)
}

// EditedWire changes the replies of next: as octets. None are sent for nil.
func EditedWire(edit func([]byte) []byte, next Behaviour) Behaviour {
	return func(q *Query) {
		send, edited := q.send, *q
		edited.send = func(wire []byte) {
			if wire = edit(wire); wire != nil {
				send(wire)
			}
		}
		next(&edited)
	}
}

// Cookie sends the replies of next with a COOKIE option, of what make makes of the one that
// came: both in hexadecimal, none is "". What is BADCOOKIE has no records.
func Cookie(make func(sent string) (back string, rcode int), next Behaviour) Behaviour {
	return func(q *Query) {
		sent := ""
		if opt := q.Msg.IsEdns0(); opt != nil {
			for _, o := range opt.Option {
				if c, ok := o.(*dns.EDNS0_COOKIE); ok {
					sent = c.Cookie
				}
			}
		}
		back, rcode := make(sent)
		Edited(func(m *dns.Msg) {
			if opt := m.IsEdns0(); opt != nil && back != "" {
				opt.Option = append(opt.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: back})
			}
			if rcode != dns.RcodeSuccess {
				m.Rcode, m.Answer, m.Ns = rcode, nil, nil
			}
		}, next)(q)
	}
}

// WrongID sends the replies of next with another identity.
func WrongID(next Behaviour) Behaviour { return Edited(func(m *dns.Msg) { m.Id++ }, next) }

// WrongQuestion sends the replies of next as if another name had been asked.
func WrongQuestion(next Behaviour) Behaviour {
	return Edited(func(m *dns.Msg) { m.Question[0].Name = "other.test." }, next)
}

// FoldCase sends the replies of next with the question in lower case.
func FoldCase(next Behaviour) Behaviour {
	return Edited(func(m *dns.Msg) { m.Question[0].Name = strings.ToLower(m.Question[0].Name) }, next)
}

// Truncate sends replies without records that say there are some, over every transport.
func Truncate(q *Query) {
	m := reply(q.Msg)
	m.Truncated = true
	q.Reply(m)
}

// WrongPort sends the replies of next over UDP from another port of the same address.
func WrongPort(next Behaviour) Behaviour {
	return func(q *Query) {
		if q.Over != UDP {
			next(q)
			return
		}
		c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(q.From))
		if err != nil {
			q.Server.t.Errorf("wrong port: %v", err)
			return
		}
		defer c.Close()
		elsewhere := *q
		elsewhere.send = func(wire []byte) { c.Write(wire) }
		next(&elsewhere)
	}
}

// Huge answers with so many octets of TXT records, which is cut to what the transport
// carries.
func Huge(octets int) Behaviour {
	return func(q *Query) {
		m := reply(q.Msg)
		m.Compress = true
		for len(m.Answer)*264 < octets {
			m.Answer = append(m.Answer, &dns.TXT{
				Hdr: dns.RR_Header{Name: q.Msg.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 1},
				Txt: []string{strings.Repeat("x", 250)},
			})
		}
		wire, err := m.Pack()
		if err != nil {
			q.Server.t.Errorf("huge: %v", err)
			return
		}
		limit := 1<<16 - 1
		if q.Over == UDP {
			limit = 65_507 // what IPv4 leaves of it
		}
		q.Send(wire[:min(len(wire), limit)])
	}
}

// Garbage sends octets that are no message, but have the identity of the query.
func Garbage(q *Query) {
	wire := slices.Repeat([]byte{0xff, 0xc0, 0x0c}, 100)
	binary.BigEndian.PutUint16(wire, q.Msg.Id)
	q.Send(wire)
}

// CloseTCP closes the connection instead of answering. Over UDP it goes on with next.
func CloseTCP(next Behaviour) Behaviour {
	return func(q *Query) {
		if q.Conn != nil {
			q.Conn.Close()
			return
		}
		next(q)
	}
}

// Drip sends the replies of next over TCP octet by octet, with a pause before each.
func Drip(pause time.Duration, next Behaviour) Behaviour {
	return func(q *Query) {
		if q.Conn == nil {
			next(q)
			return
		}
		slow := *q
		slow.send = func(wire []byte) {
			for _, b := range append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...) {
				if _, err := q.Conn.Write([]byte{b}); err != nil || !q.Wait(pause) {
					return
				}
			}
		}
		next(&slow)
	}
}

// Over goes on with next for one transport, and with others for the rest.
func Over(t Transport, next, others Behaviour) Behaviour {
	return func(q *Query) {
		if q.Over == t {
			next(q)
		} else {
			others(q)
		}
	}
}

// Twice deals with each query as first says, and then as second does.
func Twice(first, second Behaviour) Behaviour {
	return func(q *Query) {
		first(q)
		second(q)
	}
}
