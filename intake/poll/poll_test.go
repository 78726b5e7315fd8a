package poll_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/poll"
	"example.com/evident/source"
	"example.com/evident/state"
)

// kind has pages of {"events":[{"id","at"}]}; the cursor is a time or a number,
// and the next one stands in a header, as with Okta and GitHub.
var kind = source.Kind{
	Name:  "paged",
	Split: source.JSON("events"),
	Map: func(raw []byte, _ time.Time) (event.Event, error) {
		at, ok := source.Time(source.MemberText(raw, "at"))
		if !ok {
			return event.Event{}, errors.New("no time")
		}
		return event.Event{
			ID: source.MemberText(raw, "id"), OccurredAt: at, Actor: event.Actor{Type: event.User, ID: "ana"},
			Action: "x.y", Category: event.Data, Outcome: event.Success, Raw: raw,
		}, nil
	},
	Pull: &source.Pull{
		From:  func(t time.Time) string { return "since:" + t.UTC().Format(time.RFC3339) },
		Every: time.Minute, Lag: time.Hour,
		Page: func(ctx context.Context, api *source.API, cursor string) (source.Page, error) {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, api.Base+"/logs?after="+cursor, nil)
			if err != nil {
				return source.Page{}, err
			}
			resp, err := api.Do(r)
			if err != nil {
				return source.Page{}, err
			}
			if resp.Header.Get("X-Strict") != "" && !json.Valid(resp.Body) {
				return source.Page{}, errors.New("no token in the answer")
			}
			next := resp.Header.Get("X-Next")
			return source.Page{Delivery: resp.Body, Next: next, More: resp.Header.Get("X-More") == "yes"}, nil
		},
	},
}

// system is a source with an API, and a trail that remembers what it was given.
type system struct {
	t *testing.T
	// answer is what the API says to the nth request, from 1.
	answer func(n int, cursor string, r *http.Request) *http.Response

	mu      sync.Mutex
	asked   []string
	at      []time.Time
	events  map[string]time.Time
	kept    [][]byte
	acts    []state.Act
	cursors state.State
	refuse  error // of Take
}

func (s *system) RoundTrip(r *http.Request) (*http.Response, error) {
	cursor := r.URL.Query().Get("after")
	s.mu.Lock()
	s.asked, s.at = append(s.asked, cursor), append(s.at, time.Now())
	n := len(s.asked)
	s.mu.Unlock()
	resp := s.answer(n, cursor, r)
	if resp == nil {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return resp, nil
}

// page is an answer; more says that next is there now.
func page(next string, more bool, body string) *http.Response {
	h := http.Header{"X-Next": {next}}
	if more {
		h.Set("X-More", "yes")
	}
	return &http.Response{StatusCode: 200, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func status(code int, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader("no"))}
}

func events(ids ...string) string {
	var b bytes.Buffer
	for _, id := range ids {
		name, minute, _ := strings.Cut(id, "@")
		m, _ := strconv.Atoi(minute)
		at := start.Add(time.Duration(m) * time.Minute).UTC().Format(time.RFC3339)
		fmt.Fprintf(&b, `,{"id":%q,"at":%q}`, name, at)
	}
	return `{"events":[` + strings.TrimPrefix(b.String(), ",") + `]}`
}

// start is the time in every bubble.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *system) Take(_ context.Context, d *intake.Delivery, a *intake.Answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	if d.Raws == nil {
		s.kept = append(s.kept, bytes.Clone(d.Body))
		a.Accepted++
		a.Unmapped++
		return nil
	}
	for _, raw := range d.Raws {
		e, _ := kind.Event(d.Source, nil, raw, time.Now())
		_, there := s.events[e.ID]
		if there {
			a.Duplicates++
		} else {
			a.Accepted++
			s.events[e.ID] = time.Now()
		}
		a.Receipts = append(a.Receipts, intake.Receipt{ID: e.ID, Duplicate: there})
	}
	return nil
}

func (s *system) Record(_ context.Context, a state.Act) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := a.Event(time.Now())
	if err != nil {
		return err
	}
	s.cursors, err = state.Apply(s.cursors, state.Record{Seq: s.cursors.Next, At: e.OccurredAt, Action: e.Action, Outcome: e.Outcome, Actor: e.Actor, Detail: e.Detail})
	s.acts = append(s.acts, a)
	return err
}

func (s *system) Cursor(source, stream string) (state.Cursor, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors.Cursor(source, stream)
}

func (s *system) actions() (names []string) {
	for _, a := range s.acts {
		if a.Action != state.ActionCursorMove {
			names = append(names, a.Action)
		}
	}
	return names
}

