// Package awsconfig reads AWS Config: configuration items, each what a resource
// was like at a time, and what rules made of them.
//
// Deliveries: configuration snapshots and history files as Config puts them into
// a bucket ({"configurationItems":[…]}), single items, arrays and NDJSON; also as
// they come through SNS (Message), EventBridge (detail) and the API (configuration
// as text). These envelopes are taken off; raw is the item.
//
//	configuration item                            event
//	account/region/type/id/captureTime/stateId    id
//	configurationItemCaptureTime                  occurred_at
//	–                                             actor: service config.amazonaws.com, which recorded it
//	configurationItemStatus                       native_action; action: see Actions
//	resourceType, ARN or resourceId, resourceName target
//	awsRegion, awsAccountId                       where.region, where.account
//	configurationStateId, resourceCreationTime    detail.state_id, detail.created
//	relatedEvents                                 detail.related_events: event ids of CloudTrail
//	configuration, supplementaryConfiguration,    detail.diff: what differs from the item before of the
//	  tags, relationships, status                   same resource, if there is one
//
// Every item has the category config. Its outcome is success: the item says what
// is, not whether somebody was allowed to make it so; who did it stands in
// CloudTrail, by related_events or by resource and time. A change of compliance
// (Config Rules Compliance Change) is compliance.change of category system: success
// if the resource complies, failure if it does not, otherwise unknown. An unknown
// status is resource.record, and detail.status says it.
//
// Limits of Config: items come minutes after the change, snapshots at most every
// hour, both again when they are delivered again; changes between two items are
// not seen; related_events is often empty. Values that are secret by their names
// are in raw only, also in differences.
package awsconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is AWS Config.
var Kind = source.Kind{
	Name:    "aws.config",
	Title:   "AWS Config",
	Ways:    "bucket, files, HTTP",
	Split:   source.JSON("configurationItems", "Records", "Message", "detail", "configurationItem", "configurationItemSummary"),
	Map:     mapEvent,
	Change:  &source.Change{Of: state},
	Actions: actions,
}

var actions = map[string]source.Action{
	"OK":                         {Action: "resource.record", Category: event.Config},
	"ResourceDiscovered":         {Action: "resource.discover", Category: event.Config},
	"ResourceNotRecorded":        {Action: "resource.unrecord", Category: event.Config},
	"ResourceDeleted":            {Action: "resource.delete", Category: event.Config},
	"ResourceDeletedNotRecorded": {Action: "resource.delete", Category: event.Config},
	"ComplianceChange":           {Action: "compliance.change", Category: event.System},
}

// recorder is the actor of what Config records.
const recorder = "config.amazonaws.com"

// item is a configuration item as the mapping sees it: objects as tokens.
type item struct {
	account, region, kind, id, name, arn, at, status, stateID, created string
	configuration, supplementary, tags, relationships, related         []byte
	rule                                                               []byte // of a change of compliance
	ruleName                                                           string
}

func read(raw []byte) (i item) {
	for name, v := range source.Members(raw) {
		switch name {
		case "awsAccountId", "accountId":
			i.account = source.Text(v)
		case "awsRegion":
			i.region = source.Text(v)
		case "resourceType":
			i.kind = source.Text(v)
		case "resourceId":
			i.id = source.Text(v)
		case "resourceName":
			i.name = source.Text(v)
		case "ARN", "arn":
			i.arn = source.Text(v)
		case "configurationItemCaptureTime":
			i.at = source.Text(v)
		case "configurationItemStatus":
			i.status = source.Text(v)
		case "configurationStateId":
			i.stateID = source.Text(v)
		case "resourceCreationTime":
			i.created = source.Text(v)
		case "configuration":
			i.configuration = v
		case "supplementaryConfiguration":
			i.supplementary = v
		case "tags":
			i.tags = v
		case "relationships":
			i.relationships = v
		case "relatedEvents":
			i.related = v
		case "newEvaluationResult":
			i.rule = v
		case "configRuleName":
			i.ruleName = source.Text(v)
		}
	}
	return i
}

