package demo

import (
	"fmt"
	"time"
)

// Story is something that an auditor would look for in Halcyon Freight's year,
// and the filter that finds it.
type Story struct {
	Title  string // what to look at, a few words
	Tells  string // what is to be seen there
	Filter string // in the language of docs/filter.md
	Events int    // how many events the filter finds, whatever the seed and n
}

// Stories are the stories of the twelve months before now, those first that
// make the best beginning.
func Stories(now time.Time) []Story {
	y := newYear(now)
	leaver := newCompany().who("desmond.achterberg")
	left := y.dayAfter(leaver.left, 0, 0).AddDate(0, 0, 1).Format(time.DateOnly)
	return []Story{
		{"Roles granted without a ticket", "four of forty-seven grants name neither ticket nor approval", `action:role.grant -ticket:*`, 4},
		{"A role that its giver approved", "the IT lead approved what he granted himself", `action:role.grant actor:kasimir.dunne@* detail.approved_by:kasimir.dunne@*`, 1},
		{"A role granted before it was approved", "request, grant, and the approval five hours after it", `ticket:ACC-362`, 3},
		{"A leaver who came back", "a token cloned three repositories, and a sign-in succeeded, after the last day", fmt.Sprintf(`(actor:desmond.achterberg@* OR actor:dachterberg-hf) after:%s`, left), 5},
		{"A leaver's account, closed late", "end of employment, and the account closed nineteen days later", `target:desmond.achterberg@* (action:person.terminate OR action:user.deactivate)`, 2},
		{"Password guessing", "thirty-six failures on twelve accounts in six minutes, then one right password that ended at the second factor", `ip:203.0.113.241`, 39},
		{"An incident, from alert to triage", "the alert on the guessing, and who looked at it when", `incident:INC-204`, 2},
		{"An account that belongs to nobody", "made at night without a request; no such person is on the roster", `source:okta/* action:user.create -ticket:*`, 1},
		{"Second factors reset without a ticket", "two of seventeen", `action:mfa.reset -ticket:*`, 2},
		{"Break-glass access, with its review", "alert, repair past the pipeline, and a review by somebody else", `incident:INC-247`, 7},
		{"What was done with the sealed role", "five calls under the break-glass role", `source:aws.cloudtrail/prod actor.role:*BreakGlassAdmin`, 5},
		{"A shell in production, off call", "two, without a ticket", `action:pod.exec -ticket:*`, 2},
		{"Pushed past branch protection", "three; two were emergencies and reviewed", `action:protected_branch.policy_override`, 3},
		{"… and one that nobody reviewed", "a Saturday evening, no ticket", `action:protected_branch.policy_override -ticket:*`, 1},
		{"Branch protection off and on again", "off, a merge without review, on again within half an hour", `actor:slindgaard-hf (action:protected_branch.update OR detail.approvals:0)`, 3},
		{"Deployed with a failed check", "two deployments to production", `action:deployment.create detail.checks:failed`, 2},
		{"A schema change by hand", "one of twenty-six has no change behind it", `action:table.alter -ticket:*`, 1},
		{"An attempt to stop the logging", "by a contractor in his last week; denied", `outcome:denied (action:log.stop OR action:log.delete)`, 2},
		{"Full rights, given by hand", "a policy attached in the console, past the pipeline", `action:policy.attach category:privileged`, 1},
		{"A database open to the world", "the port of PostgreSQL for 0.0.0.0/0, closed nine hours later", `source:aws.cloudtrail/prod "0.0.0.0/0"`, 2},
		{"The root user", "one sign-in and two calls, for an invoice", `source:aws.cloudtrail/prod actor.id:111122223333`, 3},
		{"A region where nothing runs", "a leaked key looks around and tries to start machines", `region:sa-east-1`, 9},
		{"A source that fell silent", "the collector of the database's log, for a weekend; the histogram of source:postgres/orders has a hole", `action:collector.resume`, 1},
		{"Customer records exported without approval", "48,211 of them on a Sunday night, two weeks before a leaver's last day", `action:customer.export -approval:*`, 1},
		{"Support in a customer's place, without a ticket", "three of twenty-six, the same customer each time", `action:customer.impersonate -ticket:*`, 3},
		{"Access reviews", "nineteen of twenty: one quarter of kubernetes is missing", `action:access_review.sign`, 19},
		{"An access review of one minute", "eighty-three accounts, kept or revoked within a minute", `action:access_review.sign detail.minutes:1`, 1},
		{"Weekly log reviews", "forty-nine of fifty-one weeks", `action:log_review.sign`, 49},
		{"Backups that failed", "three nights; one was not run again", `action:backup.run -outcome:success`, 3},
		{"Restore tests", "one a quarter; one failed and was repeated", `action:backup.restore_test`, 5},
	}
}
