package filter

import (
	"net/netip"
	"strings"

	"example.com/evident/proof"
)

// parseNetwork makes a cidr clause of an address and of a network: an address
// is compared as an address, so that every spelling of it is found, also
// ::ffff:203.0.113.7 for 203.0.113.7. Only a pattern compares text.
func parseNetwork(k Key, p string) (proof.Expr, *SyntaxError) {
	p = strings.ToLower(p)
	if strings.Contains(p, "*") {
		if err := checkAddressPattern(p); err != nil {
			return proof.Expr{}, err
		}
		return parseIs(k, p)
	}
	network, err := netip.ParsePrefix(p)
	if !strings.Contains(p, "/") {
		var address netip.Addr
		if address, err = netip.ParseAddr(p); err == nil && address.Zone() == "" {
			network = netip.PrefixFrom(address, address.BitLen())
		}
	}
	if err != nil || !network.IsValid() {
		return proof.Expr{}, bad(0, "found %s, expected an address (203.0.113.7), a network (203.0.113.0/24) or a pattern (203.0.113.*)", show(p))
	}
	if a := network.Addr(); a.Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(a.Unmap(), network.Bits()-96)
	}
	return proof.Expr{Op: opCIDR, Fields: k.Fields, Value: network.Masked().String()}, nil
}

func checkAddressPattern(p string) *SyntaxError {
	for i, r := range p {
		if !strings.ContainsRune("0123456789abcdef.:*", r) {
			return bad(i, "found %s, expected 0-9 a-f . : or * in the pattern of an address", show(string(r)))
		}
	}
	return nil
}

func printNetwork(e proof.Expr) string {
	if e.Op == opIs {
		return printIs(e)
	}
	if network, err := netip.ParsePrefix(e.Value); err == nil && network.IsSingleIP() {
		return network.Addr().String()
	}
	return e.Value
}
