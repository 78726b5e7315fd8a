//go:build ignore

// Command records writes CloudTrail records of the demo company, one a line.
//
// It belongs to the product's module, not to the benchmark's, so that the
// latter need not follow every dependency of the former: the benchmark builds it
// from the product's folder.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"example.com/evident/demo"
)

func main() {
	n := flag.Int("n", 1000, "records")
	flag.Parse()
	if err := run(*n); err != nil {
		fmt.Fprintln(os.Stderr, "records:", err)
		os.Exit(1)
	}
}

func run(n int) error {
	w := bufio.NewWriterSize(os.Stdout, 1<<20)
	// About three of eight events of the demo are CloudTrail's.
	for source, raw := range demo.Events(1, time.Now(), n*4) {
		if n == 0 {
			break
		}
		if !strings.HasPrefix(source, "aws.cloudtrail/") {
			continue
		}
		n--
		if _, err := w.Write(append(raw, '\n')); err != nil {
			return err
		}
	}
	return w.Flush()
}
