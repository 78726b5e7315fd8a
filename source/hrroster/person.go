package hrroster

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/evident/event"
	"example.com/evident/source"
)

// field is something that a roster may say of a person.
type field int

const (
	employeeID field = iota
	name
	firstName
	lastName
	email
	manager
	start
	end
	statusField
	accounts
	kind
	title
	team
	site
	asOf
	fields
)

// columns are the names of fields, without case and punctuation.
var columns = map[string]field{
	"employeeid": employeeID, "id": employeeID, "personid": employeeID, "workerid": employeeID, "employeenumber": employeeID, "number": employeeID, "staffid": employeeID, "personnelnumber": employeeID,
	"name": name, "fullname": name, "displayname": name, "employeename": name, "preferredname": name,
	"firstname": firstName, "givenname": firstName, "lastname": lastName, "surname": lastName, "familyname": lastName,
	"email": email, "workemail": email, "mail": email, "emailaddress": email, "businessemail": email, "primaryemail": email,
	"manager": manager, "manageremail": manager, "managerid": manager, "supervisor": manager, "supervisoremail": manager, "supervisorid": manager, "reportsto": manager, "managername": manager,
	"start": start, "startdate": start, "hiredate": start, "firstday": start, "hiredon": start, "joined": start, "joindate": start, "dateofhire": start,
	"end": end, "enddate": end, "terminationdate": end, "lastday": end, "left": end, "leavedate": end, "terminatedon": end, "lastdayofwork": end, "contractend": end,
	"status": statusField, "employmentstatus": statusField, "workerstatus": statusField, "employeestatus": statusField, "state": statusField,
	"accounts": accounts, "links": accounts, "account": accounts, "identities": accounts,
	"kind": kind, "employmenttype": kind, "workertype": kind, "type": kind, "contracttype": kind, "employeetype": kind,
	"title": title, "jobtitle": title, "position": title, "role": title,
	"team": team, "department": team, "division": team, "orgunit": team,
	"site": site, "location": site, "office": site,
	"asof": asOf, "updatedat": asOf, "lastmodified": asOf, "lastchanged": asOf, "exportedat": asOf, "modifiedat": asOf,
}

// systems are columns that hold the name of an account, and the kind of source
// that they are written with.
var systems = map[string]string{
	"okta": "okta", "oktaid": "okta", "oktauserid": "okta", "github": "github", "githublogin": "github", "githubusername": "github", "githubuser": "github",
	"aws": "aws", "awsuser": "aws", "entra": "entra", "entraid": "entra", "azureid": "entra", "google": "google", "googleid": "google",
	"gcp": "gcp", "slack": "slack", "slackid": "slack", "jira": "jira", "jiraid": "jira", "atlassian": "jira", "pagerduty": "pagerduty", "pagerdutyid": "pagerduty",
	"postgres": "postgres", "linux": "linux", "unixuser": "linux", "kubernetes": "kubernetes",
}

// Statuses that a roster's own words are told by.
const (
	active     = "active"
	leave      = "leave"
	pending    = "pending"
	terminated = "terminated"
)

var statuses = map[string]string{
	"active": active, "employed": active, "current": active, "working": active, "a": active, "1": active, "true": active,
	"leave": leave, "onleave": leave, "loa": leave, "leaveofabsence": leave, "parentalleave": leave, "sabbatical": leave,
	"pending": pending, "prehire": pending, "onboarding": pending, "notstarted": pending, "future": pending, "hired": pending,
	"terminated": terminated, "inactive": terminated, "left": terminated, "former": terminated, "separated": terminated, "resigned": terminated, "retired": terminated, "dismissed": terminated, "offboarded": terminated, "ended": terminated, "0": terminated, "false": terminated, "t": terminated,
}

// maxAccounts bounds the accounts of one person.
const maxAccounts = 100

// person is one row.
type person struct {
	of    [fields]string
	links []string
}

// read takes a row of JSON or CSV.
func read(raw []byte) (p person, err error) {
	body := bytes.TrimLeft(bytes.TrimPrefix(raw, []byte("\uFEFF")), " \t\r\n")
	if len(body) > 0 && body[0] == '{' {
		err = p.readObject(body)
	} else {
		err = p.readRow(body)
	}
	if err == nil && p.id() == "" {
		err = errors.New("not a person: neither an id nor an e-mail address")
	}
	return p, err
}

func (p *person) readObject(object []byte) error {
	if err := source.Valid(object); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	for n, v := range source.Members(object) {
		switch {
		case v[0] == '[' && columns[plain(n)] == accounts:
			for e := range source.Elements(v) {
				p.link("", source.Text(e))
			}
		case v[0] == '{' && columns[plain(n)] == accounts:
			for system, id := range source.Members(v) {
				p.link(system, source.Text(id))
			}
		case v[0] == '{': // a manager, a department
			p.set(n, first(source.MemberText(v, "email"), source.MemberText(v, "id"), source.MemberText(v, "name")))
		default:
			p.set(n, source.Text(v))
		}
	}
	return nil
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	i := slices.IndexFunc(texts, func(s string) bool { return s != "" })
	if i < 0 {
		return ""
	}
	return texts[i]
}

