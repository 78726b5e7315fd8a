package bucket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/evident/state"
)

// A position is what a cursor says: everything up to Key is in the trail, in
// dated streams up to Key of Day and all days before it.
type position struct {
	Day  string `json:"day,omitempty"` // 2026-03-01
	Key  string `json:"key,omitempty"`
	ETag string `json:"etag,omitempty"`
}

// streams lists what has a cursor of its own: the folders that hold years, or
// the prefix as it is.
func (k *Connector) streams(ctx context.Context) ([]string, error) {
	if !k.cfg.Dated {
		return []string{k.cfg.Prefix}, nil
	}
	var found []string
	level := []string{k.cfg.Prefix}
	for depth := 0; depth < maxDepth && len(level) > 0; depth++ {
		var next []string
		for _, folder := range level {
			below, err := k.cfg.Store.Folders(ctx, folder)
			if err != nil {
				return nil, fmt.Errorf("list folders of %q: %w", folder, err)
			}
			if slices.ContainsFunc(below, func(f string) bool { return year(folder, f) != 0 }) {
				found = append(found, folder)
				continue
			}
			next = append(next, below...)
		}
		if level = next; len(found)+len(level) > maxStreams {
			return nil, fmt.Errorf("list folders of %q: more than %d; give a longer prefix", k.cfg.Prefix, maxStreams)
		}
	}
	return found, nil
}

// year returns the year that the last part of folder, below parent, is; 0 if it
// is none.
func year(parent, folder string) int {
	name := strings.TrimSuffix(strings.TrimPrefix(folder, parent), "/")
	n, err := strconv.Atoi(name)
	if err != nil || len(name) != 4 || n < 1990 || n > 2261 {
		return 0
	}
	return n
}

// days returns the prefixes of a day in a dated stream: AWS writes 2026/03/01 for
// some services and 2026/3/1 for others.
func days(stream string, t time.Time) []string {
	padded, short := stream+t.Format("2006/01/02/"), stream+t.Format("2006/1/2/")
	if padded == short {
		return []string{padded}
	}
	return []string{padded, short}
}

