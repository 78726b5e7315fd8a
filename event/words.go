package event

// Category sorts actions into the few kinds that auditors ask for.
type Category string

// The categories. Meaning says what each holds.
const (
	Authentication Category = "authentication"
	Account        Category = "account"
	Access         Category = "access"
	Privileged     Category = "privileged"
	Data           Category = "data"
	Config         Category = "config"
	Change         Category = "change"
	Network        Category = "network"
	System         Category = "system"
)

// Categories lists every category, in the order in which documentation shows
// them.
var Categories = []Category{Authentication, Account, Access, Privileged, Data, Config, Change, Network, System}

// Meaning says in one sentence what belongs to the category.
func (c Category) Meaning() string {
	switch c {
	case Authentication:
		return "Somebody or something showed who it is, or failed to: sign-ins, sessions, second factors, assumed roles, issued tokens."
	case Account:
		return "An identity or its credentials came, changed or went: users, groups, keys, passwords, second factors."
	case Access:
		return "Who may do what was changed or asked for: grants, roles, policies, memberships."
	case Privileged:
		return "Power beyond everyday work was given or used: administrator rights, root, break-glass, shells on hosts, impersonation."
	case Data:
		return "The business's data or its secrets were read, written, exported or deleted."
	case Config:
		return "A setting of a system was changed, those of logging, encryption and detection first of all."
	case Change:
		return "Software or infrastructure went towards production: reviews, builds, deployments, stacks, images."
	case Network:
		return "What can be reached from where was changed: firewalls, routes, gateways, addresses, names."
	case System:
		return "The machinery itself, read-only looks at it, and what fits nowhere else; also what could not be mapped."
	}
	return ""
}

// Outcome is what came of an action.
type Outcome string

// The outcomes. Denied: a caller was refused by policy. Failure: it did not
// take effect for any other reason, failed authentication included. Unknown:
// the event holds no verdict.
const (
	Success Outcome = "success"
	Failure Outcome = "failure"
	Denied  Outcome = "denied"
	Unknown Outcome = "unknown"
)

// Outcomes lists every outcome.
var Outcomes = []Outcome{Success, Failure, Denied, Unknown}

// ActorType is what kind of actor acted.
type ActorType string

// The actor types. Of them only Anonymous may come without an id.
const (
	User        ActorType = "user"
	Service     ActorType = "service"
	ActorSystem ActorType = "system"
	Anonymous   ActorType = "anonymous"
)

// ActorTypes lists every actor type.
var ActorTypes = []ActorType{User, Service, ActorSystem, Anonymous}

func (c Category) valid() bool { return c.Meaning() != "" }

func (o Outcome) valid() bool {
	switch o {
	case Success, Failure, Denied, Unknown:
		return true
	}
	return false
}

func (t ActorType) valid() bool {
	switch t {
	case User, Service, ActorSystem, Anonymous:
		return true
	}
	return false
}