func (p *person) readRow(raw []byte) error {
	names, _, ok := bytes.Cut(raw, []byte("\n"))
	if !ok {
		return errors.New("not a roster: a row without the names of its columns")
	}
	r := csv.NewReader(bytes.NewReader(raw))
	r.Comma = ','
	for _, c := range []rune{';', '\t'} {
		if bytes.Count(names, []byte(string(c))) > bytes.Count(names, []byte(string(r.Comma))) {
			r.Comma = c
		}
	}
	rows, err := r.ReadAll()
	if err != nil {
		return fmt.Errorf("not a row of CSV: %w", err)
	}
	if len(rows) != 2 {
		return fmt.Errorf("not a roster: %d rows; expected the names of the columns and one row", len(rows))
	}
	for i, n := range rows[0] {
		p.set(n, rows[1][i])
	}
	return nil
}

// plain is the name of a column without case and punctuation.
func plain(column string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		}
		return -1
	}, column)
}

// set takes what a column says; the first that says something counts, and an
// address says more of a manager than a name.
func (p *person) set(column, value string) {
	value = strings.TrimSpace(strings.ToValidUTF8(value, "\uFFFD"))
	if value == "" || strings.EqualFold(value, "null") {
		return
	}
	c := plain(column)
	if system, ok := systems[c]; ok {
		p.link(system, value)
		return
	}
	f, ok := columns[c]
	switch {
	case !ok:
	case f == accounts:
		for _, s := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" ,;|\n\t", r) }) {
			p.link("", s)
		}
	case p.of[f] == "", f == manager && !event.ValidEmail(p.of[f]) && event.ValidEmail(value):
		p.of[f] = value
	}
}

// link adds an account; system is empty if id names it.
func (p *person) link(system, id string) {
	if id = strings.TrimSpace(id); id == "" || len(p.links) == maxAccounts {
		return
	}
	if system != "" && !strings.HasPrefix(id, system+":") {
		id = system + ":" + id
	}
	if !slices.Contains(p.links, id) {
		p.links = append(p.links, id)
	}
}

func (p *person) id() string {
	if p.of[employeeID] != "" {
		return clip(p.of[employeeID])
	}
	if event.ValidEmail(p.of[email]) {
		return strings.ToLower(p.of[email])
	}
	return ""
}

func (p *person) fullName() string {
	if p.of[name] != "" {
		return clip(p.of[name])
	}
	return clip(strings.TrimSpace(p.of[firstName] + " " + p.of[lastName]))
}

// clip keeps a text within what a field of an event may hold.
func clip(s string) string {
	const most = 1 << 10
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// status is one of the four, or what the roster says.
func (p *person) status() string {
	s := p.of[statusField]
	if known, ok := statuses[plain(s)]; ok {
		return known
	}
	return strings.ToLower(s)
}

func (p *person) detail() json.RawMessage {
	var d source.Detail
	if address := p.of[email]; event.ValidEmail(address) {
		d.Text("email", strings.ToLower(address))
	} else {
		d.Text("contact", clip(address))
	}
	m := p.of[manager]
	if event.ValidEmail(m) {
		m = strings.ToLower(m)
	}
	d.Text("manager", clip(m))
	d.Text("start", day(p.of[start]))
	d.Text("end", day(p.of[end]))
	s := p.status()
	d.Text("status", clip(s))
	if s != strings.ToLower(p.of[statusField]) {
		d.Text("native_status", clip(p.of[statusField]))
	}
	links := slices.Clone(p.links)
	slices.Sort(links)
	d.Texts("accounts", links)
	d.Text("kind", clip(p.of[kind]))
	d.Text("title", clip(p.of[title]))
	d.Text("team", clip(p.of[team]))
	d.Text("site", clip(p.of[site]))
	return d.Object()
}

// day returns a date as 2026-03-01 if s can only mean one day; otherwise s.
func day(s string) string {
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006/01/02", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "02.01.2006", "2.1.2006", "2 Jan 2006", "Jan 2, 2006", "2 January 2006", "January 2, 2006", "02-Jan-2006", "20060102"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format(time.DateOnly)
		}
	}
	return clip(s)
}

// moment reads when a row was so.
func moment(s string) (time.Time, bool) {
	if t, ok := source.Time(s); ok {
		return t, true
	}
	t, err := time.Parse(time.DateOnly, day(s))
	return t, err == nil && t.Year() >= 1970 && t.Year() <= 2261
}
