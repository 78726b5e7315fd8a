package entrasignin

import (
	"strings"

	"example.com/evident/event"
	"example.com/evident/source"
)

// Bounds of lists in detail.
const (
	maxPolicies = 16
	maxMethods  = 8
)

// record is what the mapping looks at, of whatever shape it came in.
type record struct {
	id, category, created, logged, correlation, tenant string
	userID, userName, upn, userType                    string
	principalID, principalName, credential, keyID      string
	appID, appName, resourceID, resourceName           string
	code, reason, description, additional              string
	ip, userAgent, client, session, isInteractive      string
	access, requirement, riskLevel, riskState, method  string
	crossTenant, protocol, country, city               string
	eventTypes, steps, policies, device                []byte
}

// read takes a record's members: those of a sign-in, and those that diagnostic
// settings put around it.
func read(raw []byte) (r record) {
	signIn := raw
	for name, v := range source.Members(raw) {
		if strings.EqualFold(name, "properties") {
			if p := source.Object(v); p != nil {
				signIn = p
			}
		}
	}
	for name, v := range source.Members(signIn) {
		r.member(strings.ToLower(name), v)
	}
	if len(signIn) == len(raw) {
		return r
	}
	for name, v := range source.Members(raw) {
		r.around(strings.ToLower(name), v)
	}
	return r
}

// around reads what stands around a sign-in, where the sign-in itself is silent.
func (r *record) around(name string, v []byte) {
	switch name {
	case "category":
		r.category = source.Text(v)
	case "time":
		r.logged = source.Text(v)
	case "tenantid":
		r.tenant = source.Text(v)
	case "calleripaddress":
		set(&r.ip, v)
	case "correlationid":
		set(&r.correlation, v)
	case "identity":
		set(&r.userName, v)
	case "resulttype":
		set(&r.code, v)
	case "resultdescription":
		set(&r.description, v)
	}
}

// set keeps what is there already.
func set(s *string, v []byte) {
	if *s == "" {
		*s = source.Text(v)
	}
}

// text is where the text of a member goes, by its name in lower case.
func (r *record) text(name string) *string {
	if s := r.caller(name); s != nil {
		return s
	}
	switch name {
	case "id":
		return &r.id
	case "category":
		return &r.category
	case "createddatetime":
		return &r.created
	case "timegenerated":
		return &r.logged
	case "correlationid":
		return &r.correlation
	case "tenantid", "aadtenantid":
		return &r.tenant
	case "appid":
		return &r.appID
	case "appdisplayname":
		return &r.appName
	case "resourceid", "resourceidentity":
		return &r.resourceID
	case "resourcedisplayname":
		return &r.resourceName
	case "ipaddress":
		return &r.ip
	case "useragent":
		return &r.userAgent
	case "clientappused":
		return &r.client
	case "sessionid":
		return &r.session
	case "isinteractive":
		return &r.isInteractive
	case "conditionalaccessstatus":
		return &r.access
	case "authenticationrequirement":
		return &r.requirement
	case "risklevelduringsignin":
		return &r.riskLevel
	case "riskstate":
		return &r.riskState
	case "crosstenantaccesstype":
		return &r.crossTenant
	case "authenticationprotocol":
		return &r.protocol
	case "resultdescription":
		return &r.description
	}
	return nil
}

// caller is text for the members that say who signed in.
func (r *record) caller(name string) *string {
	switch name {
	case "userid":
		return &r.userID
	case "userdisplayname":
		return &r.userName
	case "userprincipalname":
		return &r.upn
	case "usertype":
		return &r.userType
	case "serviceprincipalid":
		return &r.principalID
	case "serviceprincipalname":
		return &r.principalName
	case "clientcredentialtype":
		return &r.credential
	case "serviceprincipalcredentialkeyid":
		return &r.keyID
	}
	return nil
}

