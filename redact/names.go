package redact

import (
	"slices"
	"strings"
)

// Names of fields whose values are secrets, without - and _ and in small
// letters. What they are compared with is the last word of a name (wordOf): of
// user[password] and spring.datasource.password it is password.
//
// Most names that have such a word in them are no secrets: tokenIssueTime,
// passwordPolicy, secretId, secretArn, secretName, hashed_token, token_id. To
// mask these would lose what was acted on. nextToken, pageToken and clientToken
// are handed out with lists and retries and open nothing.
var (
	secretNames = map[string]string{
		"pwd": rulePassword, "passwords": rulePassword, "otp": rulePassword,
		"secret": ruleSecret, "secretstring": ruleSecret, "secretbinary": ruleSecret, "secretvalue": ruleSecret,
		"secretkey": ruleSecret, "accountkey": ruleSecret, "sharedaccesskey": ruleSecret,
		"token": ruleToken, "samlresponse": ruleToken, "samlassertion": ruleToken, "clientassertion": ruleToken,
		"authorization": ruleAuthorization, "proxyauthorization": ruleAuthorization, "xauthorization": ruleAuthorization,
		"cookie": ruleCookie, "setcookie": ruleCookie, "cookies": ruleCookie,
		"privatekey": rulePrivateKey, "privatekeypem": rulePrivateKey, "privatekeydata": rulePrivateKey,
		"cvv": ruleCard, "cvc": ruleCard, "cvv2": ruleCard, "cvc2": ruleCard,
		"xamzsignature": ruleToken, "xgoogsignature": ruleToken,
	}
	secretEndings = []ending{
		{"password", rulePassword}, {"passwd", rulePassword}, {"passphrase", rulePassword}, {"passwordhash", rulePassword},
		{"secretaccesskey", ruleAWSSecret}, {"awssecretkey", ruleAWSSecret},
		{"clientsecret", ruleSecret}, {"appsecret", ruleSecret}, {"apisecret", ruleSecret}, {"sharedsecret", ruleSecret},
		{"consumersecret", ruleSecret}, {"webhooksecret", ruleSecret}, {"signingsecret", ruleSecret}, {"tokensecret", ruleSecret},
		{"accesstoken", ruleToken}, {"refreshtoken", ruleToken}, {"sessiontoken", ruleToken}, {"authtoken", ruleToken},
		{"bearertoken", ruleToken}, {"apitoken", ruleToken}, {"idtoken", ruleToken}, {"securitytoken", ruleToken},
		{"oauthtoken", ruleToken}, {"csrftoken", ruleToken}, {"xsrftoken", ruleToken}, {"privatetoken", ruleToken},
		{"bottoken", ruleToken}, {"githubtoken", ruleToken}, {"gitlabtoken", ruleToken}, {"npmtoken", ruleToken},
		{"vaulttoken", ruleToken}, {"deploytoken", ruleToken}, {"registrationtoken", ruleToken}, {"runnertoken", ruleToken},
		{"apikey", ruleAPIKey},
	}
)

type ending struct{ ending, rule string }

// maxName is how long a word can be and still be the name of a secret.
const maxName = 64

// secretName returns the rule for the values of a field with that name; empty
// if they are no secrets by it.
func secretName(name string) string {
	var buf [maxName]byte
	n := 0
	for _, c := range []byte(wordOf(name)) {
		if c != '-' && c != '_' {
			buf[n] = lower(c)
			n++
		}
	}
	word := buf[:n]
	if r, ok := secretNames[string(word)]; ok && (n > 4 || n == len(name)) && known(name) {
		return r
	}
	if n < tail {
		return ""
	}
	for _, e := range endings[string(word[n-tail:])] {
		if n >= len(e.ending) && string(word[n-len(e.ending):]) == e.ending && known(name) {
			return e.rule
		}
	}
	return ""
}

// endings has secretEndings by their last bytes.
var endings = func() map[string][]ending {
	m := map[string][]ending{}
	for _, e := range secretEndings {
		k := e.ending[len(e.ending)-tail:]
		m[k] = append(m[k], e)
	}
	return m
}()

// tail is the length of the shortest of secretEndings.
const tail = 6

// nameWords are such that one of them is in every name above but shortNames,
// which count only as the whole name of a JSON member.
var (
	nameWords = []string{
		"passw", "passp", "pass_", "pass-", "secret", "token", "authoriz", "cookie", "apikey", "api_key", "api-key",
		"privatekey", "private_key", "private-key", "accountkey", "account_key", "account-key", "sharedaccess", "shared_access", "shared-access",
		"samlresp", "saml_resp", "saml-resp", "assertion", "signature",
	}
	shortNames = []string{"cvv", "cvc", "pwd", "otp"}
)

// known reports whether a name has one of these words in it: p_assword has not.
func known(name string) bool {
	name = strings.ToLower(wordOf(name))
	contains := func(word string) bool { return strings.Contains(name, word) }
	return slices.ContainsFunc(nameWords, contains) || len(name) <= 4 && slices.ContainsFunc(shortNames, contains)
}

// wordOf returns the last word of a name, at most maxName bytes of it.
func wordOf(name string) string {
	end := len(name)
	for end > 0 && name[end-1] == ']' {
		end--
	}
	start := end
	for start > 0 && end-start < maxName && isWord(name[start-1]) {
		start--
	}
	return name[start:end]
}

// isWord has the characters of words that name secrets, - and _ among them.
func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// emptied are values that hold no secret: the source has taken it out itself,
// or there was none. Text in brackets is how most say so.
func emptied(value string) bool {
	switch strings.ToLower(value) {
	case "", "null", "none", "nil", "(null)", "true", "false", "undefined", "hidden_due_to_security_reasons", "sensitivedataremoved":
		return true
	}
	if strings.Trim(value, "*") == "" || isMark(value) {
		return true
	}
	return len(value) <= maxName && value[0] == '<' && value[len(value)-1] == '>'
}

// isSecret reports whether value, of a field that is named like a secret of the
// rule, can be one: the name of a secret is not the secret.
func isSecret(rule, name, value string) bool {
	switch {
	case emptied(value):
		return false
	case rule == ruleSecret || rule == ruleToken:
		return !strings.HasPrefix(value, "arn:") && !strings.HasPrefix(value, "projects/")
	case rule == ruleAuthorization: // of Azure: what was authorised, as JSON in text
		return value[0] != '{' && value[0] != '['
	case rule == rulePassword && strings.EqualFold(wordOf(name), "pwd"):
		return value[0] != '/' // the working directory
	}
	return true
}
