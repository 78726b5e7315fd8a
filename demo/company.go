package demo

import (
	"encoding/binary"
	"hash/fnv"
	"strings"
	"time"
)

// domain is Halcyon Freight's; .example can belong to nobody (RFC 2606).
const domain = "halcyonfreight.example"

// The sources of the demo company. All but the first deliver events that are
// in the schema already.
const (
	srcCloud  = "aws.cloudtrail/prod"
	srcOkta   = "okta/halcyon"
	srcGitHub = "github/halcyon-freight"
	srcDB     = "postgres/orders"
	srcKube   = "kubernetes/prod"
	srcBill   = "app/billing"
	srcPortal = "app/portal"
	srcHR     = "hr.roster/people"
	srcJira   = "jira/halcyon"
	srcRota   = "oncall/rota"
)

type team uint8

const (
	teamExec team = iota
	teamPlatform
	teamBooking
	teamTracking
	teamWeb
	teamData
	teamSecurity
	teamIT
	teamSupport
	teamFinance
	teamPeople
	teamSales
	teamCount
)

var teamNames = [teamCount]string{"executive", "platform", "booking", "tracking", "web", "data", "security", "it", "support", "finance", "people", "sales"}

// site is an office: its distance from UTC (summer time is left out; nobody's
// story hangs on it) and the address its people come from.
type site struct {
	name   string
	offset time.Duration
	ip     string
}

var (
	rotterdam = &site{"Rotterdam", 1 * time.Hour, "198.51.100.10"}
	denver    = &site{"Denver", -7 * time.Hour, "198.51.100.70"}
	singapore = &site{"Singapore", 8 * time.Hour, "198.51.100.130"}
)

// person is somebody on the roster, employee or contractor.
type person struct {
	name, email, login, title string
	staff                     string // HF-0007; contractors XC-0001
	okta, github              string // ids in those systems
	team                      team
	site                      *site
	home, agent               string
	contractor                bool
	joined, left              int // days before now; joined 0: before the year, left 0: still here
}

// here reports whether the person worked on the day so many days before now.
func (p *person) here(daysBefore int) bool {
	return (p.joined == 0 || daysBefore < p.joined) && (p.left == 0 || daysBefore > p.left)
}

// roster is the whole company: name, team, site, title, and for those who came
// or went within the year the day, counted back from now.
const roster = `
Mirela Castellan|0|r|Chief executive
Hugo Vandersteen|0|r|Chief technology officer
Oluchi Marchetti|0|r|Chief financial officer
Anselm Roukema|1|r|Head of platform
Tamsin Iyer|1|s|Site reliability engineer
Bertil Okafor|1|d|Site reliability engineer
Liesel Quintero|1|r|Site reliability engineer
Yusuf Haldane|1|d|Platform engineer
Noor Veldkamp|1|r|Platform engineer
Pascal Imanov|1|s|Site reliability engineer
Clemency Osterhout|2|r|Lead engineer, booking
Desmond Achterberg|2|r|Software engineer||150
Farida Lundholt|2|r|Software engineer
Gideon Sarpong|2|r|Senior software engineer
Hester Valcourt|2|d|Software engineer
Ilmari Brandsma|2|r|Software engineer|201|
Jocasta Nwosu|2|r|Software engineer
Kenzo Altamirano|2|d|Software engineer
Leopold Faraday|3|d|Lead engineer, tracking
Marguerite Sone|3|d|Senior software engineer
Nadim Kestrel|3|s|Software engineer
Odile Ferraro|3|r|Software engineer|289|
Piers Yamamori|3|s|Software engineer
Quirin Baptiste|3|d|Software engineer
Rosalind Teague|3|d|Software engineer
Soraya Lindgaard|4|r|Lead engineer, web
Tobias Wrenfield|4|r|Software engineer
Ulrike Hartono|4|s|Software engineer
Valentin Croft|4|d|Designer
Wilhelmina Adeyemi|4|r|Software engineer|96|
Xanthe Moreland|5|d|Head of data
Yorick Dunmore|5|d|Data engineer
Zelda Kempinski|5|r|Data analyst
Amadou Fjeld|5|r|Data analyst|53|
Ingrid Solheim|6|r|Head of security
Caspian Roy|6|d|Security engineer
Delphine Achebe|6|s|Security engineer
Kasimir Dunne|7|r|IT lead
Fenella Osei|7|d|IT administrator
Gaspard Limoges|7|s|IT administrator
Hyacinth Bolt|8|d|Head of support
Ignace Mercer|8|r|Support specialist
Jemima Oduya|8|d|Support specialist
Kit Salonga|8|s|Support specialist
Lorcan Petrides|8|d|Support specialist||263
Maren Stavros|8|r|Support specialist
Nils Achterhof|8|r|Support specialist|245|
Ottoline Gray|8|s|Support specialist
Percival Donat|9|r|Controller
Rhoda Winterbourne|9|r|Accountant
Silas Amara|9|d|Accountant
Thessaly Crane|9|r|Billing specialist
Una Broekhuis|10|r|Head of people
Viggo Santander|10|d|People partner
Wendeline Frost|11|d|Head of sales
Paloma Reyes|11|d|Account executive||47
Quentin Abarca|11|r|Account executive
Ramona Vestergaard|11|r|Account executive
Sixten Okoro|11|s|Account executive
Talulah Bright|11|d|Sales operations|165|
Ivo Tarnowski|1|r|Contractor, infrastructure||206
Marisol Kweku|5|d|Contractor, data
Edwin Farrow|4|r|Contractor, web
Bronagh Hollis|2|r|Contractor, booking|180|31
`

