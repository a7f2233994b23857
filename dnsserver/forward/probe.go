package forward

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

// A probe asks a server for a name that nobody has, and that nobody can guess. When that
// name is then asked of us, the server leads back to us, maybe by way of others. And
// whoever gives no answer even to that is down.

// probeTime is how long the answer to a probe is waited for. Of what is known to be down,
// and is all that there is, the next probe is not held up by one that was lost.
const probeTime = time.Second

// The time from one probe to the next doubles: of what is down and is all that there is,
// probes find soon that it is back; of what leads back to us, that somebody has mended it.
const (
	firstBackOff = 500 * time.Millisecond
	loneBackOff  = 500 * time.Millisecond // most, where no other server answers
	mostBackOff  = 30 * time.Second
)

const probeLabel = "rollcall-probe-"

// probes are those under way. The zero value has none.
type probes struct {
	mu  sync.Mutex      // guards out
	out map[string]bool // by name, in canonical wire form: whether it came back
}

// send makes a name below a domain.
func (p *probes) send(domain zone.Name) zone.Name {
	label := probeLabel + strings.ToLower(rand.Text())
	name := string(rune(len(label))) + label + string(domain)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out == nil {
		p.out = make(map[string]bool)
	}
	p.out[name] = false
	return zone.Name(name)
}

// returned reports whether a name that is asked is that of a probe, and notes it.
func (p *probes) returned(name []byte) bool {
	if len(name) < 1+len(probeLabel) || string(name[1:1+len(probeLabel)]) != probeLabel {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.out[string(name)]
	if ok {
		p.out[string(name)] = true
	}
	return ok
}

// done forgets a probe, and reports whether it came back.
func (p *probes) done(name zone.Name) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	back := p.out[string(name)]
	delete(p.out, string(name))
	return back
}

// probe asks one server, and notes what that tells.
func (f *Forwarder) probe(ctx context.Context, s *server) {
	name := f.probes.send(s.domain)
	ask := question{name: name.String(), typ: dns.TypeA}.msg()
	wait, most := probeTime, mostBackOff
	if !f.table.Load().others(s) {
		most = loneBackOff
		if s.standing().doubtful {
			wait = loneBackOff
		}
	}
	within, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	began := time.Now()
	m, err := f.o.Client.Exchange(within, s.addr, ask)
	if err == nil {
		err = unusable(m)
	}
	loop := f.probes.done(name)
	switch {
	case ctx.Err() != nil:
	case loop:
		f.looped(s, began)
	case err != nil:
		f.missed(s, err, began, most)
	default:
		f.works(s, time.Since(began))
	}
}

// looped takes a server out that leads back to us.
func (f *Forwarder) looped(s *server, began time.Time) {
	s.mu.Lock()
	was := s.loop
	s.loop = true
	s.again(began, mostBackOff)
	s.mu.Unlock()
	if !was {
		f.log.Warn("a server leads back to us, and is not asked any more until it does not", "server", s.addr, "for", s.domain)
	}
}

// missed notes that a probe was not answered.
func (f *Forwarder) missed(s *server, err error, began time.Time, most time.Duration) {
	if s.fell(err, began, most) {
		f.log.Warn("a server does not answer, and is asked after others", "server", s.addr, "for", s.domain, "err", err)
	}
}

// fell notes that a probe was not answered, and reports whether that is news. Of a server
// that comes and goes there is news once a minute.
func (s *server) fell(err error, began time.Time, most time.Duration) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, replied := errors.AsType[rcodeError](err); replied && s.misses < enough {
		return false // there it is; what it makes of real names remains to be seen
	}
	if !s.down && time.Since(s.told) > time.Minute {
		s.told, s.loud, news = time.Now(), true, true
	}
	s.down, s.misses = true, max(s.misses, enough)
	s.again(began, most)
	return news
}

// works notes that a probe was answered, by others than us.
func (f *Forwarder) works(s *server, took time.Duration) {
	s.mu.Lock()
	was := s.loop
	s.loop = false
	s.n.UnderWay++ // ended below
	s.n.Asked++
	s.mu.Unlock()
	if was {
		f.log.Info("a server does not lead back to us any more", "server", s.addr, "for", s.domain)
	}
	f.ended(s, answered, took)
}

// again sets the time of the next probe after one that began then. The caller holds s.mu.
func (s *server) again(began time.Time, most time.Duration) {
	s.backOff = min(max(2*s.backOff, firstBackOff), most)
	s.probe = began.Add(s.backOff)
}

// ended notes how a question ended. What is back may answer what failed before.
func (f *Forwarder) ended(s *server, o outcome, took time.Duration) {
	back, news := s.end(o, took)
	if back {
		f.failures.forget()
	}
	if news {
		f.log.Info("a server answers again", "server", s.addr, "for", s.domain)
	}
}

// dueProbes gives the servers that are to be probed now, and not again until then.
func (t *table) dueProbes(now time.Time) (due []*server) {
	for s := range t.servers() {
		s.mu.Lock()
		if !s.probe.IsZero() && !now.Before(s.probe) {
			s.probe = time.Time{}
			due = append(due, s)
		}
		s.mu.Unlock()
	}
	return due
}
