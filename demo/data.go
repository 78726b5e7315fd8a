package demo

import (
	"time"

	"example.com/evident/event"
)

// dataStories are about the customers' data.
func (s *scribe) dataStories() {
	s.exports()
	s.impersonations()
}

// exports of customer records are eighteen with an approval, and one by a
// saleswoman two weeks before she left.
func (s *scribe) exports() {
	names := []string{"zelda.kempinski", "talulah.bright", "rhoda.winterbourne"}
	out := func(p *person, at time.Time, rows int, to string, why event.Why) {
		e := p.at(srcPortal, "customer.export", at, event.Data)
		e.Targets, e.Why = []event.Target{{Type: "dataset", ID: "ds_customers", Name: "customers"}}, why
		e.Detail = detail("rows", rows, "format", "csv", "destination", to, "personal_data", true)
		s.event(e)
	}
	for i := range 18 {
		p := s.co.who(names[i%3])
		if p.joined > 0 && !p.here(347-19*i) {
			p = s.co.who(names[0])
		}
		n := digits(500+i, 1)
		out(p, s.day(347-19*i, 14, 2+i), 120+37*i, "finance share", event.Why{Ticket: "DPO-" + n, Approval: "APR-" + digits(6000+i, 1), Reason: "request of the customer"})
	}
	p := s.co.who("paloma.reyes")
	out(p, s.weekday(p.left+14, time.Sunday, 22, 9), 48_211, "download", event.Why{})
}

// impersonations are support looking at the portal as a customer: twenty-three
// with the customer's ticket, three without.
func (s *scribe) impersonations() {
	agents := []string{"ignace.mercer", "jemima.oduya", "kit.salonga", "maren.stavros"}
	for i := range 26 {
		p := s.co.who(agents[i%4])
		name := customers[(i*5)%len(customers)]
		why := event.Why{Ticket: "SUP-" + digits(7000+i, 1), Reason: "shown on the telephone"}
		if i == 8 || i == 17 || i == 21 {
			why, name = event.Why{}, "Sablefin Marine"
			p = s.co.who("kit.salonga")
		}
		at := s.day(352-13*i, 9, 30+i)
		e := p.at(srcPortal, "customer.impersonate", at, event.Privileged)
		e.Targets, e.Why, e.Detail = []event.Target{{Type: "customer", ID: customerID(name), Name: name}}, why, detail("minutes", 4+i%9)
		s.event(e)
	}
}