// agents are what the company's browsers say they are.
var agents = []string{
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
	"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
}

const (
	agentCLI       = "aws-cli/2.19.1 md/awscrt#0.22.0 ua/2.0 os/linux#6.8.0 md/arch#x86_64 lang/python#3.12.6 md/prompt#off"
	agentTerraform = "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.75.0 aws-sdk-go-v2/1.32.3 os/linux lang/go#1.23.2"
	agentGo        = "aws-sdk-go-v2/1.32.3 os/linux lang/go#1.23.2 md/GOOS#linux md/GOARCH#arm64 api/kms#1.37.2"
	agentKubectl   = "kubectl/v1.31.2 (linux/amd64) kubernetes/5864a46"
	agentGit       = "git/2.47.0"
)

// company is Halcyon Freight: who works there and what they work on. It is the
// same for every seed, so that the stories have fixed names; the seed decides
// what everybody does all day.
type company struct {
	people []*person
	byMail map[string]*person
	teams  [teamCount][]*person
}

func newCompany() *company {
	c := &company{byMail: map[string]*person{}}
	for line := range strings.SplitSeq(strings.TrimSpace(roster), "\n") {
		p := parsePerson(line)
		n := len(c.people)
		p.staff = "HF-" + digits(n+1, 4)
		if p.contractor {
			p.staff = "XC-" + digits(n+1, 4)
		}
		p.home = "203.0.113." + digits(n+1, 1)
		if n%4 == 3 {
			p.home = "2001:db8:" + digits(n+0x40, 1) + "::" + digits(n%9+1, 1)
		}
		p.agent = agents[n%len(agents)]
		c.people = append(c.people, p)
		c.byMail[p.email] = p
		c.teams[p.team] = append(c.teams[p.team], p)
	}
	return c
}

func parsePerson(line string) *person {
	f := strings.Split(line, "|")
	given, family, _ := strings.Cut(f[0], " ")
	p := &person{name: f[0], title: f[3], contractor: strings.HasPrefix(f[3], "Contractor")}
	p.email = strings.ToLower(given + "." + family + "@" + domain)
	p.login = strings.ToLower(given[:1] + family + "-hf")
	p.okta = "00u" + letters(p.email, 17)
	p.github = digits(int(sum(p.email)%80_000_000)+10_000_000, 8)
	p.team = team(atoi(f[1]))
	p.site = map[string]*site{"r": rotterdam, "d": denver, "s": singapore}[f[2]]
	if len(f) > 4 {
		p.joined = atoi(f[4])
		p.left = atoi(f[5])
	}
	return p
}

// who finds a person by the part of the address before the @; a story that
// names somebody who is not on the roster is a mistake in this package.
func (c *company) who(name string) *person {
	p := c.byMail[name+"@"+domain]
	if p == nil {
		panic("bug: nobody is called " + name)
	}
	return p
}

// customers are the shippers whose data Halcyon Freight holds.
var customers = []string{
	"Brackwater Ceramics", "Tollund Timber", "Meridian Bicycles", "Saltmarsh Textiles", "Juniper Optics", "Coldharbour Seafood",
	"Vellichor Books", "Pemberly Glass", "Oxbow Instruments", "Fernhill Dairy", "Larkspur Lighting", "Greywacke Stone",
	"Undertow Surf", "Windrow Seeds", "Quayside Spirits", "Thistledown Bedding", "Ironmoor Tools", "Sablefin Marine",
	"Copperlane Coffee", "Northmere Paper", "Everbright Toys", "Hollowell Organs", "Rooksby Leather", "Amberline Honey",
}

var (
	repos   = []string{"booking-core", "tracking-api", "web-portal", "billing-service", "data-pipelines", "driver-app", "infra-live"}
	buckets = []string{"halcyon-manifests-prod", "halcyon-labels-prod", "halcyon-invoices-prod", "halcyon-datalake-prod"}
	tables  = []string{"public.bookings", "public.shipments", "public.customers", "public.invoices", "public.carriers", "public.rates"}
	spaces  = []string{"booking", "tracking", "billing", "portal", "platform"}
)

func customerID(name string) string { return "cus_" + letters(name, 12) }

// sum ties an invented id to a name, so that it is the same in every run.
func sum(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}

// letters is an invented id of n letters and digits for s.
func letters(s string, n int) string {
	const set = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	b := make([]byte, 0, n)
	for v := sum(s); len(b) < n; v = v*6364136223846793005 + 1442695040888963407 {
		b = append(b, set[v>>59])
	}
	return string(b)
}

func digits(v, width int) string {
	var b [20]byte
	i := len(b)
	for n := 0; n < width || v > 0; n++ {
		i--
		b[i] = '0' + byte(v%10)
		v /= 10
	}
	return string(b[i:])
}

func atoi(s string) (n int) {
	for _, d := range []byte(s) {
		n = n*10 + int(d-'0')
	}
	return n
}

// seedOf mixes the seed with the number of a day.
func seedOf(seed uint64, day int) [32]byte {
	var b [32]byte
	binary.BigEndian.PutUint64(b[:], seed)
	binary.BigEndian.PutUint64(b[8:], uint64(day))
	copy(b[16:], "halcyon freight")
	return b
}
