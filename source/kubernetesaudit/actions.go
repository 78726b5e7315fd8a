package kubernetesaudit

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Lookup returns what a request to the API server means: as the table says, or
// by the rule of the package comment. resource is empty for requests that are not
// about one.
func Lookup(verb, group, resource, subresource string) source.Action {
	if resource == "" {
		return source.Action{Action: source.ActionName("kubernetes", verb), Category: event.System}
	}
	var room [96]byte
	key := append(append(append(room[:0], verb...), ' '), resource...)
	if subresource != "" {
		key = append(append(key, '/'), subresource...)
	}
	if own(group) {
		if a, ok := actions[string(key)]; ok {
			return a
		}
	}
	category := event.System
	if !reads(verb) {
		category = ruled(group, resource, subresource)
	}
	return source.Action{Action: source.ActionName("kubernetes", string(key)), Category: category}
}

func reads(verb string) bool {
	switch verb {
	case "get", "list", "watch", "head", "options":
		return true
	}
	return false
}

// own reports whether the group is one of Kubernetes itself.
func own(group string) bool {
	switch group {
	case "", "core", "apps", "batch", "autoscaling", "policy", "extensions":
		return true
	}
	return strings.HasSuffix(group, ".k8s.io")
}

// ruled is the category of a request that writes and is not in the table.
func ruled(group, resource, subresource string) event.Category {
	switch {
	case group == "rbac.authorization.k8s.io":
		return event.Access
	case !own(group):
		return event.Config
	case subresource == "status", resource == "events", resource == "leases", resource == "endpoints", resource == "endpointslices",
		resource == "bindings", resource == "csinodes", resource == "volumeattachments", strings.HasSuffix(resource, "reviews"):
		return event.System
	case group == "certificates.k8s.io", resource == "serviceaccounts":
		return event.Account
	case resource == "secrets":
		return event.Data
	case strings.HasSuffix(group, "networking.k8s.io"), resource == "services", resource == "networkpolicies":
		return event.Network
	case group == "apps", group == "batch", group == "autoscaling", resource == "pods", resource == "replicationcontrollers", resource == "podtemplates":
		return event.Change
	}
	return event.Config
}
