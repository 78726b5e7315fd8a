package redact

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
)

// Names of built-in rules.
const (
	ruleAWSSecret     = "aws-secret-key"
	ruleAWSSession    = "aws-session-token"
	ruleGitHub        = "github-token"
	ruleGitLab        = "gitlab-token"
	ruleSlack         = "slack-token"
	ruleStripe        = "stripe-key"
	ruleGoogle        = "google-key"
	ruleVendor        = "vendor-token"
	rulePrivateKey    = "private-key"
	ruleJWT           = "jwt"
	rulePassword      = "password"
	ruleSecret        = "secret"
	ruleToken         = "token"
	ruleAPIKey        = "api-key"
	ruleAuthorization = "authorization"
	ruleCookie        = "cookie"
	ruleURL           = "url-password"
	ruleKubernetes    = "kubernetes-secret"
	ruleCard          = "card"
)

// builtins are what the built-in rules find, in the order in which they are
// held against text.
var builtins = []struct{ name, about string }{
	{ruleAWSSecret, "AWS secret access keys: by the field's name, or near an access key id; the ids (AKIA…, ASIA…) are left, since they say who"},
	{ruleAWSSession, "AWS session tokens"},
	{ruleGitHub, "GitHub tokens: ghp_, gho_, ghu_, ghs_, ghr_, github_pat_"},
	{ruleGitLab, "GitLab tokens: glpat- and its like"},
	{ruleSlack, "Slack tokens: xoxb- and its like, xapp-, and addresses of webhooks"},
	{ruleStripe, "Stripe keys: sk_live_, rk_live_, sk_test_, rk_test_, whsec_"},
	{ruleGoogle, "Google API keys (AIza), OAuth access tokens (ya29.) and client secrets (GOCSPX-)"},
	{ruleVendor, "keys of npm, Vault, Docker Hub, Anthropic and OpenAI that say what they are"},
	{rulePrivateKey, "private keys in PEM, and fields named so"},
	{ruleJWT, "the signature of JSON Web Tokens; header and claims are left"},
	{rulePassword, "fields, parameters and options whose name ends in password, passwd or passphrase; pwd, otp; SQL's PASSWORD '…'"},
	{ruleSecret, "fields and parameters named secret, client_secret and their like; not secretArn, secretId, secretName"},
	{ruleToken, "fields and parameters named token, access_token and their like; not tokenId, nextToken, clientToken, hashed_token"},
	{ruleAPIKey, "fields and parameters whose name ends in api_key"},
	{ruleAuthorization, "Authorization headers; Bearer, Basic and SSWS credentials in text"},
	{ruleCookie, "Cookie and Set-Cookie headers"},
	{ruleURL, "passwords in URLs, https://user:password@host; the user is left"},
	{ruleKubernetes, "everything in data and stringData of Kubernetes Secrets"},
	{ruleCard, "card numbers: 13 to 19 digits of an issuer's range with a right check digit; cvv and cvc"},
}

// builtin returns the built-in rules but those named in without.
func builtin(without []string) []*rule {
	var rules []*rule
	for _, b := range builtins {
		if !slices.Contains(without, b.name) {
			rules = append(rules, &rule{name: b.name, about: b.about, builtin: true})
		}
	}
	return rules
}

// A finder finds secrets of a built-in rule in text by their own form.
type finder struct {
	rule    string
	needles []string // one of them is in every match; capitals count unless fold
	fold    bool
	pattern *regexp.Regexp
	group   int
	ok      func(match string) bool // nil: always
}

