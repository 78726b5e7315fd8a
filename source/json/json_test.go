package json_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/evident/event"
	"example.com/evident/source/json"
)

const good = `{"source":"app/billing","occurred_at":"2026-03-01T09:30:00Z","actor":{"type":"user","id":"u1"},` +
	`"action":"role.grant","category":"privileged","outcome":"success","detail":{"granted_role":"admin"}}`

func TestDeliveries(t *testing.T) {
	f := func(name, delivery string, want int) {
		t.Run(name, func(t *testing.T) {
			n := 0
			for raw, err := range json.Kind.Split(strings.NewReader(delivery)) {
				if err != nil {
					t.Fatal(err)
				}
				e, err := json.Kind.Map(raw, time.Time{})
				if err != nil || e.Source != "app/billing" || string(e.Detail) != `{"granted_role":"admin"}` {
					t.Errorf("%+v, %v", e, err)
				}
				n++
			}
			if n != want {
				t.Errorf("%d events, want %d", n, want)
			}
		})
	}
	f("an object", good, 1)
	f("an array", "["+good+","+good+"]", 2)
	f("lines", good+"\n"+good+"\n"+good+"\n", 3)
}

func TestRefusalNamesTheField(t *testing.T) {
	_, err := json.Kind.Map([]byte(strings.Replace(good, `"success"`, `"ok"`, 1)), time.Time{})
	var r *event.Refusal
	if !errors.As(err, &r) || r.Field != "outcome" {
		t.Error(err)
	}
	if _, err := json.Kind.Map([]byte(`{`), time.Time{}); err == nil {
		t.Error("a broken event was taken")
	}
}

func TestNoEnvelopeIsTakenOff(t *testing.T) {
	for raw := range json.Kind.Split(strings.NewReader(`{"Records":[` + good + `]}`)) {
		if _, err := json.Kind.Map(raw, time.Time{}); err == nil || !strings.HasPrefix(err.Error(), "Records") {
			t.Error(err)
		}
	}
}
