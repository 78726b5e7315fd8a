package source

import "regexp"

// ticketKey is the key of a ticket as Jira and its like write it: OPS-12. What
// stands before and after it must not be part of a longer word.
var ticketKey = regexp.MustCompile(`(?:^|[^A-Za-z0-9_])([A-Z][A-Z0-9]{1,9})-([1-9][0-9]{0,6})(?:$|[^A-Za-z0-9-]|-[A-Za-z_])`)

// notTickets are names of standards that look like keys.
var notTickets = map[string]bool{"UTF": true, "SHA": true, "ISO": true, "RFC": true, "CVE": true, "HTTP": true, "TLS": true, "AES": true, "RSA": true,
	"MD": true, "IPV": true, "CWE": true, "GHSA": true, "ES": true, "US": true, "EU": true, "COVID": true, "PEP": true, "ECMA": true, "ANSI": true}

// Ticket returns the first key of a ticket, such as OPS-12, in the title of a
// change or the name of a branch, or "".
func Ticket(s string) string {
	const maxBytes = 1 << 10
	if len(s) > maxBytes {
		s = s[:maxBytes]
	}
	for _, m := range ticketKey.FindAllStringSubmatch(s, 8) {
		if !notTickets[m[1]] {
			return m[1] + "-" + m[2]
		}
	}
	return ""
}
