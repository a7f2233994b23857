package zonemap

import "runtime/metrics"

// gcSeconds is the CPU time that the garbage collector has used so far.
func gcSeconds() float64 {
	s := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(s)
	return s[0].Value.Float64()
}