// at returns where a stream stands: what the trail says, or the beginning.
func (k *Connector) at(ctx context.Context, stream string) (position, error) {
	if p, ok := k.cursors[stream]; ok {
		return p, nil
	}
	var p position
	if c, ok := k.cfg.Trail.Cursor(k.cfg.Source, stream); ok {
		if err := json.Unmarshal([]byte(c.Cursor), &p); err != nil {
			return p, fmt.Errorf("cursor of %q is none of a bucket: %w", stream, err)
		}
	} else if k.cfg.Dated {
		first := k.cfg.Begin
		if first.IsZero() {
			folders, err := k.cfg.Store.Folders(ctx, stream)
			if err != nil {
				return p, err
			}
			oldest := k.cfg.Trail.Now().UTC().Year()
			for _, f := range folders {
				if y := year(stream, f); y != 0 {
					oldest = min(oldest, y)
				}
			}
			first = time.Date(oldest, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		p.Day = first.UTC().Format(time.DateOnly)
	}
	k.cursors[stream] = p
	return p, nil
}

// forward is the first pass over a stream.
func (k *Connector) forward(ctx context.Context, stream string, now time.Time) error {
	p, err := k.at(ctx, stream)
	if err != nil {
		return err
	}
	if !k.cfg.Dated {
		return k.walk(ctx, stream, stream, p)
	}
	day, err := time.Parse(time.DateOnly, p.Day)
	if err != nil {
		return fmt.Errorf("cursor of %q: %w", stream, err)
	}
	for ; !day.After(now); day = day.AddDate(0, 0, 1) {
		if name := day.Format(time.DateOnly); name != p.Day {
			p = position{Day: name}
		}
		for _, prefix := range days(stream, day) {
			from := p
			if !strings.HasPrefix(p.Key, prefix) {
				from.Key, from.ETag = "", ""
			}
			if err := k.walk(ctx, stream, prefix, from); err != nil {
				return err
			}
		}
		// A day without objects is not recorded, and not listed again.
		if reached := k.cursors[stream]; reached.Day != p.Day && day.Before(now.AddDate(0, 0, -1)) {
			k.cursors[stream] = position{Day: p.Day}
		}
	}
	return nil
}

// walk reads the objects below prefix, from a position on, and moves the cursor
// of stream behind each group that is in the trail.
func (k *Connector) walk(ctx context.Context, stream, prefix string, from position) error {
	group := make([]Object, 0, groupObjects)
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		if _, err := k.deliver(ctx, group); err != nil {
			return err
		}
		last := group[len(group)-1]
		group = group[:0]
		return k.move(ctx, stream, position{Day: from.Day, Key: last.Key, ETag: last.ETag})
	}
	for o, err := range k.cfg.Store.List(ctx, prefix, from.Key) {
		if err != nil {
			return errors.Join(flush(), fmt.Errorf("list %q: %w", prefix, err))
		}
		if !k.wanted(o) {
			continue
		}
		if group = append(group, o); len(group) == groupObjects {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// wanted leaves out the markers of folders that some tools make.
func (k *Connector) wanted(o Object) bool {
	return !strings.HasSuffix(o.Key, "/") && k.cfg.Match(o.Key)
}

// move records that everything up to p is in the trail.
func (k *Connector) move(ctx context.Context, stream string, p position) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := k.cfg.Trail.Record(ctx, state.NewCursorMove(actor, k.cfg.Source, stream, string(b))); err != nil {
		return fmt.Errorf("move cursor: %w", err)
	}
	k.cursors[stream] = p
	k.note(func(s *Status) { s.LastKey = p.Key })
	return nil
}

// again is the second pass over a stream: objects of the recent past that were
// not read yet, by this process at least. It moves no cursor.
func (k *Connector) again(ctx context.Context, stream string, now time.Time) error {
	since := now.Add(-k.cfg.Lag)
	prefixes := []string{stream}
	if k.cfg.Dated {
		prefixes = nil
		begin := max(since.Unix(), k.cfg.Begin.Unix())
		for day := time.Unix(begin, 0).UTC().Truncate(24 * time.Hour); !day.After(now); day = day.AddDate(0, 0, 1) {
			prefixes = append(prefixes, days(stream, day)...)
		}
	}
	group := make([]Object, 0, groupObjects)
	for _, prefix := range prefixes {
		for o, err := range k.cfg.Store.List(ctx, prefix, "") {
			if err != nil {
				return fmt.Errorf("list %q: %w", prefix, err)
			}
			if !k.wanted(o) || o.Modified.Before(since) || k.known(o) {
				continue
			}
			if group = append(group, o); len(group) == groupObjects {
				if err := k.late(ctx, stream, group); err != nil {
					return err
				}
				group = group[:0]
			}
		}
	}
	return k.late(ctx, stream, group)
}

// late reads objects that the first pass did not see, and records what was new.
func (k *Connector) late(ctx context.Context, stream string, group []Object) error {
	fresh, err := k.deliver(ctx, group)
	if err != nil || fresh == 0 {
		return err
	}
	k.note(func(s *Status) { s.Late += fresh })
	return k.cfg.Trail.Record(ctx, state.NewSourceNote(actor, state.ActionSourceLate, "", state.SourceNoted{
		Source: k.cfg.Source, Stream: stream, Events: fresh, Object: group[0].Key,
	}))
}

// hash stands for an object, as it is now, in what was seen.
func (k *Connector) hash(o Object) uint64 { return maphash.String(k.seed, o.ETag+"\n"+o.Key) }

// known reports whether this object, as it is now, was read by this process.
func (k *Connector) known(o Object) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.seen[k.hash(o)]
	return ok
}

// remember notes that an object was read. One that is not remembered is read
// again by the second pass, and its events are duplicates.
func (k *Connector) remember(o Object) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.tried, o.Key)
	if len(k.seen) < maxSeen {
		k.seen[k.hash(o)] = k.cfg.Trail.Now()
	}
}

// forget drops what the second pass does not look at any more.
func (k *Connector) forget(before time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for h, at := range k.seen {
		if at.Before(before) {
			delete(k.seen, h)
		}
	}
}
