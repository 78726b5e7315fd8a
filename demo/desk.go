package demo

import (
	"strings"
	"time"

	"example.com/evident/event"
)

// The desk: what the people do who write no code.

func (b *book) changeGroup(s *session) {
	member := pick(b, b.co.people)
	e := s.act(s.now, srcOkta, pick(b, []string{"group.add_member", "group.add_member", "group.remove_member"}), event.Access)
	verb, _, _ := strings.Cut(strings.TrimPrefix(e.Action, "group."), "_")
	e.NativeAction = "group.user_membership." + verb
	group := "team-" + teamNames[b.r.IntN(int(teamCount))]
	e.Targets = []event.Target{{Type: "group", ID: "00g" + letters(group, 17), Name: group}, member.target()}
	n := digits(2000+b.r.IntN(900), 1)
	e.Why = event.Why{Ticket: "ITS-" + n, Approval: "APR-" + n}
	b.event(e)
}

func (b *book) unlockUser(s *session) {
	e := s.act(s.now, srcOkta, "user.unlock", event.Account)
	e.NativeAction, e.Targets = "user.account.unlock", []event.Target{pick(b, b.co.people).target()}
	e.Why.Ticket = "ITS-" + digits(2000+b.r.IntN(900), 1)
	b.event(e)
}

func (b *book) viewCustomer(s *session) {
	for range 1 + b.r.IntN(5) {
		name := pick(b, customers)
		e := s.act(s.step(b, 20*time.Second, 6*time.Minute), srcPortal, "customer.view", event.Data)
		e.Targets = []event.Target{{Type: "customer", ID: customerID(name), Name: name}}
		if s.team == teamSupport {
			e.Why.Ticket = "SUP-" + digits(1000+b.r.IntN(4000), 1)
		}
		if b.chance(80) {
			e.Outcome, e.OutcomeCode, e.OutcomeReason = event.Denied, "403", "customer belongs to another region"
		}
		b.event(e)
	}
}

func (b *book) editShipment(s *session) {
	e := s.act(s.now, srcPortal, "shipment.update", event.Data)
	n := "HFX" + digits(10_000_000+b.r.IntN(80_000_000), 8)
	e.Targets = []event.Target{{Type: "shipment", ID: n, Name: n}}
	e.Why.Ticket = "SUP-" + digits(1000+b.r.IntN(4000), 1)
	e.Detail = detail("field", pick(b, []string{"pickup_window", "consignee", "dock"}))
	b.event(e)
}

func (b *book) viewInvoice(s *session) {
	for range 1 + b.r.IntN(4) {
		e := s.act(s.step(b, 20*time.Second, 4*time.Minute), srcBill, "invoice.view", event.Data)
		e.Targets = []event.Target{b.invoice()}
		b.event(e)
	}
}

func (b *book) adjustInvoice(s *session) {
	e := s.act(s.now, srcBill, pick(b, []string{"invoice.adjust", "invoice.void", "credit.issue"}), event.Data)
	e.Targets = []event.Target{b.invoice()}
	e.Why = event.Why{Ticket: "FIN-" + digits(100+b.r.IntN(400), 1), Approval: "APR-" + digits(100+b.r.IntN(400), 1)}
	e.Detail = detail("amount", digits(20+b.r.IntN(4000), 1)+".00", "currency", "EUR")
	b.event(e)
}

func (b *book) invoice() event.Target {
	n := "INV-" + digits(100_000+b.r.IntN(90_000), 6)
	return event.Target{Type: "invoice", ID: n, Name: n}
}

func (b *book) viewDashboard(s *session) {
	e := s.act(s.now, srcPortal, "dashboard.view", event.Data)
	e.Targets = []event.Target{{Type: "dashboard", ID: "dash_lanes", Name: "Lanes and margins"}}
	b.event(e)
}
