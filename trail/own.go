package trail

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"example.com/evident/proof"
)

// What the trail itself does is a record in it, of the source evident.
const (
	ownSource   = "evident"
	actionOpen  = "trail.create"
	actionSeal  = "segment.seal"
	actionCut   = "tail.cut"
	actionStep  = "clock.step"
	actionCheck = "trail.check"
)

// ownEvent is an event of the schema evident.event/1 as the trail writes it.
type ownEvent struct {
	ID         string    `json:"id"`
	Source     string    `json:"source"`
	OccurredAt string    `json:"occurred_at"`
	Actor      ownActor  `json:"actor"`
	Action     string    `json:"action"`
	Category   string    `json:"category"`
	Target     ownTarget `json:"target"`
	Outcome    string    `json:"outcome"`
	Detail     any       `json:"detail"`
}

type ownActor struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

type ownTarget struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// ownDraft makes the draft of an act of the trail. id must be another for
// every such act of this trail.
func ownDraft(action, id, outcome string, at time.Time, target ownTarget, detail any) (*Draft, error) {
	at = at.UTC().Truncate(time.Microsecond)
	body, err := json.Marshal(ownEvent{
		ID: id, Source: ownSource, OccurredAt: string(proof.AppendTime(nil, at)),
		Actor: ownActor{Type: "system", ID: "evident"}, Action: action, Category: "system",
		Target: target, Outcome: outcome, Detail: detail,
	})
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", action, err)
	}
	fields, err := proof.ParseBody(body)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", action, err)
	}
	return &Draft{
		Body: body, Fields: fields, Source: ownSource, ID: id, OccurredAt: at,
		Category: "system", Action: action, Outcome: outcome,
	}, nil
}

// A clock gives the time of records, which never goes back, and notices when
// the machine's clock was set. It is owned by the appender.
type clock struct {
	now  func() time.Time
	last time.Time // of the newest record
	seen time.Time // when the clock was read last, zero at first
}

// Steps of less than a second, or than a thousandth of the time in between,
// are what disciplining a clock does.
const (
	stepLeast = time.Second
	stepPart  = 1000
)

// read returns the time for the next records. If the clock was set since it
// was read before, step is the draft that says so.
func (c *clock) read() (at time.Time, step *Draft) {
	now := c.now()
	wall := now.Round(0).UTC().Truncate(time.Microsecond)
	before := c.seen
	c.seen = now
	at = wall
	if at.Before(c.last) {
		at = c.last
	}
	var by time.Duration
	switch {
	case before.IsZero():
		by = min(0, wall.Sub(c.last)) // the clock was set back while nobody looked
	default:
		passed := now.Sub(before) // monotonic, if the clock has that
		by = wall.Sub(before.Round(0).Truncate(time.Microsecond)) - max(passed, 0)
		if by.Abs() < passed.Abs()/stepPart {
			by = 0
		}
		before = before.Round(0)
	}
	if by.Abs() < stepLeast {
		return at, nil
	}
	if before.IsZero() {
		before = c.last
	}
	detail := struct {
		From    string  `json:"from"`
		To      string  `json:"to"`
		Seconds float64 `json:"seconds"`
	}{stamp(before), stamp(wall), by.Seconds()}
	id := fmt.Sprintf("clock.step/%s/%s", detail.From, detail.To)
	step, err := ownDraft(actionStep, id, "success", at, ownTarget{"clock", "server"}, detail)
	if err != nil {
		panic("bug: " + err.Error()) // every value is made above
	}
	return at, step
}

// recorded notes that records have this time.
func (c *clock) recorded(at time.Time) { c.last = at }

func stamp(t time.Time) string {
	return string(proof.AppendTime(nil, t.UTC().Truncate(time.Microsecond)))
}

// randomOrigin names a trail that nobody has named.
func randomOrigin() string {
	var b [4]byte
	rand.Read(b[:])
	return fmt.Sprintf("evident.local/%x", b)
}
