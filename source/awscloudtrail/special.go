package awscloudtrail

import (
	"errors"
	"strconv"
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// cloudtrail is the actor of what CloudTrail says by itself.
const cloudtrail = "cloudtrail.amazonaws.com"

// mapInsight returns the event of a CloudTrail Insights observation: a rate of
// calls or errors that became unusual, or usual again. Start and end share
// detail.shared_event_id.
func (r *record) mapInsight(raw []byte) (event.Event, error) {
	if r.eventID == "" || len(r.insight) == 0 {
		return event.Event{}, errors.New("not a CloudTrail Insight event: eventID or insightDetails is missing")
	}
	e, err := r.base(raw)
	if err != nil {
		return event.Event{}, err
	}
	i := r.insight
	e.Actor = event.Actor{Type: event.Service, ID: cloudtrail}
	e.Category, e.Outcome = event.System, event.Unknown
	switch source.MemberText(i, "state") {
	case "Start":
		e.Action = "insight.start"
	case "End":
		e.Action = "insight.end"
	default:
		e.Action = "insight.report"
	}
	e.NativeAction = "cloudtrail:" + first(source.MemberText(i, "insightType"), "Insight")
	service, _, _ := strings.Cut(source.MemberText(i, "eventSource"), ".")
	if call := service + ":" + source.MemberText(i, "eventName"); call != ":" {
		e.Targets = []event.Target{{Type: "api", ID: call}}
	}
	statistics := value(value(i, "insightContext"), "statistics")
	var d source.Detail
	d.Text("event_type", r.eventType)
	d.Text("shared_event_id", r.sharedEventID)
	d.Text("error_code", source.MemberText(i, "errorCode"))
	number(&d, "baseline_average", value(value(statistics, "baseline"), "average"))
	number(&d, "insight_average", value(value(statistics, "insight"), "average"))
	e.Detail = d.Object()
	return e, nil
}

// mapDigest returns the event of a digest file, by which CloudTrail vouches for
// the log files of an hour. The first digest of a trail has nulls in it.
func (r *record) mapDigest(raw []byte) (event.Event, error) {
	g := &r.digest
	if g.bucket == "" || g.object == "" {
		return event.Event{}, errors.New("not a CloudTrail digest: digestS3Bucket or digestS3Object is missing")
	}
	at, err := parseTime(g.end)
	if err != nil {
		return event.Event{}, errors.New("not a CloudTrail digest: digestEndTime is no time")
	}
	files := 0
	for range source.Elements(g.files) {
		files++
	}
	object := g.bucket + "/" + g.object
	var d source.Detail
	d.Text("start", g.start)
	d.Text("end", g.end)
	d.Text("previous", g.previous)
	d.Token("log_files", strconv.AppendInt(nil, int64(files), 10))
	return event.Event{
		ID:           "digest/" + object[max(0, len(object)-event.MaxIDBytes+len("digest/")):],
		OccurredAt:   at,
		Actor:        event.Actor{Type: event.Service, ID: cloudtrail},
		Action:       "log.digest",
		NativeAction: "cloudtrail:Digest",
		Category:     event.System,
		Targets:      []event.Target{{Type: "AWS::S3::Object", ID: "arn:aws:s3:::" + object}},
		Outcome:      event.Success,
		Where:        event.Where{Account: g.account},
		Detail:       d.Object(),
		Raw:          raw,
	}, nil
}
