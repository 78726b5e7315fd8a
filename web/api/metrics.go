package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/evident/intake"
)

// metrics are what /metrics shows. No label holds what a sender chose: names of
// sources are for those who may read.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	events   *prometheus.CounterVec
	bytes    prometheus.Counter
}

func newMetrics(a *API) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "evident_http_requests_total", Help: "Requests answered, by route and status."}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "evident_http_request_seconds", Help: "Time until a request was answered, by route.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60},
		}, []string{"route"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "evident_intake_events_total", Help: "Events that came in, by what became of them. Unmapped ones are accepted, too."}, []string{"result"}),
		bytes:  prometheus.NewCounter(prometheus.CounterOpts{Name: "evident_intake_bytes_total", Help: "Bytes of events that came in, after decompression."}),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	m.registry.MustRegister(m.requests, m.seconds, m.events, m.bytes,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		gauge("evident_trail_records", "Records that are durable.", func() float64 { return float64(a.trail.Size()) }),
		gauge("evident_trail_signed_records", "Records that the last checkpoint covers.", func() float64 {
			_, c := a.trail.Checkpoint()
			return float64(c.Size)
		}),
		gauge("evident_trail_segments", "Segments that are sealed.", func() float64 { return float64(len(a.trail.Manifests())) }),
		gauge("evident_trail_failed", "1 when the trail takes no more records until it is opened again.", func() float64 {
			if a.trail.Failed() != nil {
				return 1
			}
			return 0
		}),
		gauge("evident_index_records", "Records that search has taken in.", func() float64 { return float64(a.index.Size()) }),
	)
	m.registry.MustRegister(redactions{a})
	return m
}

// redactions are the counts of the policy that masks, by rule. Rules are named by
// whoever runs the server.
type redactions struct{ api *API }

var redactedTotal = prometheus.NewDesc("evident_redacted_values_total", "Values that were masked or tokenised, by rule.", []string{"rule"}, nil)

func (r redactions) Describe(to chan<- *prometheus.Desc) { to <- redactedTotal }

func (r redactions) Collect(to chan<- prometheus.Metric) {
	if r.api.redacted == nil {
		return
	}
	byRule := map[string]uint64{}
	for _, c := range r.api.redacted() {
		byRule[c.Rule] += c.N
	}
	for rule, n := range byRule {
		to <- prometheus.MustNewConstMetric(redactedTotal, prometheus.CounterValue, float64(n), rule)
	}
}

func (m *metrics) answered(route, method string, code int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete:
	default:
		method = "other" // a label for each that somebody makes up would never end
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(code)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

func (m *metrics) took(bytes int, a *intake.Answer) {
	m.count(bytes, a.Accepted, a.Duplicates, a.Unmapped, len(a.Refused))
}

func (m *metrics) count(bytes, accepted, duplicates, unmapped, refused int) {
	m.bytes.Add(float64(bytes))
	for _, r := range []struct {
		result string
		n      int
	}{{"accepted", accepted}, {"duplicate", duplicates}, {"refused", refused}, {"unmapped", unmapped}} {
		if r.n > 0 {
			m.events.WithLabelValues(r.result).Add(float64(r.n))
		}
	}
}

// metricsGet serves GET /metrics.
func (a *API) metricsGet() http.Handler {
	return promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{})
}
