package demo

import (
	"time"

	"example.com/evident/event"
)

const srcBackup = "backup/nightly"

// routine writes what a company does by the calendar: the grids in which an
// auditor looks for the missing cell.
func (s *scribe) routine() {
	s.roster()
	s.rota()
	s.heartbeats()
	s.backups()
	s.logReviews()
	s.accessReviews()
}

// roster is the people system: who is there at the beginning, who comes and
// goes, and a count at the end of each month.
func (s *scribe) roster() {
	sync := service("svc:people-sync", "people sync")
	record := func(at time.Time, action string, p *person, extra ...any) {
		kind := "employee"
		if p.contractor {
			kind = "contractor"
		}
		s.event(event.Event{Source: srcHR, OccurredAt: at, Actor: sync, Action: action, Category: event.Account, Outcome: event.Success,
			Targets: []event.Target{{Type: "person", ID: p.staff, Name: p.email}},
			Detail:  detail(append([]any{"kind", kind, "team", teamNames[p.team], "title", p.title, "site", p.site.name}, extra...)...)})
	}
	for n, p := range s.co.people {
		if p.joined == 0 {
			record(s.start.Add(time.Hour+time.Duration(n)*time.Second), "person.record", p)
		} else {
			record(s.day(p.joined+10, 9, n%60), "person.hire", p, "first_day", s.day(p.joined, 0, 0).Format(time.DateOnly))
			s.newAccount(p)
		}
		if p.left != 0 {
			record(s.dayAfter(p.left, 12, 0), "person.terminate", p, "last_day", s.dayAfter(p.left, 0, 0).Format(time.DateOnly), "voluntary", p.left != 206)
			s.closeAccount(p)
		}
	}
	for m := range 12 {
		at := s.day(362-30*m, 18, 0)
		s.event(event.Event{Source: srcHR, OccurredAt: at, Actor: sync, Action: "roster.publish", Category: event.System,
			Outcome: event.Success, Detail: detail("people", len(s.co.people)-8+m/3)})
	}
}

// newAccount is a joiner's account as it should be: asked for, approved and
// made before the first day.
func (s *scribe) newAccount(p *person) {
	admin, boss := s.co.who("kasimir.dunne"), s.co.teams[p.team][0]
	n := digits(700+p.joined, 1)
	why := event.Why{Ticket: "ITS-" + n, Approval: "APR-" + n}
	e := boss.at(srcJira, "access.approve", s.day(p.joined+4, 13, 20), event.Access)
	e.Targets, e.Detail = []event.Target{{Type: "issue", ID: why.Ticket, Name: why.Ticket}}, detail("approval", why.Approval, "for", p.email)
	s.event(e)
	e = admin.at(srcOkta, "user.create", s.day(p.joined+3, 10, 5), event.Account)
	e.NativeAction, e.Targets, e.Why = "user.lifecycle.create", []event.Target{p.target()}, why
	s.event(e)
	e = p.at(srcOkta, "mfa.enroll", s.day(p.joined, 8, 40), event.Authentication)
	e.NativeAction, e.Detail = "user.mfa.factor.activate", detail("factor", "webauthn")
	s.event(e)
}

// closeAccount is a leaver's: closed within hours of the end, but for
// Desmond Achterberg's, which was forgotten for nineteen days.
func (s *scribe) closeAccount(p *person) {
	at := s.dayAfter(p.left, 16, 30)
	if p.email == s.co.who("desmond.achterberg").email {
		at = s.dayAfter(p.left-19, 11, 12)
	}
	e := s.co.who("fenella.osei").at(srcOkta, "user.deactivate", at, event.Account)
	e.NativeAction, e.Targets, e.Why = "user.lifecycle.deactivate", []event.Target{p.target()}, event.Why{Ticket: "ITS-" + digits(1700-p.left, 1)}
	s.event(e)
	e = s.co.who("fenella.osei").at(srcGitHub, "org.remove_member", at.Add(9*time.Minute), event.Access)
	e.Targets, e.Why = []event.Target{{Type: "user", ID: p.github, Name: p.login}}, event.Why{Ticket: "ITS-" + digits(1700-p.left, 1)}
	s.event(e)
}

// rota hands the pager over every Monday.
func (s *scribe) rota() {
	crew := s.co.teams[teamPlatform]
	emergency := s.emergency()
	for w := range 52 {
		at := s.weekday(357-7*w, time.Monday, 9, 0)
		// Whoever took the sealed role that night was on call: crew[1].
		weeks := int(at.Sub(emergency)/(7*24*time.Hour)) + 60
		if at.After(emergency) {
			weeks++
		}
		p := crew[1+weeks%6]
		s.event(event.Event{Source: srcRota, OccurredAt: at, Actor: job("schedule:platform", "platform schedule"), Action: "shift.start",
			Category: event.System, Outcome: event.Success, Targets: []event.Target{p.target()},
			Detail: detail("rota", "rota-primary", "until", at.AddDate(0, 0, 7).Format(time.RFC3339))})
	}
}

