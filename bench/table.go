package main

import (
	"fmt"
	"time"
)

func heading(kind string) {
	fmt.Printf("\n%s\n\n| Operation | Server | requests/s | p50 µs | p99 | p99.9 | server CPU µs | client CPU µs | allocations | bytes | RSS MB | × requests/s | × CPU | + allocations |\n", kind)
	fmt.Println("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
}

// rows prints what came of an operation. The ratios are to the first.
func rows(name string, all []*subject) {
	for _, s := range all {
		us := func(figure func(sample) time.Duration) float64 {
			return float64(median(s.samples, figure)) / float64(time.Microsecond)
		}
		fmt.Printf("| %s | %s | %.0f | %.0f | %.0f | %.0f | %.1f | %.1f |", name, s.Name, median(s.samples, perSecond),
			us(func(s sample) time.Duration { return s.p50 }), us(func(s sample) time.Duration { return s.p99 }),
			us(func(s sample) time.Duration { return s.p999 }), us(func(s sample) time.Duration { return s.server }), us(func(s sample) time.Duration { return s.client }))
		allocs := median(s.samples, func(s sample) float64 { return s.allocs })
		fmt.Printf(" %.1f | %.0f | %.0f |", allocs, median(s.samples, func(s sample) float64 { return s.bytes }), median(s.samples, func(s sample) float64 { return s.rss })/1e6)
		first := all[0].samples
		fmt.Printf(" %.2f | %.2f | %+.1f |\n", ratio(s.samples, first, perSecond), ratio(s.samples, first, cpu),
			allocs-median(first, func(s sample) float64 { return s.allocs }))
		name = ""
	}
}

func perSecond(s sample) float64 { return s.perSecond }
func cpu(s sample) float64       { return float64(s.server) }
