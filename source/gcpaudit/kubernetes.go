package gcpaudit

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
	"example.com/evident/source/kubernetesaudit"
)

// kubernetes reads an entry of GKE, which holds a request to a cluster's API
// server: method io.k8s.core.v1.pods.exec.create, resource
// core/v1/namespaces/shop/pods/web-1/exec.
func (r *record) kubernetes(d *source.Detail, e *event.Event) {
	verb, group, resource, sub := kubernetesMethod(r.method)
	parts := strings.Split(r.resourceName, "/")
	if len(parts) > 2 && resource != "" && parts[0] != "" {
		group = parts[0]
	}
	if group == "core" {
		group = ""
	}
	a := kubernetesaudit.Lookup(verb, group, resource, sub)
	e.Action, e.Category = a.Action, a.Category
	if e.OutcomeCode == "16" {
		e.Category = event.Authentication
	}
	namespace, object := "", ""
	for i := 2; i+1 < len(parts); i++ {
		switch {
		case parts[i] == resource:
			object = parts[i+1]
		case parts[i] == "namespaces":
			namespace = parts[i+1]
		}
	}
	if strings.HasSuffix(resource, "rolebindings") {
		if role := source.Member(r.request, "roleRef"); role != nil {
			d.Text("granted_role", source.MemberText(role, "kind")+"/"+source.MemberText(role, "name"))
			if source.MemberText(role, "name") == "cluster-admin" && a.Action == "role.grant" {
				e.Category = event.Privileged
			}
			e.Targets = kubernetesaudit.Subjects(source.Member(r.request, "subjects"))
		}
	}
	if resource != "" {
		target(e, kubernetesaudit.Target(group, resource, namespace, object))
	} else {
		target(e, event.Target{Type: "url", ID: r.resourceName})
	}
	d.Text("namespace", namespace)
	d.Text("cluster", source.MemberText(r.resource.labels, "cluster_name"))
	if reason := source.MemberText(r.labels, "authorization.k8s.io/reason"); reason != "" && source.MemberText(r.labels, "authorization.k8s.io/decision") == "allow" {
		e.Why.Policy = reason
	}
}

// kubernetesMethod takes a method's name apart. Behind the version stand the
// resource, its subresource if there is one, and the verb.
func kubernetesMethod(method string) (verb, group, resource, sub string) {
	parts := strings.Split(method, ".")
	verb = parts[len(parts)-1]
	for i, p := range parts {
		if !version(p) || i+2 >= len(parts) {
			continue
		}
		rest := parts[i+1 : len(parts)-1]
		if strings.HasPrefix(method, "io.k8s.") {
			group = kubernetesGroup(parts[2:i])
		} else {
			group = strings.Join(parts[:i], ".")
		}
		return verb, group, rest[0], strings.Join(rest[1:], "/")
	}
	return verb, "", "", ""
}

// kubernetesGroup is the group of a method whose resource does not tell.
func kubernetesGroup(parts []string) string {
	group := strings.Join(parts, ".")
	switch group {
	case "core", "apps", "batch", "autoscaling", "policy", "extensions", "":
		return group
	}
	return group + ".k8s.io"
}

// version reports whether s is one, such as v1 or v2beta1.
func version(s string) bool {
	return len(s) > 1 && s[0] == 'v' && '0' <= s[1] && s[1] <= '9'
}
