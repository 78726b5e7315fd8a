package gcpaudit

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// lookup returns what an entry's call means: as the table says, or by the rule
// of the package comment.
func (r *record) lookup() source.Action {
	service, method := shortService(r.service), shortMethod(r.service, r.method)
	if a, ok := actions[service+":"+method]; ok {
		return a
	}
	resource, verb := "", method
	if i := strings.LastIndexByte(method, '.'); i >= 0 {
		resource, verb = method[:i], method[i+1:]
	}
	return source.Action{Action: source.ActionName(service, resource, verb), Category: r.category(service, method, verb)}
}

// shortService is compute for compute.googleapis.com.
func shortService(service string) string {
	service, _, _ = strings.Cut(service, ".")
	return service
}

// shortMethod is the end of a method's name that says what it does: the method of
// an RPC service, or resource and verb of a REST one, without versions.
//
//	google.iam.admin.v1.CreateRole       CreateRole
//	v1.compute.firewalls.insert          firewalls.insert
//	google.login.LoginService.logout     logout
//	storage.setIamPermissions            setIamPermissions
func shortMethod(service, method string) string {
	if i := strings.LastIndexByte(method, '/'); i >= 0 { // /Jobs.RunJob
		method = method[i+1:]
	}
	last := strings.LastIndexByte(method, '.')
	if last < 0 || last == len(method)-1 || upper(method[last+1]) {
		return method[last+1:]
	}
	before := strings.LastIndexByte(method[:last], '.')
	owner := method[before+1 : last]
	if owner == "" || upper(owner[0]) || owner == shortService(service) {
		return method[last+1:]
	}
	return method[before+1:]
}

// setsPolicy reports whether the method sets an IAM policy.
func setsPolicy(method string) bool {
	i := strings.LastIndexByte(method, '.')
	switch strings.ToLower(method[i+1:]) {
	case "setiampolicy", "setiampermissions", "setorgiampolicy":
		return true
	}
	return false
}

func (r *record) category(service, method, verb string) event.Category {
	switch log := r.log(); {
	case log == "data_access" && !r.readsConfiguration():
		return event.Data
	case log == "data_access", log == "system_event", reads(verb):
		return event.System
	}
	return ruled(service, method)
}

// readsConfiguration reports whether all that a call was allowed to do was to
// read configuration.
func (r *record) readsConfiguration() bool {
	n := 0
	for a := range source.Elements(r.authorization) {
		if source.MemberText(a, "permissionType") != "ADMIN_READ" {
			return false
		}
		n++
	}
	return n > 0
}

func reads(verb string) bool {
	for _, v := range []string{"Get", "List", "Search", "Query", "Check", "Lookup", "BatchGet", "Test", "Watch"} {
		for _, prefix := range []string{v, strings.ToLower(v[:1]) + v[1:]} {
			if rest, ok := strings.CutPrefix(verb, prefix); ok && (rest == "" || rest[0] < 'a') {
				return true
			}
		}
	}
	return verb == "aggregatedList"
}

// ruled is the category of a call that changes something and is not in the table.
func ruled(service, method string) event.Category {
	lower := strings.ToLower(method)
	switch service {
	case "login", "sts", "iamcredentials", "iap":
		return event.Authentication
	case "iam", "admin", "cloudidentity", "identitytoolkit", "oslogin", "apikeys":
		if strings.Contains(lower, "role") || strings.Contains(lower, "policy") || strings.Contains(lower, "permission") {
			return event.Access
		}
		if service == "admin" && strings.Contains(lower, "setting") {
			return event.Config
		}
		return event.Account
	case "privilegedaccessmanager":
		return event.Privileged
	case "cloudbuild", "clouddeploy", "run", "cloudfunctions", "appengine", "artifactregistry", "deploymentmanager", "config", "sourcerepo":
		return event.Change
	case "dns", "networkservices", "networksecurity", "networkconnectivity", "vpcaccess", "servicenetworking", "accesscontextmanager", "certificatemanager":
		return event.Network
	case "compute":
		for _, part := range []string{"firewall", "network", "route", "address", "forwardingrule", "vpn", "peering", "interconnect", "securitypolic", "proxies", "proxy", "backendservice", "urlmap"} {
			if strings.Contains(lower, part) {
				return event.Network
			}
		}
	}
	return event.Config
}

func upper(c byte) bool { return 'A' <= c && c <= 'Z' }
