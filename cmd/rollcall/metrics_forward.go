package main

import (
	"github.com/rollcall-dns/rollcall/admin"
	"github.com/rollcall-dns/rollcall/dnsserver/forward"
	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
)

// forwarded is what was asked of other name servers; without any nothing.
func (s *server) forwarded() forward.Stats {
	if s.resolver == nil {
		return forward.Stats{}
	}
	return s.resolver.forward.Stats()
}

// exchanged is what was seen of each name server, whatever it is asked for.
func (s *server) exchanged() map[upstream.Addr]upstream.Stats {
	if s.resolver == nil {
		return nil
	}
	return s.resolver.client.Stats()
}

var exchangeMetrics = []admin.Metric[map[upstream.Addr]upstream.Stats]{{
	Name: "rollcall_upstream_mismatches_total", Kind: admin.Counter, Labels: []string{"server"},
	Help: "Messages from the name server's address that were no reply to what was asked: forged, or of a broken server.",
	Samples: func(s map[upstream.Addr]upstream.Stats, emit func(float64, ...string)) {
		for a, st := range s {
			emit(float64(st.Mismatches), a.String())
		}
	},
}, {
	Name: "rollcall_upstream_stream_queries_total", Kind: admin.Counter, Labels: []string{"server", "over"},
	Help: "Queries that the name server was sent over TCP, because a datagram was not enough or not safe, or over TLS.",
	Samples: func(s map[upstream.Addr]upstream.Stats, emit func(float64, ...string)) {
		for a, st := range s {
			emit(float64(st.TCP), a.String(), "tcp")
			emit(float64(st.TLS), a.String(), "tls")
		}
	},
}}

var forwardMetrics = []admin.Metric[forward.Stats]{{
	Name: "rollcall_forward_questions_total", Kind: admin.Counter, Labels: []string{"result"},
	Help: "Questions that other name servers were to answer, by what became of them: answered, failed, turned down because too many were under way (busy), joined to an equal one, or failed a moment ago (remembered).",
	Samples: func(s forward.Stats, emit func(float64, ...string)) {
		emit(float64(s.Answered), "answered")
		emit(float64(s.Failed), "failed")
		emit(float64(s.Busy), "busy")
		emit(float64(s.Coalesced), "joined")
		emit(float64(s.Remembered), "remembered")
	},
}, {
	Name: "rollcall_forward_blocked_total", Kind: admin.Counter,
	Help:    "Answers of other name servers from which private addresses were removed (--rebind-protection).",
	Samples: func(s forward.Stats, emit func(float64, ...string)) { emit(float64(s.Blocked)) },
}, {
	Name: "rollcall_upstream_up", Kind: admin.Gauge, Labels: []string{"domain", "server"},
	Help:    "1 while the name server answers, as far as is known, else 0.",
	Samples: perUpstream(func(u forward.UpstreamStats) float64 { return oneIf(u.Up) }),
}, {
	Name: "rollcall_upstream_loop", Kind: admin.Gauge, Labels: []string{"domain", "server"},
	Help:    "1 while the name server leads back to this one, and is not asked, else 0.",
	Samples: perUpstream(func(u forward.UpstreamStats) float64 { return oneIf(u.Loop) }),
}, {
	Name: "rollcall_upstream_rtt_seconds", Kind: admin.Gauge, Labels: []string{"domain", "server"},
	Help:    "Time that answers of the name server take, smoothed; 0 before the first.",
	Samples: perUpstream(func(u forward.UpstreamStats) float64 { return u.RTT.Seconds() }),
}, {
	Name: "rollcall_upstream_queries_under_way", Kind: admin.Gauge, Labels: []string{"domain", "server"},
	Help:    "Queries to the name server that are not answered yet.",
	Samples: perUpstream(func(u forward.UpstreamStats) float64 { return float64(u.UnderWay) }),
}, {
	Name: "rollcall_upstream_queries_total", Kind: admin.Counter, Labels: []string{"domain", "server", "result"},
	Help: "Queries to the name server: answered, failed, or overdue where another's answer came first.",
	Samples: func(s forward.Stats, emit func(float64, ...string)) {
		for _, u := range s.Upstreams {
			emit(float64(u.Answered), u.Domain.String(), u.Addr.String(), "answered")
			emit(float64(u.Failed), u.Domain.String(), u.Addr.String(), "failed")
			emit(float64(u.Overdue), u.Domain.String(), u.Addr.String(), "overdue")
		}
	},
}}

func perUpstream(value func(forward.UpstreamStats) float64) func(forward.Stats, func(float64, ...string)) {
	return func(s forward.Stats, emit func(float64, ...string)) {
		for _, u := range s.Upstreams {
			emit(value(u), u.Domain.String(), u.Addr.String())
		}
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
