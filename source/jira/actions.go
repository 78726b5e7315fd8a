package jira

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// actions are webhooks by their names, and what a changelog says by the field
// that matters most.
var actions = map[string]source.Action{
	"changelog":                         {Action: "issue.update", Category: event.Change},
	"changelog:status":                  {Action: "issue.transition", Category: event.Change},
	"changelog:status approved":         {Action: "issue.approve", Category: event.Change},
	"changelog:status rejected":         {Action: "issue.reject", Category: event.Change},
	"changelog:assignee":                {Action: "issue.assign", Category: event.Change},
	"jira:issue_created":                {Action: "issue.create", Category: event.Change},
	"jira:issue_updated":                {Action: "issue.update", Category: event.Change},
	"jira:issue_deleted":                {Action: "issue.delete", Category: event.Change},
	"comment_created":                   {Action: "issue.comment", Category: event.Change},
	"comment_updated":                   {Action: "issue.comment_update", Category: event.Change},
	"comment_deleted":                   {Action: "issue.comment_delete", Category: event.Change},
	"attachment_created":                {Action: "issue.attach", Category: event.Change},
	"attachment_deleted":                {Action: "issue.detach", Category: event.Change},
	"issuelink_created":                 {Action: "issue.link", Category: event.Change},
	"issuelink_deleted":                 {Action: "issue.unlink", Category: event.Change},
	"worklog_created":                   {Action: "issue.worklog", Category: event.Change},
	"worklog_updated":                   {Action: "issue.worklog_update", Category: event.Change},
	"worklog_deleted":                   {Action: "issue.worklog_delete", Category: event.Change},
	"jira:version_released":             {Action: "version.release", Category: event.Change},
	"jira:version_unreleased":           {Action: "version.unrelease", Category: event.Change},
	"jira:version_created":              {Action: "version.create", Category: event.Change},
	"jira:version_updated":              {Action: "version.update", Category: event.Change},
	"jira:version_deleted":              {Action: "version.delete", Category: event.Change},
	"user_created":                      {Action: "user.create", Category: event.Account},
	"user_updated":                      {Action: "user.update", Category: event.Account},
	"user_deleted":                      {Action: "user.delete", Category: event.Account},
	"project_created":                   {Action: "project.create", Category: event.Config},
	"project_updated":                   {Action: "project.update", Category: event.Config},
	"project_deleted":                   {Action: "project.delete", Category: event.Config},
	"project_soft_deleted":              {Action: "project.delete", Category: event.Config},
	"project_restored_deleted":          {Action: "project.restore", Category: event.Config},
	"project_archived":                  {Action: "project.archive", Category: event.Config},
	"project_restored_archived":         {Action: "project.restore", Category: event.Config},
	"jira_expression_evaluation_failed": {Action: "automation.fail", Category: event.System},
	"option_issuelinks_changed":         {Action: "setting.update", Category: event.Config},
	"option_attachments_changed":        {Action: "setting.update", Category: event.Config},
	"option_voting_changed":             {Action: "setting.update", Category: event.Config},
	"option_watching_changed":           {Action: "setting.update", Category: event.Config},
	"option_unassigned_issues_changed":  {Action: "setting.update", Category: event.Config},
	"option_subtasks_changed":           {Action: "setting.update", Category: event.Config},
	"option_timetracking_changed":       {Action: "setting.update", Category: event.Config},
	"board_configuration_changed":       {Action: "board.update", Category: event.Config},
}

// lookup returns what a native name means: as the table says, or jira. and the
// name itself, as a change.
func lookup(native string) source.Action {
	if a, ok := actions[native]; ok {
		return a
	}
	return source.Action{Action: source.ActionName("jira", strings.TrimPrefix(native, "jira:")), Category: event.Change}
}

// verdict says whether a status is one of approval: " approved", " rejected" or
// nothing.
func verdict(status string) string {
	words := strings.FieldsFunc(strings.ToLower(status), func(r rune) bool { return r < 'a' || r > 'z' })
	for i, w := range words {
		negated := i > 0 && (words[i-1] == "not" || words[i-1] == "un" || words[i-1] == "to" || words[i-1] == "be")
		if negated {
			continue
		}
		switch w {
		case "approved", "authorized", "authorised":
			return " approved"
		case "rejected", "declined", "denied":
			return " rejected"
		}
	}
	return ""
}
