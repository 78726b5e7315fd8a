package demo

import (
	"time"

	"example.com/evident/event"
)

// changeStories are about what reached production, and how.
func (s *scribe) changeStories() {
	s.overrides()
	s.deployedUntested()
	s.schemaChanges()
	s.protectionOff()
}

// overrides are three pushes past the protection of a branch. Two were
// emergencies, with a ticket and a review afterwards; the third, on a Saturday,
// has neither.
func (s *scribe) overrides() {
	push := func(p *person, repo string, at time.Time, why event.Why) string {
		sha := s.hex(40)
		on := []event.Target{{Type: "branch", ID: repo + "/main", Name: "halcyon-freight/" + repo + ":main"}}
		e := p.at(srcGitHub, "protected_branch.policy_override", at, event.Change)
		e.Targets, e.Why, e.Where = on, why, event.Where{IP: p.home, UserAgent: agentGit}
		e.Detail = detail("reason", "required review missing", "after", sha)
		s.event(e)
		e = p.at(srcGitHub, "git.push", at.Add(time.Second), event.Change)
		e.Targets, e.Why, e.Where = on, why, event.Where{IP: p.home, UserAgent: agentGit}
		e.Detail = detail("ref", "refs/heads/main", "commits", 1, "protected", true, "after", sha)
		s.event(e)
		return sha
	}
	review := func(by, repo, sha string, at time.Time, why event.Why) {
		e := s.co.who(by).at(srcGitHub, "override.review", at, event.Change)
		e.Targets, e.Why, e.Detail = []event.Target{{Type: "commit", ID: sha, Name: "halcyon-freight/" + repo + "@" + sha[:10]}}, why, detail("conclusion", "accepted as emergency")
		s.event(e)
	}
	why := event.Why{Ticket: "EMG-14", Incident: "INC-198"}
	at := s.day(226, 22, 6)
	sha := push(s.co.who("clemency.osterhout"), "booking-core", at, why)
	review("hugo.vandersteen", "booking-core", sha, at.Add(37*time.Hour), why)
	why = event.Why{Ticket: "EMG-19", Incident: "INC-247"}
	at = s.emergency().Add(39 * time.Minute)
	sha = push(s.co.who("tamsin.iyer"), "infra-live", at, why)
	review("anselm.roukema", "infra-live", sha, at.Add(31*time.Hour), why)
	push(s.co.who("leopold.faraday"), "tracking-api", s.weekday(133, time.Saturday, 20, 47), event.Why{})
}

// deployedUntested are two deployments whose required check had not passed.
func (s *scribe) deployedUntested() {
	for i, before := range []int{258, 62} {
		c := release{author: s.co.who("kenzo.altamirano"), repo: "booking-core", number: 80_001 + i,
			ticket: "CHG-" + digits(81_001+i, 1), sha: s.hex(40), at: s.day(before, 16, 20)}
		s.check(c, c.at, "failure")
		s.deploy(c, c.at.Add(14*time.Minute), "failed")
	}
}

// schemaChanges are twenty-five by the migration role with a change behind
// them, and one typed by hand.
func (s *scribe) schemaChanges() {
	alter := func(at time.Time, who event.Actor, table, statement string, why event.Why) {
		s.event(event.Event{Source: srcDB, OccurredAt: at, Actor: who, Action: "table.alter", NativeAction: "ALTER TABLE", Category: event.Change,
			Outcome: event.Success, Targets: []event.Target{{Type: "table", ID: "orders." + table, Name: table}}, Why: why,
			Where: event.Where{IP: "192.0.2.30", Host: "orders-primary-1.halcyonfreight.example"}, Detail: detail("class", "DDL", "statement", statement)})
	}
	for i := range 25 {
		table := tables[i%len(tables)]
		ticket := "CHG-" + digits(70_000+i, 1)
		at := s.weekday(352-13*i, time.Tuesday, 10, 5+i)
		alter(at, service("migrator", "schema migration"), table, "alter table "+table+" add column ref_"+digits(i+1, 1)+" text", event.Why{Ticket: ticket, Change: "booking-core#" + digits(60_000+i, 1)})
	}
	p := s.co.who("yorick.dunmore")
	who := p.actor()
	who.Role = "orders_owner"
	alter(s.day(93, 23, 18), who, "public.customers", "alter table public.customers drop constraint customers_country_check", event.Why{})
}

// protectionOff is a rule switched off, a merge without review, and the rule
// switched on again twenty-six minutes later.
func (s *scribe) protectionOff() {
	p := s.co.who("soraya.lindgaard")
	at := s.day(44, 17, 2)
	on := []event.Target{{Type: "branch", ID: "web-portal/main", Name: "halcyon-freight/web-portal:main"}}
	e := p.at(srcGitHub, "protected_branch.update", at, event.Config)
	e.Targets, e.Detail = on, detail("required_reviews_before", 1, "required_reviews_after", 0)
	s.event(e)
	e = p.at(srcGitHub, "pull_request.merge", at.Add(11*time.Minute), event.Change)
	e.Targets = []event.Target{{Type: "pull_request", ID: "web-portal#80011", Name: "halcyon-freight/web-portal#80011"}}
	e.Detail = detail("merge_commit_sha", s.hex(40), "base", "main", "approvals", 0)
	s.event(e)
	e = p.at(srcGitHub, "protected_branch.update", at.Add(26*time.Minute), event.Config)
	e.Targets, e.Detail = on, detail("required_reviews_before", 0, "required_reviews_after", 1)
	s.event(e)
}
