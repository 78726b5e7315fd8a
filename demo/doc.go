// Package demo makes up a company and its last twelve months: Halcyon Freight,
// which books freight for two dozen shippers and runs in one cloud account. It
// is what evident demo serves, and good test data. It is not a load generator
// (bench/load is), and nothing in it is about anybody real: addresses lie in
// the ranges that are kept for documentation, names end in .example.
//
// Eleven sources: aws.cloudtrail/prod yields CloudTrail records, which go
// through the real mapping; okta/halcyon, github/halcyon-freight,
// kubernetes/prod, postgres/orders, app/billing, app/portal, jira/halcyon,
// hr.roster/people, oncall/rota and backup/nightly yield events of the schema.
//
// Most of it is everyday life, made by chance from a seed: some sixty people in
// three time zones sign in, look, write, review and release; machines do the
// rest. Into it are written the stories, which are the same for every seed, and
// which these filters find ([Stories] has them with their dates and counts):
//
//	action:role.grant -ticket:*
//	action:role.grant actor:kasimir.dunne@* detail.approved_by:kasimir.dunne@*
//	ticket:ACC-362
//	(actor:desmond.achterberg@* OR actor:dachterberg-hf) after:DATE
//	target:desmond.achterberg@* (action:person.terminate OR action:user.deactivate)
//	ip:203.0.113.241
//	incident:INC-204
//	source:okta/* action:user.create -ticket:*
//	action:mfa.reset -ticket:*
//	incident:INC-247
//	source:aws.cloudtrail/prod actor.role:*BreakGlassAdmin
//	action:pod.exec -ticket:*
//	action:protected_branch.policy_override
//	action:protected_branch.policy_override -ticket:*
//	actor:slindgaard-hf (action:protected_branch.update OR detail.approvals:0)
//	action:deployment.create detail.checks:failed
//	action:table.alter -ticket:*
//	outcome:denied (action:log.stop OR action:log.delete)
//	action:policy.attach category:privileged
//	source:aws.cloudtrail/prod "0.0.0.0/0"
//	source:aws.cloudtrail/prod actor.id:111122223333
//	region:sa-east-1
//	action:collector.resume
//	action:customer.export -approval:*
//	action:customer.impersonate -ticket:*
//	action:access_review.sign
//	action:access_review.sign detail.minutes:1
//	action:log_review.sign
//	action:backup.run -outcome:success
//	action:backup.restore_test
//
// Reading order: demo.go (the year, day by day), company.go (who), session.go,
// desk.go, deploy.go and machine.go (everyday life), routine.go, access.go,
// change.go, cloudstory.go and data.go (the stories), book.go and cloud.go (how
// events are written down).
package demo
