package entraaudit

import (
	"strings"

	"example.com/evident/source"
)

// record is what the mapping looks at, of whatever shape it came in.
type record struct {
	id, activity, category, operation, service, result, reason string
	done, logged, correlation, tenant, callerIP, userAgent     string
	identity, ip                                               string
	outer                                                      string // category of the record around it
	user, app                                                  []byte // of initiatedBy
	targets, additional                                        []byte
}

// read takes a record's members: those of a directoryAudit, and those that
// diagnostic settings put around it. A row of Log Analytics is its own directoryAudit.
func read(raw []byte) (r record) {
	audit := raw
	for name, v := range source.Members(raw) {
		if strings.EqualFold(name, "properties") {
			if p := source.Object(v); p != nil {
				audit = p
			}
		}
	}
	for name, v := range source.Members(audit) {
		r.member(strings.ToLower(name), v)
	}
	for name, v := range source.Members(raw) {
		r.around(strings.ToLower(name), v)
	}
	return r
}

// around reads what stands around a directoryAudit, where it is silent itself.
func (r *record) around(name string, v []byte) {
	switch name {
	case "category":
		r.outer = source.Text(v)
	case "time", "timegenerated":
		r.logged = source.Text(v)
	case "tenantid", "aadtenantid":
		r.tenant = source.Text(v)
	case "calleripaddress", "ipaddress":
		set(&r.callerIP, v)
	case "correlationid":
		set(&r.correlation, v)
	case "operationname":
		set(&r.activity, v)
	case "identity":
		r.identity = source.Text(v)
	case "resultdescription":
		set(&r.reason, v)
	}
}

// set keeps what is there already.
func set(s *string, v []byte) {
	if *s == "" {
		*s = source.Text(v)
	}
}

// member reads one member of a directoryAudit.
func (r *record) member(name string, v []byte) {
	switch name {
	case "id":
		r.id = source.Text(v)
	case "activitydisplayname":
		r.activity = source.Text(v)
	case "category":
		r.category = source.Text(v)
	case "operationtype", "aadoperationtype":
		r.operation = source.Text(v)
	case "loggedbyservice":
		r.service = source.Text(v)
	case "result":
		r.result = source.Text(v)
	case "resultreason":
		r.reason = source.Text(v)
	case "activitydatetime":
		r.done = source.Text(v)
	case "correlationid":
		r.correlation = source.Text(v)
	case "tenantid", "aadtenantid":
		r.tenant = source.Text(v)
	case "useragent":
		r.userAgent = source.Text(v)
	case "initiatedby":
		for name, v := range source.Members(source.Object(v)) {
			switch strings.ToLower(name) {
			case "user":
				r.user = source.Object(v)
			case "app":
				r.app = source.Object(v)
			}
		}
	case "targetresources":
		r.targets = source.Array(v)
	case "additionaldetails":
		r.additional = source.Array(v)
	}
}
