package selfreg_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/sources/lease"
	"github.com/rollcall-dns/rollcall/sources/selfreg"
	"github.com/rollcall-dns/rollcall/zone"
)

// heap is how much of it is in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What a restart costs before anything is answered: 100,000 registrations are
// read, checked and granted a lease, and then published.
func BenchmarkLoad(b *testing.B) {
	b.Run("services of 3", func(b *testing.B) {
		load(b, func(i int) (key, body string) {
			return fmt.Sprintf("s%d/i%d", i/3, i%3), fmt.Sprintf(`{"addresses":["10.%d.%d.%d"],"ports":[{"number":80}],"lease":"1h"}`, i>>16, i>>8&255, i&255)
		})
	})
	b.Run("services of 100, with tags and metadata", func(b *testing.B) {
		load(b, func(i int) (key, body string) {
			return fmt.Sprintf("web-%d/instance-%d", i%1000, i), fmt.Sprintf(`{"addresses":["10.%d.%d.%d"],`+
				`"ports":[{"name":"http","number":8080}],"lease":"30s","ttl":"5s","priority":10,"weight":11,`+
				`"tags":["v2"],"meta":{"version":"2.1"}}`, i>>16, i>>8&255, i&255)
		})
	})
}

func load(b *testing.B, registration func(i int) (key, body string)) {
	const n = 100_000
	dir := b.TempDir()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	j, _, err := lease.OpenJournal(dir, quiet)
	if err != nil {
		b.Fatal(err)
	}
	records := make([]lease.Record, n)
	for i := range records {
		key, body := registration(i)
		records[i] = lease.Record{ID: key, Data: selfreg.RecordOf(key, body)}
	}
	if err := j.Write(records, nil); err != nil {
		b.Fatal(err)
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	records = nil
	b.ReportAllocs()
	b.ResetTimer()
	read := time.Duration(0)
	var kept, alone uint64 // in all, and without the zone
	for b.Loop() {
		b.StopTimer()
		before := heap()
		b.StartTimer()
		began := time.Now()
		z, err := zone.New(zone.Options{Domains: []zone.Name{zone.MustParseName("svc.test")}})
		if err != nil {
			b.Fatal(err)
		}
		s, err := selfreg.New(selfreg.Options{Zone: z, Now: func() int64 { return 0 }, DataDir: dir, Logger: quiet})
		if err != nil {
			b.Fatal(err)
		}
		read += time.Since(began)
		b.StopTimer()
		alone = heap() - before
		b.StartTimer()
		ctx, cancel := context.WithCancel(b.Context())
		err = s.Run(ctx, sinkFunc(func(ctx context.Context, c zone.Change) (zone.Result, error) {
			if c.Kind == zone.SyncEnd {
				defer cancel()
			}
			c.Source = selfreg.Name
			return sources.Into(z).Send(ctx, c)
		}))
		b.StopTimer()
		kept = heap() - before
		b.StartTimer()
		if err := errors.Join(err, s.Close()); err != nil || z.Snapshot().Len() != n {
			b.Fatal(err, z.Snapshot().Len())
		}
	}
	b.ReportMetric(float64(kept)/n, "kept-B")
	b.ReportMetric(float64(alone)/n, "registration-B")
	b.ReportMetric(float64(read.Nanoseconds())/float64(b.N)/n, "ns/read")
	b.ReportMetric(float64((b.Elapsed()-read).Nanoseconds())/float64(b.N)/n, "ns/publish")
}
