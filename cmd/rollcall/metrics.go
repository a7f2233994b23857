package main

import (
	"runtime"
	"time"

	"github.com/rollcall-dns/rollcall/admin"
	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/dnsserver/cache"
	"github.com/rollcall-dns/rollcall/sources/health"
	"github.com/rollcall-dns/rollcall/sources/lease"
)

// parts are what GET /metrics reads beside the zone and the sources: each part of the
// program with the table of its metrics. docs/metrics.md lists them all.
func (s *server) parts() []admin.Part {
	return []admin.Part{
		admin.PartOf(buildOf, buildMetrics),
		admin.PartOf(s.dns.Stats, dnsMetrics),
		admin.PartOf(s.forwarded, forwardMetrics),
		admin.PartOf(s.exchanged, exchangeMetrics),
		admin.PartOf(s.remembered, cacheMetrics),
		admin.PartOf(s.expiry, certificateMetrics),
		admin.PartOf(s.selfreg.Leases, leaseMetrics),
		admin.PartOf(s.checks.Stats, checkMetrics),
		admin.PartOf(s.http.stats, httpMetrics),
	}
}

// build is what this program was made of.
type build struct{ version, goVersion string }

func buildOf() build { return build{version, runtime.Version()} }

var buildMetrics = []admin.Metric[build]{{
	Name: "rollcall_build_info", Kind: admin.Gauge, Labels: []string{"version", "goversion"},
	Help:    "Always 1; the labels say which program runs.",
	Samples: func(b build, emit func(float64, ...string)) { emit(1, b.version, b.goVersion) },
}}

// rcodes are the names of the codes that fit a header (RFC 6895 §2.3). No question is
// answered with YXRRSET: the code in its place is the lower half of BADCOOKIE.
var rcodes = [...]string{
	"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
	"YXDOMAIN", "BADCOOKIE", "NXRRSET", "NOTAUTH", "NOTZONE", "DSOTYPENI", "12", "13", "14", "15",
}

type dnsStats = dnsserver.Stats

var dnsMetrics = []admin.Metric[dnsStats]{{
	Name: "rollcall_dns_queries_total", Kind: admin.Counter, Labels: []string{"transport"},
	Help: "DNS messages read.",
	Samples: func(s dnsStats, emit func(float64, ...string)) {
		emit(float64(s.UDP), "udp")
		emit(float64(s.TCP), "tcp")
		emit(float64(s.TLS), "tls")
		emit(float64(s.HTTPS), "https")
	},
}, {
	Name: "rollcall_dns_replies_total", Kind: admin.Counter, Labels: []string{"rcode"},
	Help: "DNS replies by the code in their header, where BADVERS is NOERROR.",
	Samples: func(s dnsStats, emit func(float64, ...string)) {
		for i, n := range s.Rcodes {
			emit(float64(n), rcodes[i])
		}
	},
}, {
	Name: "rollcall_dns_truncated_replies_total", Kind: admin.Counter,
	Help:    "DNS replies that were cut short, so that the asker comes over TCP.",
	Samples: admin.Value(func(s dnsStats) uint64 { return s.Truncated }),
}, {
	Name: "rollcall_dns_dropped_total", Kind: admin.Counter,
	Help:    "DNS messages that were not answered: they were no queries, or too many of an asker that were turned down.",
	Samples: admin.Value(func(s dnsStats) uint64 { return s.Dropped }),
}, {
	Name: "rollcall_dns_limited_total", Kind: admin.Counter,
	Help:    "DNS replies that were not sent, or cut short, because of --response-rate.",
	Samples: admin.Value(func(s dnsStats) uint64 { return s.Limited }),
}, {
	Name: "rollcall_dns_busy_total", Kind: admin.Counter,
	Help:    "DNS queries turned down because too many were waiting for an answer that others must give.",
	Samples: admin.Value(func(s dnsStats) uint64 { return s.Busy }),
}, {
	Name: "rollcall_dns_panics_total", Kind: admin.Counter,
	Help:    "DNS queries answered with SERVFAIL because of a mistake of this program, which is in the log: please report it.",
	Samples: admin.Value(func(s dnsStats) uint64 { return s.Panics }),
}, {
	Name: "rollcall_dns_socket_errors_total", Kind: admin.Counter,
	Help:    "Reads, writes and accepts on DNS sockets that failed.",
	Samples: admin.Value(func(s dnsStats) uint64 { return s.Errors }),
}, {
	Name: "rollcall_dns_connections", Kind: admin.Gauge,
	Help:    "TCP connections for DNS that are open.",
	Samples: admin.Value(func(s dnsStats) uint64 { return s.Connections }),
}, {
	Name: "rollcall_dns_connections_refused_total", Kind: admin.Counter,
	Help:    "TCP connections for DNS that were closed at once because of a limit.",
	Samples: admin.Value(func(s dnsStats) uint64 { return s.Refused }),
}, {
	Name: "rollcall_dns_connections_evicted_total", Kind: admin.Counter,
	Help:    "Idle TCP connections for DNS that were closed to make room for others.",
	Samples: admin.Value(func(s dnsStats) uint64 { return s.Evicted }),
}, {
	Name: "rollcall_dns_tls_handshakes_total", Kind: admin.Counter, Labels: []string{"result"},
	Help: "Handshakes of DNS over TLS and over HTTPS, failed also where the asker left early.",
	Samples: func(s dnsStats, emit func(float64, ...string)) {
		emit(float64(s.Handshakes), "complete")
		emit(float64(s.NoHandshake), "failed")
	},
}, {
	Name: "rollcall_dns_bad_requests_total", Kind: admin.Counter,
	Help:    "Requests to DNS over HTTPS that had no DNS query in them.",
	Samples: admin.Value(func(s dnsStats) uint64 { return s.BadRequests }),
}}

