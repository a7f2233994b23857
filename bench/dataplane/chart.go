package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// The measures of the chart, in pixels.
const (
	barHeight = 22
	barGap    = 10
	barLeft   = 120
	barRight  = 60
	chartWide = 640
)

// chart draws the CPU time for each answer as bars, the least first: the median of all
// rounds, and a line from the least to the most.
func (r *results) chart() []byte {
	bars := slices.Clone(r.Servers)
	slices.SortFunc(bars, func(a, b *result) int { return cmp.Compare(a.median(cpu), b.median(cpu)) })
	most := 0.0
	for _, s := range bars {
		for _, m := range s.Rounds {
			most = max(most, cpu(m))
		}
	}
	at := func(v float64) float64 { return barLeft + v/most*(chartWide-barLeft-barRight) }
	var b bytes.Buffer
	high := 40 + len(bars)*(barHeight+barGap)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="13">`+"\n", chartWide, high)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="10" y="22">CPU time of the server for each answer, microseconds</text>`+"\n")
	for i, s := range bars {
		y := 36 + i*(barHeight+barGap)
		fill := "#9bb0c4"
		if s.Name == "rollcall" {
			fill = "#2563a8"
		}
		least, top := cpu(s.Rounds[0]), cpu(s.Rounds[0])
		for _, m := range s.Rounds {
			least, top = min(least, cpu(m)), max(top, cpu(m))
		}
		mid := y + barHeight/2
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, barLeft-8, mid+5, s.Name)
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, barLeft, y, at(s.median(cpu))-barLeft, barHeight, fill)
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="black"/>`, at(least), mid, at(top), mid)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d">%.2f</text>`+"\n", at(top)+6, mid+5, s.median(cpu))
	}
	fmt.Fprintln(&b, "</svg>")
	return b.Bytes()
}