func (s *system) ids() []string { return slices.Sorted(maps.Keys(s.events)) }

// run runs a connector of s for that long, in a bubble.
func (s *system) run(d time.Duration, change ...func(*poll.Config)) poll.Status {
	s.t.Helper()
	if s.events == nil {
		s.events = map[string]time.Time{}
	}
	client, err := poll.NewClient(poll.ClientConfig{Base: "https://api.example.com", Transport: s})
	if err != nil {
		s.t.Fatal(err)
	}
	c := poll.Config{Source: "paged/acme", Kind: kind, Client: client, Begin: time.Now(), Trail: poll.Trail{Take: s.Take, Cursor: s.Cursor, Record: s.Record}}
	for _, f := range change {
		f(&c)
	}
	k, err := poll.New(c)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), d)
	defer cancel()
	k.Run(ctx)
	return k.Status()
}

func bubble(t *testing.T, f func(t *testing.T, s *system)) {
	synctest.Test(t, func(t *testing.T) { f(t, &system{t: t}) })
}

func TestPagesToTheEndAndOnAfterARestart(t *testing.T) {
	bubble(t, func(t *testing.T, s *system) {
		s.answer = func(_ int, cursor string, _ *http.Request) *http.Response {
			switch cursor {
			case "since:2000-01-01T00:00:00Z":
				return page("2", true, events("a", "b"))
			case "2":
				return page("3", true, events("c", "b")) // out of order, and again
			case "3":
				return page("4", false, events("d"))
			}
			return page(cursor, false, "")
		}
		noLag := func(c *poll.Config) { c.Lag = -1 }
		st := s.run(90*time.Second, noLag)
		if got := s.ids(); !slices.Equal(got, []string{"a", "b", "c", "d"}) || st.Duplicates != 1 || st.Accepted != 4 || st.Cursor != "4" {
			t.Errorf("%v %+v", got, st)
		}
		if !slices.Equal(s.asked, []string{"since:2000-01-01T00:00:00Z", "2", "3", "4"}) || len(s.acts) != 4 {
			t.Errorf("asked %v, %d acts", s.asked, len(s.acts))
		}
		if s.at[3].Sub(s.at[2]) != time.Minute {
			t.Errorf("asked again after %v", s.at[3].Sub(s.at[2]))
		}
		s.run(time.Second, noLag)
		if got := s.asked[len(s.asked)-1]; got != "4" {
			t.Errorf("after a restart it asked for %q", got)
		}
		if len(s.acts) != 4 {
			t.Error("a cursor that did not move was recorded")
		}
	})
}

func TestCursorStaysWhereTheTrailAcknowledged(t *testing.T) {
	bubble(t, func(t *testing.T, s *system) {
		s.answer = func(int, string, *http.Request) *http.Response { return page("2", false, events("a")) }
		s.refuse = errors.New("trail is full")
		st := s.run(10 * time.Second)
		if c, _ := s.Cursor("paged/acme", ""); c.Cursor != "since:2000-01-01T00:00:00Z" || st.Failures == 0 || !strings.Contains(st.LastError, "full") {
			t.Errorf("cursor %q, %+v", c.Cursor, st)
		}
	})
}

func TestSecondPassFindsLateEvents(t *testing.T) {
	bubble(t, func(t *testing.T, s *system) {
		time.Sleep(30 * time.Minute) // the bubble's: times of events lie in the past
		s.answer = func(_ int, cursor string, _ *http.Request) *http.Response {
			late := time.Since(start) > 50*time.Minute
			switch {
			case strings.HasPrefix(cursor, "since:2000-01-01T00:00"), strings.HasPrefix(cursor, "since:1999"):
				if late {
					return page("9", false, events("a@10", "late@11", "b@20"))
				}
				return page("9", false, events("a@10", "b@20"))
			}
			return page(cursor, false, "")
		}
		st := s.run(70*time.Minute, func(c *poll.Config) { c.Begin = start })
		if got := s.ids(); !slices.Equal(got, []string{"a", "b", "late"}) || st.Late != 1 {
			t.Errorf("%v %+v", got, st)
		}
		if got := s.actions(); !slices.Equal(got, []string{state.ActionSourceLate}) {
			t.Errorf("acts %v", got)
		}
		n := s.acts[len(s.acts)-1].Detail.(state.SourceNoted)
		if n.Events != 1 || !n.Oldest.Equal(start.Add(11*time.Minute)) {
			t.Errorf("%+v", n)
		}
	})
}

