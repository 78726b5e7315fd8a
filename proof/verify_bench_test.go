package proof_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/evident/proof"
)

// BenchmarkVerifyPack verifies a pack of headers alone, and one of whole records
// of about 1.1 KB.
func BenchmarkVerifyPack(b *testing.B) {
	run := func(name string, n int, filter obj, how disclose) {
		p := goodPlan()
		usual := p.records[5]
		usual.detail = `{"pad":"` + strings.Repeat("x", 300) + `","tags":["a","b"],"a":1,"b":2,"c":3,"d":{"e":true,"f":null,"g":{}},"h":"","i":"","j":"","k":"","l":"","m":"","n":""}`
		p.records, p.seals, p.filter, p.records2 = nil, nil, filter, map[int]disclose{}
		for i := range n {
			r := usual
			r.id = fmt.Sprint("e", i)
			r.source = fmt.Sprint("okta/tenant", i%9)
			r.at = stamp(usual.at).Add(time.Duration(i) * time.Second).Format(time.RFC3339Nano)
			p.records = append(p.records, r)
			p.records2[i] = how
		}
		_, zip := p.build(b)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := proof.VerifyPack(asZip(zip), "pack.zip", nil, io.Discard); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
	is := func(field, value string) obj {
		return obj{"text", "", "expr", obj{"op", "is", "fields", []string{field}, "value", value}}
	}
	run("headers", 50_000, is("action", "user.*"), hide)
	run("whole", 8_000, is("/actor/id", "u*"), whole)
	run("part", 8_000, is("/actor/id", "u*"), part)
}
