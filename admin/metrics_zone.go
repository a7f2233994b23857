package admin

import (
	"slices"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

// overview is the zone with what its sources say of themselves.
type overview struct {
	snap    *zone.Snapshot
	sources []sources.Status
	waiting bool
}

// own are the parts that this package reads itself.
func (o *Options) own() []Part {
	return []Part{PartOf(func() overview {
		v := overview{waiting: len(o.Waiting()) > 0}
		if o.Sources != nil {
			v.sources = o.Sources()
		}
		v.snap = o.Zone.Snapshot()
		return v
	}, slices.Concat(zoneMetrics, sourceMetrics))}
}

var zoneMetrics = []Metric[overview]{{
	Name: "rollcall_ready", Kind: Gauge,
	Help:    "1 when every source has reported or has had its time for it, as GET /readyz says, else 0.",
	Samples: Value(func(v overview) int { return oneIf(!v.waiting) }),
}, {
	Name: "rollcall_zone_serial", Kind: Gauge,
	Help:    "SOA serial of the zone: it grows with each change that answers could show.",
	Samples: Value(func(v overview) uint32 { return v.snap.Serial() }),
}, {
	Name: "rollcall_zone_instances", Kind: Gauge, Labels: []string{"source", "state"},
	Help: "Instances in the zone. Only those that are up are answered, unless their lease has just ended.",
	Samples: func(v overview, emit func(float64, ...string)) {
		for _, s := range v.sources {
			for st := zone.Starting; st <= zone.Down; st++ {
				emit(float64(v.snap.CountIn(s.Name, st)), s.Name, st.String())
			}
		}
	},
}, {
	Name: "rollcall_zone_static_records", Kind: Gauge, Labels: []string{"source"},
	Help:    "Static records in the zone.",
	Samples: each(func(s *sources.Status) float64 { return float64(s.Static) }),
}}

var sourceMetrics = []Metric[overview]{{
	Name: "rollcall_source_synced", Kind: Gauge, Labels: []string{"source"},
	Help:    "1 when the source has reported its complete set at least once, else 0.",
	Samples: each(func(s *sources.Status) float64 { return float64(oneIf(s.Synced)) }),
}, {
	Name: "rollcall_source_stale", Kind: Gauge, Labels: []string{"source"},
	Help:    "1 while what is known of the source was reported to a server before this one, else 0.",
	Samples: each(func(s *sources.Status) float64 { return float64(oneIf(s.Stale)) }),
}, {
	Name: "rollcall_source_failing", Kind: Gauge, Labels: []string{"source"},
	Help:    "1 when the source fails, so that what it reported before is answered, else 0.",
	Samples: each(func(s *sources.Status) float64 { return float64(oneIf(s.Err != nil)) }),
}, {
	Name: "rollcall_source_last_success_timestamp_seconds", Kind: Gauge, Labels: []string{"source"},
	Help:    "Unix time at which a change of the source was last applied; 0 when none was. A source with nothing to report may be silent and well.",
	Samples: each(func(s *sources.Status) float64 { return UnixTime(s.Success) }),
}, {
	Name: "rollcall_source_restarts_total", Kind: Counter, Labels: []string{"source"},
	Help:    "Times that the source was started again because it had failed.",
	Samples: each(func(s *sources.Status) float64 { return float64(max(s.Runs, 1) - 1) }),
}, {
	Name: "rollcall_source_rejected_objects", Kind: Gauge, Labels: []string{"source"},
	Help:    "Objects that are not in the zone, or not as they should be: GET /v1/services says which and why. Of those that the zone refused at most 1000 are counted.",
	Samples: each(func(s *sources.Status) float64 { return float64(len(s.Rejected)) }),
}}

// each is for metrics with the label "source".
func each(of func(*sources.Status) float64) func(overview, func(float64, ...string)) {
	return func(v overview, emit func(float64, ...string)) {
		for i := range v.sources {
			emit(of(&v.sources[i]), v.sources[i].Name)
		}
	}
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// UnixTime is a time as Prometheus has it, in seconds; the zero time is 0.
func UnixTime(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
