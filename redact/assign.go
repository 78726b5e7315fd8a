package redact

import "strings"

// assigned finds values that text gives to the name of a secret:
//
//	password=hunter2  "password": "hunter2"  password => 'hunter2'  token: 9f3c…
//	--password hunter2  PASSWORD 'hunter2'  IDENTIFIED BY 'hunter2'
//	<password>hunter2</password>  Authorization: Bearer 9f3c…  ?sig=9f3c…
//
// also where the quotes are escaped, as in JSON within text.
func (j *job) assigned(s string, f *found) {
	for i := 0; i < len(s); {
		if !isWord(s[i]) {
			i++
			continue
		}
		end := i
		for end < len(s) && isWord(s[end]) {
			end++
		}
		if r := j.nameRule(s, i, end); r != nil {
			if from, to := assignment(s, i, end, r); from < to {
				if r.do == leave {
					r = nil
				}
				f.add(len(s), from, to, r)
				end = to // what is in a secret is no name
			}
		}
		i = end
	}
}

// nameRule returns the rule for what is assigned to the word s[from:to].
func (j *job) nameRule(s string, from, to int) *rule {
	if to-from > maxName {
		from = to - maxName
	}
	word := s[from:to]
	if r := j.prog.named[strings.ToLower(strings.TrimLeft(word, "-"))]; r != nil {
		return r
	}
	if r := secretName(word); r != "" && len(word) > 4 { // not PWD, the working directory
		return j.prog.byName[r]
	}
	parameter := from > 0 && strings.IndexByte("?&;, ", s[from-1]) >= 0 && to < len(s) && s[to] == '='
	switch strings.ToLower(word) {
	case "sig":
		if parameter && (s[from-1] == '?' || s[from-1] == '&') {
			return j.prog.byName[ruleToken]
		}
	case "signature":
		if parameter {
			return j.prog.byName[ruleToken]
		}
	case "by":
		const identified = "identified "
		if from >= len(identified) && strings.EqualFold(s[from-len(identified):from], identified) {
			return j.prog.byName[rulePassword]
		}
	}
	return nil
}

// assignment returns where the value lies that is given to the word s[i:end].
func assignment(s string, i, end int, r *rule) (from, to int) {
	if end == len(s) || s[end] == ':' && i > 0 && s[i-1] == ':' { // arn:aws:secretsmanager:eu-central-1:1:secret:…
		return 0, 0
	}
	if s[end] == ':' && i > 0 && s[i-1] == '(' && end+1 < len(s) && isWord(s[end+1]) { // pam_unix(passwd:chauthtok)
		return 0, 0
	}
	if s[end] == '>' && i > 0 && s[i-1] == '<' { // <password>…</password>
		n := strings.IndexByte(s[end:], '<')
		if n < 0 {
			n = len(s) - end
		}
		return checked(s, end+1, end+n, i, end, r)
	}
	k := end
	for k < len(s) && (s[k] == '\\' || s[k] == '"' || s[k] == '\'' || s[k] == ']') && k-end < 16 {
		k++
	}
	k = blanks(s, k)
	if k == len(s) {
		return 0, 0
	}
	spaced := false
	switch {
	case s[k] == '=' || s[k] == ':':
		for k < len(s) && (s[k] == '=' || s[k] == ':' || s[k] == '>') {
			k++
		}
		spaced = s[k-1] == ':' && k < len(s) && s[k] == ' '
		k = blanks(s, k)
	case k > end && s[end] == ' ' && (s[k] == '\'' || s[k] == '$'): // SQL
	case k > end && s[end] == ' ' && s[i] == '-' && s[k] != '-' && r.builtin: // --password …
	default:
		return 0, 0
	}
	from, to, quoted := valueAt(s, k, r)
	if spaced && !quoted && r.builtin && r.name != rulePassword && r.name != ruleAuthorization && r.name != ruleCookie &&
		to-from < 16 && !strings.ContainsAny(s[from:to], "0123456789") {
		return 0, 0 // prose: "invalid token: expired"
	}
	return checked(s, from, to, i, end, r)
}

// checked returns from and to if a secret can lie there.
func checked(s string, from, to, i, end int, r *rule) (int, int) {
	if from >= to || r.builtin && !isSecret(r.name, s[i:end], s[from:to]) || isMark(s[from:to]) {
		return 0, 0
	}
	return from, to
}

// valueAt returns where the value that begins at k lies: between its quotes,
// or up to where a bare one ends.
func valueAt(s string, k int, r *rule) (from, to int, quoted bool) {
	slashes := k
	for slashes < len(s) && s[slashes] == '\\' {
		slashes++
	}
	if slashes < len(s) && (s[slashes] == '"' || s[slashes] == '\'') {
		open := s[k : slashes+1]
		from = slashes + 1
		return from, from + closing(s[from:], open), true
	}
	if slashes+1 < len(s) && s[slashes] == '$' && strings.HasPrefix(s[slashes:], "$$") { // PostgreSQL's $$…$$
		from = slashes + 2
		return from, from + closing(s[from:], "$$"), true
	}
	if k < len(s) && (s[k] == '{' || s[k] == '[') { // an object or list, of JSON that is broken
		if k+1 == len(s) || strings.IndexByte("\"'\\{[ \t\r\n}]", s[k+1]) >= 0 {
			return k, k, false
		}
	}
	if r.builtin && !isSecret(r.name, "", s[k:min(len(s), k+len("projects/"))]) {
		return k, k, false // the name of a secret, which may be long
	}
	if r.builtin && (r.name == ruleAuthorization || r.name == ruleCookie) {
		return k, k + before(s[k:], "\r\n\"'"), false
	}
	// Whatever is looked for to its end is then masked, or ended by few bytes: so
	// that the time is not that of the square of the text.
	to = k + len(strings.TrimRight(s[k:k+before(s[k:], " \t&;,\\\r\n\"'")], ")}]>"))
	if to-k <= len("negotiate") && to < len(s) && s[to] == ' ' {
		switch strings.ToLower(s[k:to]) {
		case "bearer", "basic", "digest", "token", "ssws", "negotiate":
			return k, k + before(s[k:], "\r\n\"'"), false
		}
	}
	return k, to, false
}

// before returns where the first of chars stands in s; the end if none does.
func before(s, chars string) int {
	if n := strings.IndexAny(s, chars); n >= 0 {
		return n
	}
	return len(s)
}

// closing returns where the quote open is closed in s; the end of s if it is
// not. A quote that is escaped more than open is does not close it.
func closing(s, open string) int {
	for i := 0; i < len(s); i++ {
		if open == "$$" {
			if strings.HasPrefix(s[i:], open) {
				return i
			}
			continue
		}
		if s[i] != open[len(open)-1] {
			continue
		}
		slashes := 0
		for slashes < i && s[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes <= len(open)-1 {
			return i - slashes
		}
	}
	return len(s)
}

func blanks(s string, k int) int {
	for k < len(s) && (s[k] == ' ' || s[k] == '\t') {
		k++
	}
	return k
}
