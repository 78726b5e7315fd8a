package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"regexp"
	"strings"

	"example.com/evident/event"
)

// What takes the place of a value:
//
//	[masked:RULE]                    of a masked one
//	[token:RULE:HEX]                 of a tokenised one
//	token-HEX@masked.invalid         of a tokenised e-mail address
//	2001:db8:HEX                     of a tokenised IP address
//	masked@masked.invalid            of a masked actor.email of an event in the schema
//	2001:db8::                       of a masked where.ip of such
//
// Addresses stay addresses, so that an event stays valid, and who sends it need
// not know of it. The domain invalid (RFC 2606) and the network 2001:db8::/32
// (RFC 3849) belong to nobody.
const (
	maskedEmail = "masked@masked.invalid"
	maskedIP    = "2001:db8::"
	tokenBytes  = 16
)

var (
	marks     = regexp.MustCompile(`\[(?:masked:[a-z0-9-]{1,64}|token:[a-z0-9-]{1,64}:[0-9a-f]{32})\]|token-[0-9a-f]{32}@masked\.invalid|masked@masked\.invalid`)
	markRange = netip.MustParsePrefix("2001:db8::/32")
)

// isMark reports whether s as a whole is what took the place of a value.
func isMark(s string) bool {
	if s == "" || s[len(s)-1] != ']' && !strings.HasSuffix(s, "@masked.invalid") {
		a, ok := address(s)
		return ok && markRange.Contains(a)
	}
	m := marks.FindStringIndex(s)
	return m != nil && m[0] == 0 && m[1] == len(s)
}

func address(s string) (netip.Addr, bool) {
	if len(s) > 45 || !strings.ContainsAny(s, ".:") {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	return a, err == nil && a.Zone() == ""
}

// mark returns what takes the place of value by r.
func (j *job) mark(r *rule, value string) string {
	j.hits[r.at]++
	if r.do == mask {
		j.remember(r, value)
		return "[masked:" + r.name + "]"
	}
	ip, isIP := address(value)
	switch {
	case isIP:
		b := ip.Unmap().As16()
		sum := j.prog.policy.hash(r, string(b[:]))
		prefix := markRange.Addr().As16()
		copy(sum[:4], prefix[:4])
		return netip.AddrFrom16([16]byte(sum)).String()
	case event.ValidEmail(value) && !strings.ContainsAny(value, `/:[]"\`):
		return "token-" + hex.EncodeToString(j.prog.policy.hash(r, strings.ToLower(value))) + "@masked.invalid"
	}
	return "[token:" + r.name + ":" + hex.EncodeToString(j.prog.policy.hash(r, value)) + "]"
}

// hash is the keyed hash of a value. The rule's name is in it: the same value
// under two rules has two tokens, which nobody can join.
func (p *Policy) hash(r *rule, value string) []byte {
	h := hmac.New(sha256.New, p.key)
	h.Write([]byte("evident.redact/1\x00" + r.name + "\x00" + value))
	return h.Sum(nil)[:tokenBytes]
}
