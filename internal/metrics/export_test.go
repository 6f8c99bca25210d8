package metrics

import dto "github.com/prometheus/client_model/go"

// Gather is what a scraper gets before it is spelled out.
func Gather(m *Metrics) ([]*dto.MetricFamily, error) { return m.registry.Gather() }