// member reads one member of a sign-in.
func (r *record) member(name string, v []byte) {
	if s := r.text(name); s != nil {
		*s = source.Text(v)
		return
	}
	switch name {
	case "resulttype":
		set(&r.code, v)
	case "status":
		for name, v := range source.Members(source.Object(v)) {
			switch strings.ToLower(name) {
			case "errorcode":
				r.code = source.Text(v)
			case "failurereason":
				r.reason = source.Text(v)
			case "additionaldetails":
				r.additional = source.Text(v)
			}
		}
	case "uniquetokenidentifier":
		set(&r.session, v)
	case "location", "locationdetails":
		if o := source.Object(v); o != nil {
			r.country, r.city = source.MemberText(o, "countryOrRegion"), source.MemberText(o, "city")
		} else {
			set(&r.country, v)
		}
	case "mfadetail":
		r.method = source.MemberText(source.Object(v), "authMethod")
	case "devicedetail":
		r.device = source.Object(v)
	case "signineventtypes":
		r.eventTypes = v
	case "authenticationdetails":
		r.steps = source.Array(v)
	case "appliedconditionalaccesspolicies", "conditionalaccesspolicies":
		r.policies = source.Array(v)
	}
}

// details adds what else there is to know of a sign-in.
func (r *record) details(d *source.Detail) {
	if !event.ValidEmail(r.upn) && r.upn != r.userName {
		d.Text("user_principal_name", r.upn)
	}
	d.Text("user_type", r.userType)
	d.Text("client", r.client)
	d.Text("conditional_access", r.access)
	var failed []string
	for p := range source.Elements(r.policies) {
		if strings.EqualFold(source.MemberText(p, "result"), "failure") && len(failed) < maxPolicies {
			failed = append(failed, source.MemberText(p, "displayName"))
		}
	}
	d.Texts("failed_policies", failed)
	d.Text("requirement", r.requirement)
	d.Texts("methods", r.methods())
	if r.riskLevel != "none" {
		d.Text("risk_level", r.riskLevel)
	}
	if r.riskState != "none" {
		d.Text("risk_state", r.riskState)
	}
	d.Text("device", source.MemberText(r.device, "displayName"))
	d.Text("device_id", source.MemberText(r.device, "deviceId"))
	d.Text("operating_system", source.MemberText(r.device, "operatingSystem"))
	d.Text("browser", source.MemberText(r.device, "browser"))
	d.Scalar("device_compliant", source.Member(r.device, "isCompliant"))
	d.Scalar("device_managed", source.Member(r.device, "isManaged"))
	d.Text("country", r.country)
	d.Text("city", r.city)
	for _, s := range []struct{ name, value string }{{"cross_tenant", r.crossTenant}, {"protocol", r.protocol}, {"credential", r.credential}} {
		if s.value != "none" {
			d.Text(s.name, s.value)
		}
	}
	d.Text("credential_key", r.keyID)
}

// methods lists how somebody authenticated, step by step.
func (r *record) methods() (names []string) {
	for step := range source.Elements(r.steps) {
		if name := source.MemberText(step, "authenticationMethod"); name != "" && len(names) < maxMethods {
			names = append(names, name)
		}
	}
	if len(names) == 0 && r.method != "" {
		names = append(names, r.method)
	}
	return names
}

// mfa says whether more than one factor was used, of a sign-in that succeeded.
func (r *record) mfa() *bool {
	yes := strings.EqualFold(r.requirement, "multiFactorAuthentication") || satisfied(r.additional)
	for step := range source.Elements(r.steps) {
		result := source.MemberText(step, "authenticationStepResultDetail")
		yes = yes || satisfied(result) || source.MemberText(step, "succeeded") == "true" && strong(source.MemberText(step, "authenticationMethod"))
	}
	if yes || strings.EqualFold(r.requirement, "singleFactorAuthentication") {
		return &yes
	}
	return nil
}

// satisfied reports whether Entra says that a second factor was there.
func satisfied(words string) bool {
	return strings.HasPrefix(words, "MFA requirement satisfied") || strings.HasPrefix(words, "MFA completed") || strings.HasPrefix(words, "MFA successfully completed")
}

// strong reports whether a method is two factors by itself.
func strong(method string) bool {
	switch {
	case strings.HasPrefix(method, "Passkey"), strings.HasPrefix(method, "FIDO2"), strings.HasPrefix(method, "Windows Hello"),
		strings.HasPrefix(method, "X.509 Certificate (Multi"), strings.HasPrefix(method, "Microsoft Authenticator (phone sign-in)"):
		return true
	}
	return false
}