// expiry is that of the certificate of the encrypted transports; zero where there are none.
func (s *server) expiry() time.Time {
	if s.cert == nil {
		return time.Time{}
	}
	return s.cert.Leaf().NotAfter
}

var certificateMetrics = []admin.Metric[time.Time]{{
	Name: "rollcall_dns_tls_certificate_expiry_timestamp_seconds", Kind: admin.Gauge,
	Help:    "Unix time at which the certificate of --tls-cert expires; 0 without one.",
	Samples: admin.Value(admin.UnixTime),
}}

var leaseMetrics = []admin.Metric[lease.Stats]{{
	Name: "rollcall_leases", Kind: admin.Gauge,
	Help:    "Leases of registered services that live: those granted less those expired and removed.",
	Samples: admin.Value(func(s lease.Stats) int { return s.Live }),
}, {
	Name: "rollcall_leases_granted_total", Kind: admin.Counter,
	Help:    "Leases granted to services that were not known, and to those read from --data-dir.",
	Samples: admin.Value(func(s lease.Stats) uint64 { return s.Granted }),
}, {
	Name: "rollcall_leases_renewed_total", Kind: admin.Counter,
	Help:    "Heartbeats and registrations that made a lease last longer.",
	Samples: admin.Value(func(s lease.Stats) uint64 { return s.Renewed }),
}, {
	Name: "rollcall_leases_expired_total", Kind: admin.Counter,
	Help:    "Leases that ended because nobody renewed them.",
	Samples: admin.Value(func(s lease.Stats) uint64 { return s.Expired }),
}, {
	Name: "rollcall_leases_removed_total", Kind: admin.Counter,
	Help:    "Leases that were given up before their end.",
	Samples: admin.Value(func(s lease.Stats) uint64 { return s.Removed }),
}, {
	Name: "rollcall_lease_guard_held_leases", Kind: admin.Gauge,
	Help:    "Leases that have ended and are held, because no service at all is heard, as if this server were cut off.",
	Samples: admin.Value(func(s lease.Stats) int { return s.Held }),
}, {
	Name: "rollcall_lease_guard_held_since_timestamp_seconds", Kind: admin.Gauge,
	Help:    "Unix time since which leases are held; 0 while none is.",
	Samples: admin.Value(func(s lease.Stats) float64 { return admin.UnixTime(s.HeldSince) }),
}, {
	Name: "rollcall_lease_guard_holds_total", Kind: admin.Counter,
	Help:    "Times that leases began to be held.",
	Samples: admin.Value(func(s lease.Stats) uint64 { return s.Holds }),
}}