func TestCirclesEnd(t *testing.T) {
	for name, next := range map[string]map[string]string{
		"the same cursor": {"since:2000-01-01T00:00:00Z": "since:2000-01-01T00:00:00Z"},
		"two in turn":     {"since:2000-01-01T00:00:00Z": "2", "2": "3", "3": "2"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *system) {
				s.answer = func(n int, cursor string, _ *http.Request) *http.Response {
					return page(next[cursor], true, events("a"))
				}
				st := s.run(time.Minute)
				if len(s.asked) > 40 || !strings.Contains(st.LastError, "gave before") {
					t.Errorf("%d requests, %+v", len(s.asked), st)
				}
				if got := s.actions(); !slices.Equal(got, []string{state.ActionSourceFail}) {
					t.Errorf("acts %v", got)
				}
			})
		})
	}
}

func TestHalfAPageIsFetchedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, s *system) {
		s.answer = func(n int, cursor string, _ *http.Request) *http.Response {
			if n == 1 {
				return page("2", false, `{"events":[{"id":"a","at":"2000-01-01T00:00:00Z"},{"id":"b","at`)
			}
			return page("2", false, events("a", "b"))
		}
		s.run(30*time.Second, func(c *poll.Config) { c.Lag = -1 })
		if got := s.ids(); !slices.Equal(got, []string{"a", "b"}) || len(s.kept) != 0 || len(s.actions()) != 0 {
			t.Errorf("%v, kept %q, %v", got, s.kept, s.actions())
		}
	})
}

func TestPageThatStaysBrokenIsKeptAndGonePast(t *testing.T) {
	const half = `{"events":[{"id":"a","at`
	bubble(t, func(t *testing.T, s *system) {
		s.answer = func(_ int, cursor string, _ *http.Request) *http.Response {
			if strings.HasPrefix(cursor, "since") {
				return page("2", true, half)
			}
			return page("2", false, events("z"))
		}
		st := s.run(5*time.Minute, func(c *poll.Config) { c.Lag = -1 })
		if len(s.kept) != 1 || string(s.kept[0]) != half || !slices.Equal(s.ids(), []string{"z"}) || st.Skipped != 1 {
			t.Errorf("kept %q, events %v, %+v", s.kept, s.ids(), st)
		}
		if got := s.actions(); !slices.Equal(got, []string{state.ActionSourceFail, state.ActionSourceSkip, state.ActionSourceRecover}) {
			t.Errorf("acts %v", got)
		}
	})
}

func TestAnswerWithoutAWayOnIsKeptOnceAndAskedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, s *system) {
		s.answer = func(_ int, cursor string, _ *http.Request) *http.Response {
			if time.Since(start) > time.Hour {
				return page("2", false, events("a"))
			}
			resp := page("2", true, `{"events":[`)
			resp.Header.Set("X-Strict", "yes")
			return resp
		}
		s.run(2*time.Hour, func(c *poll.Config) { c.Lag = -1 })
		if len(s.kept) != 1 || !slices.Equal(s.ids(), []string{"a"}) {
			t.Errorf("kept %q, events %v", s.kept, s.ids())
		}
		if got := s.actions(); !slices.Equal(got, []string{state.ActionSourceFail, state.ActionSourceRecover}) {
			t.Errorf("acts %v", got)
		}
	})
}