func mapEvent(raw []byte, _ time.Time) (event.Event, error) {
	if err := source.Valid(raw); err != nil {
		return event.Event{}, fmt.Errorf("not JSON: %w", err)
	}
	i := read(raw)
	if i.kind == "" || i.id == "" {
		return event.Event{}, errors.New("not a configuration item: resourceType or resourceId is missing")
	}
	if len(i.rule) > 0 {
		return i.mapCompliance(raw)
	}
	at, ok := source.Time(i.at)
	if !ok {
		return event.Event{}, fmt.Errorf("not a configuration item: configurationItemCaptureTime is %.40q, which is no time", i.at)
	}
	e := i.base(raw, at)
	e.ID = shortened(i.key() + "/" + i.at + "/" + i.stateID)
	a, known := actions[i.status]
	if !known {
		a = actions["OK"]
	}
	e.Action, e.Category, e.NativeAction, e.Outcome = a.Action, a.Category, "config:"+i.status, event.Success
	var d source.Detail
	if i.status != "OK" {
		d.Text("status", i.status)
	}
	d.Text("state_id", i.stateID)
	d.Text("created", i.created)
	var related []string
	for v := range source.Elements(i.related) {
		related = append(related, source.Text(v))
	}
	d.Texts("related_events", related)
	e.Detail = d.Object()
	return e, nil
}

// base has what items and changes of compliance have in common.
func (i *item) base(raw []byte, at time.Time) event.Event {
	id := i.arn
	if id == "" {
		id = i.id
	}
	return event.Event{
		OccurredAt: at,
		Actor:      event.Actor{Type: event.Service, ID: recorder},
		Targets:    []event.Target{{Type: i.kind, ID: id, Name: i.name}},
		Where:      event.Where{Region: i.region, Account: i.account},
		Raw:        raw,
	}
}

// mapCompliance maps what a rule made of a resource.
func (i *item) mapCompliance(raw []byte) (event.Event, error) {
	at, ok := source.Time(source.MemberText(i.rule, "resultRecordedTime"))
	if !ok {
		return event.Event{}, errors.New("not a change of compliance: resultRecordedTime is no time")
	}
	e := i.base(raw, at)
	verdict := source.MemberText(i.rule, "complianceType")
	a := actions["ComplianceChange"]
	e.ID = shortened("rule/" + i.ruleName + "/" + i.key() + "/" + at.Format(time.RFC3339Nano) + "/" + verdict)
	e.Action, e.Category, e.NativeAction, e.OutcomeCode = a.Action, a.Category, "config:ComplianceChange", verdict
	switch verdict {
	case "COMPLIANT":
		e.Outcome = event.Success
	case "NON_COMPLIANT":
		e.Outcome = event.Failure
	default:
		e.Outcome = event.Unknown
	}
	e.OutcomeReason = source.MemberText(i.rule, "annotation")
	e.Why.Policy = i.ruleName
	return e, nil
}

// key names a resource.
func (i *item) key() string {
	return i.account + "/" + i.region + "/" + i.kind + "/" + i.id
}

// shortened is an id, or what stands for it if it is too long.
func shortened(id string) string {
	if len(id) <= event.MaxIDBytes {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return id[:strings.IndexByte(id, '/')] + "/sha256/" + hex.EncodeToString(sum[:])
}

// state is what of an item is compared with the item before.
func state(raw []byte) (string, []byte) {
	if source.Valid(raw) != nil {
		return "", nil
	}
	i := read(raw)
	if i.kind == "" || i.id == "" || len(i.rule) > 0 {
		return "", nil
	}
	s := struct {
		Status        string          `json:"status"`
		Configuration json.RawMessage `json:"configuration,omitempty"`
		Supplementary json.RawMessage `json:"supplementaryConfiguration,omitempty"`
		Tags          json.RawMessage `json:"tags,omitempty"`
		Relationships json.RawMessage `json:"relationships,omitempty"`
	}{i.status, opened(i.configuration), opened(i.supplementary), opened(i.tags), opened(i.relationships)}
	if s.Status == "ResourceDiscovered" {
		s.Status = "OK" // the same resource, seen for the first time
	}
	b, err := json.Marshal(s)
	if err != nil {
		return "", nil // bytes that are not UTF-8
	}
	return i.key(), b
}

// opened returns v, or what it holds if it is JSON as text.
func opened(v []byte) json.RawMessage {
	if len(v) == 0 || string(v) == "null" {
		return nil
	}
	if v[0] == '"' {
		var text string
		if json.Unmarshal(v, &text) == nil && json.Valid([]byte(text)) {
			return json.RawMessage(text)
		}
	}
	return v
}