// heartbeats come every six hours from the collector of the database's log;
// the silence swallows some, and its end is explained.
func (s *scribe) heartbeats() {
	who := service("svc:pgaudit-collector", "pgaudit collector")
	beat := func(at time.Time) event.Event {
		return event.Event{Source: srcDB, OccurredAt: at, Actor: who, Action: "collector.heartbeat", Category: event.System,
			Outcome: event.Success, Where: event.Where{Host: "orders-primary-1.halcyonfreight.example"}}
	}
	for at := s.start.Truncate(6 * time.Hour).Add(6*time.Hour + 17*time.Second); at.Before(s.now); at = at.Add(6 * time.Hour) {
		s.event(beat(at))
	}
	from, until := s.silence()
	e := beat(until.Add(90 * time.Second))
	e.Action, e.Why = "collector.resume", event.Why{Ticket: "OPS-877", Incident: "INC-231"}
	e.Detail = detail("silent_from", from.Format(time.RFC3339), "silent_until", until.Format(time.RFC3339), "cause", "collector not started after a kernel update")
	s.event(e)
}

// backups run every night for three stores; three fail, of which one was not
// run again. Each quarter one is restored to see that it can be.
func (s *scribe) backups() {
	run := func(at time.Time, store string) event.Event {
		return event.Event{Source: srcBackup, OccurredAt: at, Actor: job("backup:"+store, "nightly backup of "+store), Action: "backup.run",
			Category: event.System, Outcome: event.Success, Targets: []event.Target{{Type: "store", ID: store, Name: store}}}
	}
	for d := 364; d > 0; d-- {
		for i, store := range []string{"orders-db", "billing-db", "documents"} {
			at := s.midnight.AddDate(0, 0, -d).Add(time.Duration(1+i) * time.Hour)
			e := run(at, store)
			e.Detail = detail("gigabytes", 400+i*90+(364-d)/2, "kept_days", 35)
			if i == 1 && (d == 301 || d == 140) || i == 0 && d == 77 {
				e.Outcome, e.OutcomeCode, e.OutcomeReason = event.Failure, "timeout", "snapshot not complete after 4 h"
			}
			s.event(e)
			if i == 1 && d == 301 || i == 0 && d == 77 {
				e = run(at.Add(9*time.Hour), store)
				e.Why, e.Detail = event.Why{Ticket: "OPS-" + digits(1200-d, 1)}, detail("gigabytes", 520, "kept_days", 35, "again", true)
				s.event(e)
			}
		}
	}
	for q, outcome := range []event.Outcome{event.Success, event.Failure, event.Success, event.Success, event.Success} {
		e := s.co.who("liesel.quintero").at(srcBackup, "backup.restore_test", s.day([]int{330, 240, 236, 149, 58}[q], 13, 0), event.System)
		e.Outcome, e.Targets = outcome, []event.Target{{Type: "store", ID: "orders-db", Name: "orders-db"}}
		e.Why, e.Detail = event.Why{Ticket: "OPS-" + digits(610+q, 1)}, detail("rows_compared", 81_000_000+q*2_000_000, "minutes", 94+q)
		s.event(e)
	}
}

// logReviews are signed every week; of two weeks there is nothing.
func (s *scribe) logReviews() {
	for w := range 51 {
		if w == 19 || w == 33 {
			continue
		}
		p := s.co.who([]string{"caspian.roy", "delphine.achebe"}[w%2])
		e := p.at(srcJira, "log_review.sign", s.weekday(357-7*w, time.Thursday, 14+w%3, 10), event.System)
		e.Targets = []event.Target{{Type: "review", ID: "LOGREV-" + digits(w+1, 2), Name: "weekly log review"}}
		e.Detail = detail("events_looked_at", 180+w*3, "flagged", w%5, "minutes", 35+w%20)
		s.event(e)
	}
}

// accessReviews are held each quarter for five systems. One was never held and
// one was signed a minute after it was opened.
func (s *scribe) accessReviews() {
	systems := []string{"okta", "aws", "github", "postgres", "kubernetes"}
	owners := []string{"kasimir.dunne", "anselm.roukema", "hugo.vandersteen", "xanthe.moreland", "anselm.roukema"}
	for q, before := range []int{338, 247, 156, 65} {
		for i, system := range systems {
			if q == 2 && system == "kubernetes" {
				continue
			}
			took := time.Duration(40+q*7+i*11) * time.Minute
			if q == 1 && system == "aws" {
				took = time.Minute
			}
			p := s.co.who(owners[i])
			on := []event.Target{{Type: "review", ID: "AR-" + digits(q+1, 1) + "-" + system, Name: "access review of " + system}}
			at := s.day(before-i, 13, 0)
			e := p.at(srcJira, "access_review.open", at, event.Access)
			e.Targets, e.Detail = on, detail("system", system, "accounts", 71+12*i)
			s.event(e)
			e = p.at(srcJira, "access_review.sign", at.Add(took), event.Access)
			e.Targets, e.Detail = on, detail("system", system, "accounts", 71+12*i, "kept", 69+12*i, "revoked", 2, "minutes", int(took.Minutes()))
			s.event(e)
		}
	}
}
