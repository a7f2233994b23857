package admin

import (
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A Metric is one number, or one for each combination of values of its labels, that
// is taken from the statistics S of a part of the program.
type Metric[S any] struct {
	// Name follows the conventions of Prometheus: "rollcall_", then the part; base units
	// at the end, and "_total" behind those of a Counter.
	Name   string
	Help   string
	Kind   Kind
	Labels []string
	// Samples emits each number, with one value for each label.
	Samples func(s S, emit func(value float64, labels ...string))
}

// Kind is whether a metric only grows.
type Kind = prometheus.ValueType

// The kinds of metrics.
const (
	Counter = prometheus.CounterValue
	Gauge   = prometheus.GaugeValue
)

// A Part is a part of the program with the metrics that are made of its statistics.
type Part interface{ prometheus.Collector }

// PartOf reads the statistics of a part once for each scrape. Nothing is counted
// here: the part counts what it does. Read is called by several goroutines at once.
func PartOf[S any](read func() S, metrics []Metric[S]) Part {
	p := &part[S]{read: read, metrics: metrics}
	for _, m := range metrics {
		p.descs = append(p.descs, prometheus.NewDesc(m.Name, m.Help, m.Labels, nil))
	}
	return p
}

// Value is for the Samples of a metric without labels.
func Value[S any, V int | uint32 | uint64 | float64](of func(S) V) func(S, func(float64, ...string)) {
	return func(s S, emit func(float64, ...string)) { emit(float64(of(s))) }
}

type part[S any] struct {
	read    func() S
	metrics []Metric[S]
	descs   []*prometheus.Desc // one for each metric
}

// Describe implements prometheus.Collector.
func (p *part[S]) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range p.descs {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (p *part[S]) Collect(to chan<- prometheus.Metric) {
	s := p.read()
	for i, m := range p.metrics {
		m.Samples(s, func(value float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(p.descs[i], m.Kind, value, labels...)
		})
	}
}

// maxScrapes bounds the scrapes at the same time: there are seldom more than two
// servers that watch one.
const maxScrapes = 4

// metrics serves those of some parts, of the zone and its sources, and of the Go
// runtime and the process. It panics when two have one name: that is a mistake of the
// program.
func (o *Options) metrics() http.Handler {
	all := prometheus.NewRegistry()
	all.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, p := range slices.Concat(o.own(), o.Parts) {
		all.MustRegister(p)
	}
	return promhttp.HandlerFor(all, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes})
}
