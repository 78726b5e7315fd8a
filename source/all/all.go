// Package all lists every kind of source that the server knows.
package all

import (
	"strings"

	"example.com/evident/source"
	"example.com/evident/source/awscloudtrail"
	"example.com/evident/source/awsconfig"
	"example.com/evident/source/azureactivity"
	"example.com/evident/source/entraaudit"
	"example.com/evident/source/entrasignin"
	"example.com/evident/source/gcpaudit"
	"example.com/evident/source/github"
	"example.com/evident/source/gitlab"
	"example.com/evident/source/googleworkspace"
	"example.com/evident/source/hrroster"
	"example.com/evident/source/jira"
	"example.com/evident/source/json"
	"example.com/evident/source/kubernetesaudit"
	"example.com/evident/source/linux"
	"example.com/evident/source/log"
	"example.com/evident/source/okta"
	"example.com/evident/source/pagerduty"
	"example.com/evident/source/postgres"
	"example.com/evident/source/snapshot"
)

// Kinds is in the order in which documentation shows them.
var Kinds = []source.Kind{
	json.Kind,
	log.Kind,
	awscloudtrail.Kind,
	gcpaudit.Kind,
	azureactivity.Kind,
	entrasignin.Kind,
	entraaudit.Kind,
	googleworkspace.Kind,
	kubernetesaudit.Kind,
	okta.Kind,
	github.Kind,
	gitlab.Kind,
	linux.Kind,
	postgres.Kind,
	hrroster.Kind,
	awsconfig.Kind,
	snapshot.Kind,
	jira.Kind,
	pagerduty.Kind,
}

// Lookup returns the kind called name.
func Lookup(name string) (source.Kind, bool) { return lookup(Kinds, name) }

func lookup(kinds []source.Kind, name string) (source.Kind, bool) {
	for _, k := range kinds {
		if k.Name == name {
			return k, true
		}
	}
	return source.Kind{}, false
}

// Of returns the kind of the source called name: that whose name stands before
// the slash. Any other source sends events in the schema, as app/billing does.
func Of(name string) source.Kind { return Among(Kinds, name) }

// Among is Of for a server that knows other kinds, too.
func Among(kinds []source.Kind, name string) source.Kind {
	kind, _, _ := strings.Cut(name, "/")
	if k, ok := lookup(kinds, kind); ok {
		return k
	}
	return json.Kind
}