var finders = []finder{
	{rule: rulePrivateKey, needles: []string{"-----BEGIN"},
		pattern: regexp.MustCompile(`-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\z)`)},
	{rule: ruleAWSSecret, needles: []string{"AKIA", "ASIA"}, group: 1, // within reach of an access key id
		pattern: regexp.MustCompile(`(?:AKIA|ASIA)[A-Z0-9]{16}[^"]{0,64}?[^A-Za-z0-9/+"]([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|\z)`)},
	{rule: ruleAWSSession, needles: []string{"IQoJb3JpZ2lu", "FwoGZXIvYXdz", "FQoGZXIvYXdz"},
		pattern: regexp.MustCompile(`(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz)[A-Za-z0-9/+=%]{20,}`)},
	{rule: ruleGitHub, needles: []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"},
		pattern: regexp.MustCompile(`(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})`)},
	{rule: ruleGitLab, needles: []string{"glpat-", "glptt-", "gldt-", "glrt-", "glcbt-"},
		pattern: regexp.MustCompile(`gl(?:pat|ptt|dt|rt|cbt)-[A-Za-z0-9_.-]{20,}`)},
	{rule: ruleSlack, needles: []string{"xoxa-", "xoxb-", "xoxc-", "xoxd-", "xoxe-", "xoxe.", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"},
		pattern: regexp.MustCompile(`(?:xox[a-e]-|xox[oprs]-|xoxe\.xox[bp]-|xapp-)[A-Za-z0-9%-]{10,}`)},
	{rule: ruleSlack, needles: []string{"hooks.slack.com"}, group: 1,
		pattern: regexp.MustCompile(`hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{16,})`)},
	{rule: ruleStripe, needles: []string{"k_live_", "k_test_", "whsec_"},
		pattern: regexp.MustCompile(`(?:[sr]k_(?:live|test)_|whsec_)[A-Za-z0-9]{10,}`)},
	{rule: ruleGoogle, needles: []string{"AIza", "ya29.", "GOCSPX-"},
		pattern: regexp.MustCompile(`(?:AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9._-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,})`)},
	{rule: ruleVendor, needles: []string{"npm_", "hvs.", "dckr_pat_", "sk-ant-", "sk-proj-"},
		pattern: regexp.MustCompile(`(?:npm_[A-Za-z0-9]{36}|hvs\.[A-Za-z0-9_-]{24,}|dckr_pat_[A-Za-z0-9_-]{20,}|sk-(?:ant|proj)-[A-Za-z0-9_-]{20,})`)},
	{rule: ruleJWT, needles: []string{".eyJ"}, group: 1,
		pattern: regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{5,}\.([A-Za-z0-9_-]{8,})`)},
	{rule: ruleAuthorization, needles: []string{"bearer "}, fold: true, group: 1, ok: isBearer,
		pattern: regexp.MustCompile(`(?i:\bbearer) +([A-Za-z0-9._~+/-]{8,}=*)`)},
	{rule: ruleAuthorization, needles: []string{"basic "}, fold: true, group: 1, ok: isBasic,
		pattern: regexp.MustCompile(`(?i:\bbasic) +([A-Za-z0-9+/]{4,}={0,2})`)},
	{rule: ruleAuthorization, needles: []string{"ssws "}, fold: true, group: 1,
		pattern: regexp.MustCompile(`(?i:\bssws) +([A-Za-z0-9_-]{20,})`)},
	{rule: ruleKubernetes, needles: []string{`Secret"`, `Secret\`, `SecretList"`, `SecretList\`}, group: 1, // in text; walk.go has JSON
		pattern: regexp.MustCompile(`"(?:data|stringData)\\*"\s*:\s*\{([^}]*)`)},
}

// urlFinder is apart, since what it looks for begins with what no trigger can
// be: see prefilter.go.
var urlFinder = finder{rule: ruleURL, group: 1,
	pattern: regexp.MustCompile(`://[^\s/:@"'<>]*:([^\s/"'<>]+)@`)}

// isBearer tells a credential from prose such as "bearer authentication".
func isBearer(s string) bool { return len(s) >= 32 || strings.ContainsAny(s, "0123456789") }

// isBasic reports whether s is user:password in base64.
func isBasic(s string) bool {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	return err == nil && strings.Contains(string(b), ":")
}
