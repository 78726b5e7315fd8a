package load

// The dictionaries from which actors, actions and targets are made.
var (
	services    = []string{"access", "bucket", "compute", "keys", "tables", "jobs", "network", "tokens", "portal", "billing", "release", "secrets", "trails", "cellar", "repos"}
	verbs       = []string{"read", "list", "describe", "create", "update", "remove", "attach", "detach", "enable", "disable"}
	nouns       = []string{"role", "policy", "store", "key", "instance", "user", "snapshot", "grant", "token", "config", "rule", "secret"}
	categories  = []string{"authentication", "account", "access", "privileged", "data", "config", "change", "network", "system"}
	regions     = []string{"north-1", "north-2", "west-1", "central-1", "south-2"}
	givenNames  = []string{"anouk", "bram", "calla", "dario", "edda", "fenn", "greta", "hollis", "imre", "jolan", "katya", "lior", "maeve", "nils", "oriel", "petra", "quill", "runa", "sorin", "thea"}
	familyNames = []string{"abara", "brandt", "castell", "drummond", "eklund", "farrow", "grieg", "holloway", "iversen", "jansma", "keane", "lindgren", "marsh", "novotny", "osei", "pellegrin", "quade", "rowan", "stroud", "tamm"}
	targetKinds = []string{"store", "role", "instance", "key", "user", "policy", "database", "secret", "repo", "cluster"}
	codes       = []string{"Throttled", "NotFound", "InvalidArgument", "TokenExpired"}
	classes     = []string{"public", "internal", "confidential", "restricted"}
	protocols   = []string{"TLSv1.3", "TLSv1.3", "TLSv1.3", "TLSv1.2"}
	reasons     = []string{"scheduled rotation of credentials", "break-glass approved by the duty officer", "access review of the quarter", "request of a customer", "correction of drift by the pipeline", "first day of a new colleague", "last day of a colleague", "response to an incident", "release of the week", "export for the auditors"}
	agents      = []string{
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36",
		"Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
		"halyard-cli/4.2.1 md/os#linux/6.8 md/lang#go/1.26 md/prompt#off",
		"halyard-terraform/1.9.5 (+https://halyard.example/provider) go/1.26",
		"halyard-sdk-python/2.8.0 python/3.12.4 linux/6.8.0",
		"okhttp/4.12.0", "Go-http-client/2.0",
	}
)