// remembered is how the cache is doing; one that is not there does nothing.
func (s *server) remembered() cache.Stats {
	if c := s.resolver.remembers(); c != nil {
		return c.Stats()
	}
	return cache.Stats{}
}

var cacheMetrics = []admin.Metric[cache.Stats]{{
	Name: "rollcall_cache_answers", Kind: admin.Gauge,
	Help:    "Answers about names of others that are remembered, those among them that have ended.",
	Samples: admin.Value(func(s cache.Stats) int { return s.Answers }),
}, {
	Name: "rollcall_cache_bytes", Kind: admin.Gauge,
	Help:    "Memory that these take.",
	Samples: admin.Value(func(s cache.Stats) int { return s.Bytes }),
}, {
	Name: "rollcall_cache_limit_bytes", Kind: admin.Gauge,
	Help:    "Memory that they may take: --cache-size.",
	Samples: admin.Value(func(s cache.Stats) int { return s.Limit }),
}, {
	Name: "rollcall_cache_questions_total", Kind: admin.Counter, Labels: []string{"result"},
	Help: "Questions for names of others that were answered from memory, were asked of others, or were answered with what has ended (--serve-stale).",
	Samples: func(s cache.Stats, emit func(float64, ...string)) {
		emit(float64(s.Hits), "hit")
		emit(float64(s.Misses), "miss")
		emit(float64(s.Stale), "stale")
	},
}, {
	Name: "rollcall_cache_renewed_total", Kind: admin.Counter,
	Help:    "Popular answers that were asked for again before their end; each is a miss, too.",
	Samples: admin.Value(func(s cache.Stats) uint64 { return s.Renewed }),
}, {
	Name: "rollcall_cache_evicted_total", Kind: admin.Counter,
	Help:    "Answers that gave way to others because of --cache-size.",
	Samples: admin.Value(func(s cache.Stats) uint64 { return s.Evicted }),
}}

var checkMetrics = []admin.Metric[health.Stats]{{
	Name: "rollcall_check_instances", Kind: admin.Gauge,
	Help:    "Instances that are checked.",
	Samples: admin.Value(func(s health.Stats) int { return s.Checked }),
}, {
	Name: "rollcall_check_probes_running", Kind: admin.Gauge,
	Help:    "Probes that are under way.",
	Samples: admin.Value(func(s health.Stats) int { return s.UnderWay }),
}, {
	Name: "rollcall_check_probes_total", Kind: admin.Counter, Labels: []string{"result"},
	Help: "Probes that passed or failed, or were ignored because they say nothing of the instance: they could not be made, failed while this machine stood still, or the instance was gone.",
	Samples: func(s health.Stats, emit func(float64, ...string)) {
		emit(float64(s.Passed), "passed")
		emit(float64(s.Failed), "failed")
		emit(float64(s.Ignored), "ignored")
	},
}, {
	Name: "rollcall_check_probes_late_total", Kind: admin.Counter,
	Help:    "Probes that began more than a second after they were due: there are too many, or they hang.",
	Samples: admin.Value(func(s health.Stats) uint64 { return s.Late }),
}}

var httpMetrics = []admin.Metric[httpStats]{{
	Name: "rollcall_http_requests_total", Kind: admin.Counter, Labels: []string{"handler", "method", "code"},
	Help: "HTTP requests by the path that they were for, method, and code of the response.",
	Samples: func(s httpStats, emit func(float64, ...string)) {
		for k, n := range s.requests {
			emit(float64(n), k.handler, k.method, k.code)
		}
	},
}, {
	Name: "rollcall_http_connections", Kind: admin.Gauge,
	Help:    "HTTP connections that are open.",
	Samples: admin.Value(func(s httpStats) int { return s.connections }),
}}
