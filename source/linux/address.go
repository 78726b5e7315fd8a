package linux

import (
	"net/netip"
	"strings"
)

// plainIP returns the address that s is, IPv4 as such also where it came as part
// of IPv6; empty if s is none that an event may hold.
func plainIP(s string) string {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return ""
	}
	return a.Unmap().String()
}
