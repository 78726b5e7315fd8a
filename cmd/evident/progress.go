package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// progress shows on one line of a terminal how far long work has come. Where
// there is no terminal it shows nothing. A nil progress does nothing.
type progress struct {
	w     io.Writer
	what  string
	start time.Time

	mu    sync.Mutex
	last  time.Time
	shown bool
}

// progress returns what shows the work called what on stderr.
func (g *global) progress(what string) *progress {
	if !isTerminal(g.err) {
		return nil
	}
	return &progress{w: g.err, what: what, start: time.Now()}
}

// set shows that done of total is done, if the last time is long enough ago to
// be worth a person's while. note stands behind it. A total of 0 is unknown.
func (p *progress) set(done, total uint64, note string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.last) < 100*time.Millisecond || now.Sub(p.start) < 300*time.Millisecond {
		return
	}
	p.last, p.shown = now, true
	line := bar(p.what, done, total, now.Sub(p.start), note)
	fmt.Fprintf(p.w, "\r\x1b[K%s", cut(visible(line), widthOf(p.w)-1))
}

// end takes the line away.
func (p *progress) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.shown, p.last = false, time.Now().Add(time.Hour) // nothing more is shown
}

// bar draws one line: the name, how much of it, how long it will take yet.
func bar(what string, done, total uint64, took time.Duration, note string) string {
	const cells = 24
	if total == 0 {
		return strings.TrimRight(fmt.Sprintf("%s  %s  %s", what, thousands(done), note), " ")
	}
	part := min(1, float64(done)/float64(total))
	full := int(part * cells)
	left := ""
	if part > 0.01 && took > 2*time.Second && part < 1 {
		left = fmt.Sprintf("  %s left", time.Duration(float64(took)*(1-part)/part).Round(time.Second))
	}
	line := fmt.Sprintf("%s  %s%s %3.0f%%  %s", what, strings.Repeat("█", full), strings.Repeat("░", cells-full), 100*part, note)
	return strings.TrimRight(line, " ") + left
}

// thousands writes n with commas, for people.
func thousands(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count writes n and the noun in its number: 1 event, 2 events.
func count(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
}

// spin shows note and how long it has taken, until the function that it returns
// is called: for work whose end nobody knows.
func (p *progress) spin(note string) (stop func()) {
	if p == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				p.set(uint64(now.Sub(p.start).Seconds()), 0, "s  "+note)
			}
		}
	}()
	return func() { close(done); <-ended }
}

// hide takes the line away until the next set, so that another can be printed.
func (p *progress) hide() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
