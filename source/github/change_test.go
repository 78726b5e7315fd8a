package github_test

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/evident/event"
)

// landed is what commit.land says of a pull request that ana opened, whose only
// commit ana wrote and eve committed, which bo merged at nine.
func landed(t *testing.T, reviews ...object) (e event.Event, detail struct {
	Approvals  int
	ApprovedBy []string `json:"approved_by"`
	NotCounted []string `json:"not_counted"`
}) {
	t.Helper()
	p := mergeOf(7, "c1")
	e = mapped(t, object{"type": "commit", "repository": "acme/api", "branch": "main", "commit": commitOf("c1", "c0", "2026-03-01T09:00:00Z"), "pull_request": p, "reviews": reviews,
		"commits": []object{{"author": object{"login": "ana", "id": 1}, "committer": object{"login": "eve", "id": 5}}}})
	if err := json.Unmarshal(e.Detail, &detail); err != nil {
		t.Fatal(err)
	}
	return e, detail
}

func reviewOf(login string, id int, state, commit, at string) object {
	return object{"id": 80 + id, "user": object{"login": login, "id": id}, "state": state, "commit_id": commit, "submitted_at": "2026-03-01T" + at + ":00Z"}
}

func TestOnlyValidApprovalsCount(t *testing.T) {
	f := func(code, by, not string, reviews ...object) {
		t.Helper()
		e, d := landed(t, reviews...)
		if e.OutcomeCode != code || strings.Join(d.ApprovedBy, " ") != by || strings.Join(d.NotCounted, "; ") != not || d.Approvals != len(d.ApprovedBy) || e.Outcome != event.Success {
			t.Errorf("%v: %s, approved by %q, not counted %q", reviews, e.OutcomeCode, d.ApprovedBy, d.NotCounted)
		}
		if (e.Why.Approval != "") != (code == "approved") {
			t.Errorf("%v: why.approval is %q", reviews, e.Why.Approval)
		}
	}
	f("approved", "bo", "", reviewOf("bo", 2, "APPROVED", "a", "08:00"))
	f("approved", "bo", "", reviewOf("bo", 2, "approved", "a", "09:00")) // as webhooks write it; in the second of the merge
	f("approved", "bo", "", reviewOf("bo", 2, "APPROVED", "a", "08:00"), reviewOf("bo", 2, "APPROVED", "a", "08:10"))
	f("approved", "bo cy", "", reviewOf("bo", 2, "APPROVED", "a", "08:00"), reviewOf("cy", 3, "APPROVED", "a", "08:10"))
	f("approved", "bo", "", reviewOf("bo", 2, "CHANGES_REQUESTED", "a", "07:00"), reviewOf("bo", 2, "APPROVED", "a", "08:00"), reviewOf("bo", 2, "COMMENTED", "a", "08:30"))
	f("approved", "bo", "", reviewOf("bo", 2, "APPROVED", "a", "08:00"), reviewOf("bo", 2, "CHANGES_REQUESTED", "a", "09:30")) // after the merge
	f("approved", "bo", "", reviewOf("bo", 2, "APPROVED", "a", "08:00"), reviewOf("cy", 3, "CHANGES_REQUESTED", "a", "08:30")) // another's doubts
	f("not_approved", "", "")
	f("not_approved", "", "", reviewOf("bo", 2, "COMMENTED", "a", "08:00"))
	f("not_approved", "", "bo: of another commit, b", reviewOf("bo", 2, "APPROVED", "b", "08:00"))
	f("not_approved", "", "bo: after the merge", reviewOf("bo", 2, "APPROVED", "a", "09:01"))
	f("not_approved", "", "bo: dismissed", reviewOf("bo", 2, "DISMISSED", "a", "08:00"))
	f("not_approved", "", "bo: changes requested afterwards", reviewOf("bo", 2, "APPROVED", "a", "08:00"), reviewOf("bo", 2, "CHANGES_REQUESTED", "a", "08:30"))
	f("not_approved", "", "ana: the author", reviewOf("ana", 1, "APPROVED", "a", "08:00"))
	f("not_approved", "", "ana-renamed: the author", reviewOf("ana-renamed", 1, "APPROVED", "a", "08:00")) // the number is who it is
	f("not_approved", "", "eve: author or committer of a commit in it", reviewOf("eve", 5, "APPROVED", "a", "08:00"))
	f("not_approved", "", "check[bot]: a bot", reviewOf("check[bot]", 6, "APPROVED", "a", "08:00"))
	gone := reviewOf("", 0, "APPROVED", "a", "08:00")
	gone["user"] = nil
	f("not_approved", "", "unknown: an account that is gone", gone)
}
