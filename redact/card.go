package redact

import "strings"

// A card number is 13 to 19 digits, in one piece or in the groups in which it
// is printed, of a length that the issuer of its first digits uses, with a right
// check digit. One in ten numbers has that by chance, so more is asked: no
// letter, digit or mark that joins stands next to it; lengths that hardly any
// card has count only where the field's name says that it is one; and the value
// of a field that is named an id, a time or a number of bytes is none.
const (
	minCard = 13
	maxCard = 19
)

// issuers are first digits, from and to, with the lengths in use.
var issuers = []struct {
	from, to int // of the first four digits
	lengths  string
}{
	{4000, 4999, "\x10\x0d\x13"},         // Visa
	{5100, 5599, "\x10"},                 // Mastercard
	{2221, 2720, "\x10"},                 // Mastercard
	{3400, 3499, "\x0f"},                 // American Express
	{3700, 3799, "\x0f"},                 // American Express
	{6011, 6011, "\x10\x13"},             // Discover
	{6440, 6599, "\x10\x13"},             // Discover
	{3528, 3589, "\x10\x11\x12\x13"},     // JCB
	{3000, 3059, "\x0e"},                 // Diners Club
	{3600, 3699, "\x0e"},                 // Diners Club
	{3800, 3999, "\x0e"},                 // Diners Club
	{6200, 6299, "\x10\x11\x12\x13"},     // UnionPay
	{5000, 5099, "\x0d\x0f\x10\x12\x13"}, // Maestro
	{5600, 5899, "\x0d\x0f\x10\x12\x13"}, // Maestro
	{6304, 6304, "\x0d\x0f\x10\x12\x13"}, // Maestro
	{6759, 6763, "\x0d\x0f\x10\x12\x13"}, // Maestro
}

// mayHaveCard reports whether b has what could be a card's number, wherever it
// stands. Every run of 13 digits lies over a place that is a multiple of 13, and
// reaches six bytes to one side of it.
func mayHaveCard(b []byte) bool {
	for i := minCard - 1; i < len(b); i += minCard {
		if !inCard[b[i]] || !inCard[b[i-minCard/2]] && (i+minCard/2 >= len(b) || !inCard[b[i+minCard/2]]) {
			continue
		}
		const reach = 2 * maxCard
		from, to, digits := i, i, 0
		for from > 0 && i-from < reach && inCard[b[from-1]] {
			from--
		}
		for to < len(b) && to-i < reach && inCard[b[to]] {
			to++
		}
		if to-from < minCard {
			continue
		}
		for _, c := range b[from:to] {
			if isDigit(c) {
				digits++
			}
		}
		if digits < minCard {
			continue
		}
		any := false
		cards(string(b[from:to]), "card", func(int, int) { any = true })
		if any {
			return true
		}
	}
	return false
}

// inCard has the bytes of printed card numbers.
var inCard = [256]bool{' ': true, '-': true, '0': true, '1': true, '2': true, '3': true, '4': true,
	'5': true, '6': true, '7': true, '8': true, '9': true}

func isDigit(c byte) bool     { return '0' <= c && c <= '9' }
func isSeparator(c byte) bool { return c == ' ' || c == '-' }

// cards calls found for every card number in s, the text of a field called
// name (empty: of none).
func cards(s, name string, found func(from, to int)) {
	if namesNumber(name) {
		return
	}
	for i := 0; i < len(s); {
		if !isDigit(s[i]) {
			i++
			continue
		}
		end, digits, ok := cardAt(s, i)
		if ok && alone(s, i, end) && isCard(digits, end-i > len(digits) || namesCard(name)) {
			found(i, end)
			i = end
			continue
		}
		for i < len(s) && isDigit(s[i]) {
			i++
		}
	}
}

// cardAt reads digits at i, in one piece or in groups.
func cardAt(s string, i int) (end int, digits string, ok bool) {
	end = i
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	if n := end - i; n != 4 {
		return end, s[i:end], n >= minCard && n <= maxCard
	}
	if end == len(s) || !isSeparator(s[end]) {
		return end, "", false
	}
	separator := s[end]
	groups := []int{4}
	all := []byte(s[i:end])
	for len(groups) < 5 && end < len(s) && s[end] == separator {
		k := end + 1
		for k < len(s) && isDigit(s[k]) {
			k++
		}
		n := k - end - 1
		if n == 0 || n > 6 {
			break
		}
		all = append(all, s[end+1:k]...)
		groups = append(groups, n)
		end = k
	}
	switch string(formOf(groups)) {
	case "4444", "465", "464", "44443":
		return end, string(all), true
	}
	return end, "", false
}

func formOf(groups []int) []byte {
	var b []byte
	for _, n := range groups {
		b = append(b, byte('0'+n))
	}
	return b
}

// alone reports whether s[from:to] is no part of something longer.
func alone(s string, from, to int) bool {
	joins := func(c byte) bool {
		return isWord(c) || c >= 0x80 || strings.IndexByte("./:+#@%~", c) >= 0
	}
	if from > 0 && joins(s[from-1]) && (s[from-1] != ':' || from > 1 && isDigit(s[from-2])) { // card:4111…, but not 10:4111…
		return false
	}
	if to < len(s) && joins(s[to]) {
		return s[to] == '.' && (to+1 == len(s) || s[to+1] == ' ') // the end of a sentence
	}
	return true
}

// isCard reports whether digits are a card's; sure says that something besides
// them speaks for it.
func isCard(digits string, sure bool) bool {
	first := int(digits[0]-'0')*1000 + int(digits[1]-'0')*100 + int(digits[2]-'0')*10 + int(digits[3]-'0')
	for _, issuer := range issuers {
		if first < issuer.from || first > issuer.to {
			continue
		}
		if i := strings.IndexByte(issuer.lengths, byte(len(digits))); i < 0 || len(digits) > 16 && !sure || len(digits) == 13 && !sure {
			continue
		}
		return luhn(digits)
	}
	return false
}

// luhn reports whether the last digit is the check digit of the others (ISO/IEC
// 7812-1 annex B).
func luhn(digits string) bool {
	sum, same := 0, true
	for i := len(digits) - 1; i >= 0; i-- {
		d := int(digits[i] - '0')
		if (len(digits)-1-i)%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		same = same && digits[i] == digits[0]
	}
	return sum%10 == 0 && !same
}

// namesCard reports whether a field of that name holds the number of a card.
func namesCard(name string) bool {
	n := strings.ToLower(name)
	return n == "pan" || strings.Contains(n, "card") || n == "ccnum" || n == "cc_number" || n == "ccnumber" || n == "accountnumber"
}

// namesNumber reports whether a field of that name holds numbers that are no
// cards': ids, times, counters.
func namesNumber(name string) bool {
	if name == "" || namesCard(name) {
		return false
	}
	for _, ending := range []string{"id", "ids", "ID", "Id", "uid", "_id", "time", "Time", "timestamp", "Timestamp", "_at", "At", "etag", "version", "Version", "bytes", "Bytes", "serial", "nonce", "generation", "offset", "sequence", "hash"} {
		if rest, ok := strings.CutSuffix(name, ending); ok {
			// "paid" does not end in id, but "clientid", which nobody can tell from it, does not either.
			if rest == "" || ending[0] == '_' || !isLower(rest[len(rest)-1]) || !isLower(ending[0]) || len(ending) > 3 {
				return true
			}
		}
	}
	return false
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
