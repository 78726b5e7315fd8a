// Package jira reads Jira: issues, their transitions and approvals, by the API's
// changelog or by webhooks.
//
// Deliveries: pages of the API's search with expand=changelog ({"issues":[…]}),
// single issues, and webhooks. An issue of the API is cut into its creation and
// each entry of its changelog: raw is {"issue":{…},"history":{…}}, in which the
// entry, or the creator, stands byte for byte, beside the issue's id and key.
// A webhook is one raw as it came.
//
//	Jira                                    event
//	changelog entry's id and the key        id; of webhooks the changelog's id, or what they are about
//	created of the entry, timestamp         occurred_at
//	author, user, creator                   actor: see below
//	issue key                               target (type issue), why.ticket
//	assignee's new value                    targets (type user)
//	webhookEvent, changelog fields          native_action; action: see Actions
//	changelog items                         detail.from, detail.to of the status; detail.changes: all fields
//	issue id, project, issue type           detail.issue_id, detail.project, detail.issue_type
//
// A changed status is issue.transition; issue.approve if the new status has the
// word approved or authorized in it, issue.reject if it has rejected, declined or
// denied, unless the word before says not. Companies that approve by other words
// name a status so, or look at detail.to. An entry without a status is
// issue.assign if the assignee changed, otherwise issue.update. What the table
// does not know is jira. and the webhook's name.
//
// Actor: accountId, or key or name of a server of one's own; user, but service if
// accountType is app; system jira if nobody is named, and for webhooks about users,
// which name only whom it was done to.
//
// Every outcome is success: Jira reports what was done. The category is change,
// but for users (account) and projects (config).
//
// Limits: the API finds by the time of the last update, in whole minutes, some
// minutes late, and at most 100 issues a page; webhooks come within seconds, in
// no order, and are not sent again for long. The same change by API and by webhook
// is two events: let one source have one way. Entries of a deleted issue are gone.
package jira

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Kind is Jira.
var Kind = source.Kind{
	Name:    "jira",
	Title:   "Jira",
	Ways:    "API, webhook, files",
	Split:   split,
	Map:     mapEvent,
	Pull:    &source.Pull{From: from, Page: page, Every: 2 * time.Minute, Lag: 30 * time.Minute},
	Actions: actions,
}

// parseTime reads a time as Jira writes it, with a zone without a colon.
func parseTime(s string) (time.Time, bool) {
	if t, err := time.Parse("2006-01-02T15:04:05-0700", s); err == nil && t.Year() >= 1970 && t.Year() <= 2261 {
		return t.UTC(), true
	}
	return source.Time(s)
}

// millis reads a number of milliseconds since 1970.
func millis(s string) (time.Time, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 9_200_000_000_000 {
		return time.Time{}, false
	}
	return time.UnixMilli(n).UTC(), true
}

func mapEvent(raw []byte, _ time.Time) (event.Event, error) {
	if err := source.Valid(raw); err != nil {
		return event.Event{}, fmt.Errorf("not JSON: %w", err)
	}
	issue := source.Member(raw, "issue")
	if hook := source.MemberText(raw, "webhookEvent"); hook != "" {
		return mapHook(raw, issue, hook)
	}
	key := source.MemberText(issue, "key")
	if key == "" {
		return event.Event{}, errors.New("not of Jira: issue.key and webhookEvent are missing")
	}
	e := base(raw, issue)
	if history := source.Member(raw, "history"); history != nil {
		at, ok := parseTime(source.MemberText(history, "created"))
		if !ok {
			return event.Event{}, errors.New("not a changelog entry: created is no time")
		}
		e.ID, e.OccurredAt = clip("history/"+key+"/"+source.MemberText(history, "id")), at
		e.Actor = actor(source.Member(history, "author"))
		e.changelog(issue, source.Member(history, "items"))
		return e.Event, nil
	}
	at, ok := parseTime(source.MemberText(issue, "created"))
	if !ok {
		return event.Event{}, errors.New("not an issue: created is no time")
	}
	e.ID, e.OccurredAt = clip("issue/"+key+"/created"), at
	e.Actor = actor(source.Member(issue, "creator"))
	e.is("jira:issue_created")
	e.Detail = e.about(issue).Object()
	return e.Event, nil
}