// TestPaces: when the next request comes after an answer that asks to wait.
func TestPaces(t *testing.T) {
	f := func(name string, answer *http.Response, least, most time.Duration) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *system) {
				s.answer = func(n int, cursor string, _ *http.Request) *http.Response {
					if n == 1 {
						return answer
					}
					return page("2", false, events("a"))
				}
				s.run(3*time.Hour, func(c *poll.Config) { c.Lag = -1 })
				if len(s.at) < 2 || len(s.ids()) != 1 {
					t.Fatalf("%d requests, events %v", len(s.at), s.ids())
				}
				if d := s.at[1].Sub(s.at[0]); d < least || d > most {
					t.Errorf("waited %v, want %v to %v", d, least, most)
				}
			})
		})
	}
	epoch := func(d time.Duration) string { return strconv.FormatInt(start.Add(d).Unix(), 10) }
	f("429 with Retry-After", status(429, "Retry-After", "17"), 17*time.Second, 18*time.Second)
	f("429 with a date", status(429, "Retry-After", "Sat, 01 Jan 2000 00:00:21 GMT", "Date", "Sat, 01 Jan 2000 00:00:01 GMT"), 20*time.Second, 21*time.Second)
	f("429 as Okta says it", status(429, "X-Rate-Limit-Remaining", "0", "X-Rate-Limit-Reset", epoch(30*time.Second)), 30*time.Second, 33*time.Second)
	f("403 as GitHub says it", status(403, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", epoch(40*time.Minute)), 40*time.Minute, 41*time.Minute)
	f("403 of GitHub's second limit", status(403, "Retry-After", "60"), time.Minute, time.Minute+time.Second)
	f("their clock is an hour ahead", status(429, "Date", "Sat, 01 Jan 2000 01:00:00 GMT", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", epoch(time.Hour+30*time.Second)), 30*time.Second, 33*time.Second)
	f("429 that says nothing", status(429), 2*time.Second, 6*time.Second)
	f("500", status(500), 500*time.Millisecond, 2*time.Second)
	f("503 with Retry-After", status(503, "Retry-After", "45"), 45*time.Second, 47*time.Second)
	f("no answer", nil, time.Minute, 63*time.Second)
	f("403 that is one", status(403), 2*time.Second, 6*time.Second) // of the connector
}

func TestEmptyLimitIsNotRunInto(t *testing.T) {
	bubble(t, func(t *testing.T, s *system) {
		s.answer = func(n int, cursor string, _ *http.Request) *http.Response {
			resp := page(strconv.Itoa(n), n < 3, events(fmt.Sprint("e", n)))
			resp.Header.Set("X-RateLimit-Remaining", "0")
			resp.Header.Set("X-RateLimit-Reset", "30") // seconds that are left
			return resp
		}
		s.run(70*time.Second, func(c *poll.Config) { c.Lag = -1 })
		if len(s.at) < 2 || s.at[1].Sub(s.at[0]) < 30*time.Second {
			t.Errorf("asked at %v", s.at)
		}
	})
}

func TestFailureIsToldOnceAndSoIsItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T, s *system) {
		s.answer = func(_ int, cursor string, _ *http.Request) *http.Response {
			if time.Since(start) < 3*time.Hour {
				return status(500)
			}
			return page("2", false, events("a"))
		}
		st := s.run(5 * time.Hour)
		if got := s.actions(); !slices.Equal(got, []string{state.ActionSourceFail, state.ActionSourceRecover}) {
			t.Errorf("acts %v", got)
		}
		if !slices.Equal(s.ids(), []string{"a"}) || st.Failures != 0 || st.LastError != "" || st.LastSuccess.IsZero() {
			t.Errorf("%v %+v", s.ids(), st)
		}
		if n := len(s.asked); n > 400 {
			t.Errorf("%d requests in five hours", n)
		}
	})
}

func TestCursorsThatMoveWithTheClockAreRecordedEveryHour(t *testing.T) {
	bubble(t, func(t *testing.T, s *system) {
		s.answer = func(n int, _ string, _ *http.Request) *http.Response { return page(strconv.Itoa(n), false, "") }
		st := s.run(150*time.Minute, func(c *poll.Config) { c.Lag = -1 })
		if len(s.acts) != 3 || len(s.asked) < 100 {
			t.Errorf("%d acts of %d requests", len(s.acts), len(s.asked))
		}
		if st.Cursor != strconv.Itoa(len(s.asked)) {
			t.Errorf("cursor %s after %d requests", st.Cursor, len(s.asked))
		}
	})
}

func TestCursorThatIsNotTakenAnyMoreIsReplacedByAnEarlierTime(t *testing.T) {
	bubble(t, func(t *testing.T, s *system) {
		s.answer = func(n int, cursor string, _ *http.Request) *http.Response {
			switch {
			case cursor == "old" && time.Since(start) > 3*time.Hour:
				return status(410)
			case time.Since(start) > 3*time.Hour:
				return page("new", false, events("a@1", "b@181"))
			}
			return page("old", false, events("a@1"))
		}
		st := s.run(4*time.Hour, func(c *poll.Config) { c.Lag = -1 })
		if got := s.ids(); !slices.Equal(got, []string{"a", "b"}) || st.Cursor != "new" || st.Failures != 0 {
			t.Errorf("%v %+v", got, st)
		}
		var back string
		for _, a := range s.acts {
			if d, ok := a.Detail.(state.CursorMoved); ok && strings.HasPrefix(d.Cursor, "since:") {
				back = d.Cursor
			}
		}
		if back != "since:2000-01-01T02:00:00Z" {
			t.Errorf("went back to %s", back)
		}
	})
}

func TestSourceThatRefusesEverythingIsNotRewoundAgainAndAgain(t *testing.T) {
	bubble(t, func(t *testing.T, s *system) {
		s.answer = func(int, string, *http.Request) *http.Response { return status(404) }
		s.run(5*time.Hour, func(c *poll.Config) { c.Lag = -1 })
		if moves := len(s.acts) - len(s.actions()); moves != 2 {
			t.Errorf("%d moves", moves)
		}
	})
}
