package kubernetesaudit

import (
	"net/url"
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Bounds of what is taken out of one event.
const (
	maxTargets = 16
	maxImages  = 16
)

// targets returns what the request is about.
func (r *record) targets() []event.Target {
	o := &r.object
	if o.resource == "" {
		path, _, _ := strings.Cut(r.uri, "?")
		if path == "" {
			return nil
		}
		return []event.Target{{Type: "url", ID: path}}
	}
	name := o.name
	if name == "" && r.verb == "create" { // the server makes names of generateName
		name = source.MemberText(r.answer, "metadata", "name")
	}
	return []event.Target{Target(o.group, o.resource, o.namespace, name)}
}

// Target names an object of Kubernetes, or all of a resource if it has no name.
func Target(group, resource, namespace, name string) event.Target {
	t := event.Target{Type: resource, ID: resource, Name: name}
	if group != "" && group != "core" {
		t.Type += "." + group
	}
	if namespace != "" {
		t.ID = namespace + "/" + t.ID
	}
	if name != "" {
		t.ID += "/" + name
	}
	t.Type, t.ID = source.Clip(t.Type), source.Clip(t.ID)
	return t
}

// finish adds the time, and the parts of a request that give its action a
// meaning: never values, environments or bodies.
func (r *record) finish(e *event.Event) {
	d := make(source.Detail, 0, 256)
	r.time(&d, e)
	d.Text("stage", r.stage)
	d.Text("namespace", r.object.namespace)
	if len(r.impersonated) > 0 {
		e.Category = event.Privileged
		d.Text("impersonated_user", source.MemberText(r.impersonated, "username"))
		d.Texts("impersonated_groups", texts(source.Member(r.impersonated, "groups")))
	}
	if len(r.user.extra) > 2 {
		d.Text("credential", firstOf(source.Member(r.user.extra, "accessKeyId")))
		d.Text("aws_arn", firstOf(source.Member(r.user.extra, "arn")))
		d.Text("pod", firstOf(source.Member(r.user.extra, "authentication.kubernetes.io/pod-name")))
	}
	if ips := texts(r.sourceIPs); len(ips) > 1 {
		d.Texts("source_ips", ips)
	}
	if r.decision != "allow" {
		d.Text("decision", r.decision)
	}
	d.Text("pod_security_violations", r.violations)
	if query := r.query(); query != nil {
		d.Flag("dry_run", query.Get("dryRun") != "")
		if r.object.subresource == "exec" {
			d.Text("command", strings.Join(query["command"], " "))
		}
		if r.object.resource == "pods" {
			d.Text("container", query.Get("container"))
		}
	}
	switch {
	case strings.HasSuffix(r.object.resource, "rolebindings") && !reads(r.verb):
		r.bound(&d, e)
	case r.object.resource == "pods" && r.object.subresource == "" && r.verb == "create":
		r.pod(&d, e, source.Member(r.request, "spec"))
	case r.object.group == "apps" || r.object.group == "batch":
		r.pod(&d, e, source.Member(r.request, "spec", "template", "spec"))
	}
	e.Detail = d.Object()
}

// time is when the request came; an event that does not tell happened when it
// arrived, and says so.
func (r *record) time(d *source.Detail, e *event.Event) {
	for _, s := range []string{r.received, r.stamped, r.staged} {
		if t, ok := source.Time(s); ok {
			e.OccurredAt = t
			return
		}
	}
	d.Text("time_of", "arrival")
	d.Text("native_time", r.received)
}

// query parses the query of the request if it may say something; most do not.
func (r *record) query() url.Values {
	_, query, _ := strings.Cut(r.uri, "?")
	if r.object.subresource != "exec" && r.object.subresource != "attach" && r.object.subresource != "log" && !strings.Contains(query, "dryRun=") {
		return nil
	}
	values, _ := url.ParseQuery(query) // what is broken is left out
	return values
}

// bound adds what a role binding grants, and to whom.
func (r *record) bound(d *source.Detail, e *event.Event) {
	binding := r.request
	if source.Member(binding, "roleRef") == nil || source.Member(binding, "subjects") == nil { // a patch, or a deletion
		binding = r.answer
	}
	role := source.Member(binding, "roleRef")
	kind, name := source.MemberText(role, "kind"), source.MemberText(role, "name")
	if name == "" {
		return
	}
	d.Text("granted_role", kind+"/"+name)
	if name == "cluster-admin" && e.Action == "role.grant" {
		e.Category = event.Privileged
	}
	e.Targets = append(Subjects(source.Member(binding, "subjects")), e.Targets...)
}

// Subjects returns whom a role binding names.
func Subjects(subjects []byte) (targets []event.Target) {
	for s := range source.Elements(subjects) {
		t := event.Target{Type: source.MemberText(s, "kind"), ID: source.MemberText(s, "name")}
		if namespace := source.MemberText(s, "namespace"); namespace != "" {
			t.ID = source.Clip(namespace + "/" + t.ID)
		}
		if t.ID != "" && len(targets) < maxTargets {
			targets = append(targets, t)
		}
	}
	return targets
}

// pod adds the images that a pod runs and what power over its host it asks for.
func (r *record) pod(d *source.Detail, e *event.Event, spec []byte) {
	if len(spec) == 0 {
		return
	}
	var images, powers []string
	for name, v := range source.Members(spec) {
		switch name {
		case "hostNetwork", "hostPID", "hostIPC":
			if string(v) == "true" {
				powers = append(powers, name)
			}
		case "containers", "initContainers", "ephemeralContainers":
			for c := range source.Elements(v) {
				if len(images) < maxImages {
					images = append(images, source.MemberText(c, "image"))
				}
				if string(source.Member(c, "securityContext", "privileged")) == "true" && len(powers) < maxImages {
					powers = append(powers, "privileged")
				}
			}
		case "volumes":
			for volume := range source.Elements(v) {
				if path := source.MemberText(volume, "hostPath", "path"); path != "" && len(powers) < maxImages {
					powers = append(powers, "hostPath:"+path)
				}
			}
		}
	}
	d.Texts("images", images)
	d.Texts("host_powers", powers)
	if len(powers) > 0 && !reads(r.verb) {
		e.Category = event.Privileged
	}
}

func texts(array []byte) (s []string) {
	for v := range source.Elements(array) {
		if len(s) < maxTargets {
			s = append(s, source.Text(v))
		}
	}
	return s
}