// mapHook maps a webhook.
func mapHook(raw, issue []byte, hook string) (event.Event, error) {
	at, ok := millis(source.MemberText(raw, "timestamp"))
	if !ok {
		return event.Event{}, errors.New("not a webhook of Jira: timestamp is no time")
	}
	e := base(raw, issue)
	e.OccurredAt = at
	e.Actor = actor(firstObject(raw, []string{"user"}, []string{"comment", "updateAuthor"}, []string{"comment", "author"}, []string{"worklog", "updateAuthor"}, []string{"attachment", "author"}))
	about := source.MemberText(issue, "id")
	for _, name := range []string{"comment", "worklog", "attachment", "issueLink", "project", "version", "sprint", "user"} {
		if id := firstText(source.MemberText(raw, name, "id"), source.MemberText(raw, name, "accountId")); id != "" && (name != "user" || about == "") {
			about += "/" + id
			e.target(name, id, raw)
		}
	}
	if strings.HasPrefix(hook, "user_") { // the user is who it was done to
		e.Actor = actor(nil)
	}
	if log := source.Member(raw, "changelog"); source.MemberText(log, "id") != "" {
		e.ID = "webhook/" + source.MemberText(log, "id") + "/" + about
		e.is(hook)
		e.changelog(issue, source.Member(log, "items"))
	} else {
		e.is(hook)
		e.Detail = e.about(issue).Object()
		e.ID = "webhook/" + hook + "/" + about + "/" + source.MemberText(raw, "timestamp")
	}
	e.ID = clip(e.ID)
	return e.Event, nil
}

// mapped is an event on its way.
type mapped struct{ event.Event }

func base(raw, issue []byte) mapped {
	e := mapped{event.Event{Outcome: event.Success, Raw: raw}}
	if key := source.MemberText(issue, "key"); key != "" {
		e.Targets = []event.Target{{Type: "issue", ID: key, Name: key}}
		e.Why.Ticket = key
	}
	return e
}

// target adds what a webhook is about beside an issue.
func (e *mapped) target(name, id string, raw []byte) {
	if name == "issueLink" || name == "comment" || name == "worklog" || name == "attachment" {
		e.Targets = append(e.Targets, event.Target{Type: strings.ToLower(name), ID: id})
		return
	}
	e.Targets = append(e.Targets, event.Target{Type: name, ID: id, Name: firstText(source.MemberText(raw, name, "key"), source.MemberText(raw, name, "displayName"), source.MemberText(raw, name, "name"))})
}

// is sets action and category by the native name.
func (e *mapped) is(native string) {
	e.NativeAction = native
	a := lookup(native)
	e.Action, e.Category = a.Action, a.Category
}

// about begins the detail with what is known of the issue.
func (e *mapped) about(issue []byte) *source.Detail {
	var d source.Detail
	d.Text("issue_id", source.MemberText(issue, "id"))
	d.Text("project", source.MemberText(issue, "fields", "project", "key"))
	d.Text("issue_type", source.MemberText(issue, "fields", "issuetype", "name"))
	return &d
}

// changelog sets action, targets and detail by the fields that changed.
func (e *mapped) changelog(issue, items []byte) {
	d := e.about(issue)
	native := "changelog"
	var changes []string
	for item := range source.Elements(items) {
		field := source.MemberText(item, "field")
		from, to := firstText(source.MemberText(item, "fromString"), source.MemberText(item, "from")), firstText(source.MemberText(item, "toString"), source.MemberText(item, "to"))
		switch {
		case field == "status":
			native = "changelog:status" + verdict(to)
			d.Text("from", from)
			d.Text("to", to)
		case field == "assignee":
			if native == "changelog" {
				native = "changelog:assignee"
			}
			if id := source.MemberText(item, "to"); id != "" {
				e.Targets = append(e.Targets, event.Target{Type: "user", ID: id, Name: source.MemberText(item, "toString")})
			}
		}
		if field != "" && len(changes) < maxChanges {
			changes = append(changes, field+": "+short(from)+" → "+short(to))
		}
	}
	d.Texts("changes", changes)
	if native != "changelog" || e.NativeAction == "" {
		e.is(native)
	}
	e.Detail = d.Object()
}

// Limits of what detail repeats of a changelog.
const (
	maxChanges    = 20
	maxValueBytes = 200
)

// short keeps the beginning of a value; the whole is in raw.
func short(s string) string {
	if len(s) <= maxValueBytes {
		return s
	}
	return strings.ToValidUTF8(s[:maxValueBytes], "") + "…"
}

func clip(id string) string {
	if len(id) <= event.MaxIDBytes {
		return id
	}
	return strings.ToValidUTF8(id[:event.MaxIDBytes], "")
}

func firstText(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

func firstObject(raw []byte, paths ...[]string) []byte {
	for _, p := range paths {
		if v := source.Member(raw, p...); len(v) > 0 && v[0] == '{' {
			return v
		}
	}
	return nil
}

// actor follows the rules of the package comment.
func actor(who []byte) event.Actor {
	a := event.Actor{
		Type: event.User,
		ID:   firstText(source.MemberText(who, "accountId"), source.MemberText(who, "key"), source.MemberText(who, "name")),
		Name: source.MemberText(who, "displayName"),
	}
	if a.ID == "" {
		return event.Actor{Type: event.ActorSystem, ID: "jira", Name: a.Name}
	}
	if source.MemberText(who, "accountType") == "app" {
		a.Type = event.Service
	}
	if address := source.MemberText(who, "emailAddress"); event.ValidEmail(address) {
		a.Email = address
	}
	return a
}
