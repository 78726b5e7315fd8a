package snapshot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"example.com/evident/source"
)

// A Recipe is a request that is ready to be made. In Base, Path, Body and Target,
// {name} stands for a setting.
type Recipe struct {
	Name, Title string
	// Base is the address of the API, for systems that have one address. Service
	// is that of AWS which requests are signed for; empty: not AWS.
	Base, Service string
	Method, Path  string // GET if empty
	Body, Type    string // Type of the body
	Accept        string
	Call          string // X-Amz-Target
	TargetType    string
	Target        string
}

const (
	github     = "https://api.github.com"
	githubType = "application/vnd.github+json"
	cloudtrail = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101."
	amzJSON    = "application/x-amz-json-1.1"
	iam        = "https://iam.amazonaws.com"
	bucketBase = "https://{bucket}.s3.{region}.amazonaws.com"
	trailBase  = "https://cloudtrail.{region}.amazonaws.com"
	oktaBase   = "https://{domain}"
	bucketType = "AWS::S3::Bucket"
)

// Recipes are those that there are, by system.
var Recipes = []Recipe{
	{Name: "aws.password_policy", Title: "Password policy of an AWS account", Base: iam, Service: "iam", Path: "/?Action=GetAccountPasswordPolicy&Version=2010-05-08", TargetType: "AWS::IAM::PasswordPolicy", Target: "{account}"},
	{Name: "aws.account_summary", Title: "Root's second factor and keys, users, of an AWS account", Base: iam, Service: "iam", Path: "/?Action=GetAccountSummary&Version=2010-05-08", TargetType: "AWS::Account", Target: "{account}"},
	{Name: "aws.trails", Title: "CloudTrail trails of a region", Base: trailBase, Service: "cloudtrail", Method: "POST", Path: "/", Body: `{}`, Type: amzJSON, Call: cloudtrail + "DescribeTrails", TargetType: "AWS::CloudTrail::Trail", Target: "{account}/{region}"},
	{Name: "aws.trail_status", Title: "Whether a CloudTrail trail is logging and delivering", Base: trailBase, Service: "cloudtrail", Method: "POST", Path: "/", Body: `{"Name":"{trail}"}`, Type: amzJSON, Call: cloudtrail + "GetTrailStatus", TargetType: "AWS::CloudTrail::Trail", Target: "{trail}"},
	{Name: "aws.event_selectors", Title: "What a CloudTrail trail records", Base: trailBase, Service: "cloudtrail", Method: "POST", Path: "/", Body: `{"TrailName":"{trail}"}`, Type: amzJSON, Call: cloudtrail + "GetEventSelectors", TargetType: "AWS::CloudTrail::Trail", Target: "{trail}"},
	{Name: "aws.s3_object_lock", Title: "Object Lock of a bucket", Base: bucketBase, Service: "s3", Path: "/?object-lock", TargetType: bucketType, Target: "arn:aws:s3:::{bucket}"},
	{Name: "aws.s3_public_access_block", Title: "Public-access block of a bucket", Base: bucketBase, Service: "s3", Path: "/?publicAccessBlock", TargetType: bucketType, Target: "arn:aws:s3:::{bucket}"},
	{Name: "aws.s3_encryption", Title: "Default encryption of a bucket", Base: bucketBase, Service: "s3", Path: "/?encryption", TargetType: bucketType, Target: "arn:aws:s3:::{bucket}"},
	{Name: "aws.s3_versioning", Title: "Versioning of a bucket", Base: bucketBase, Service: "s3", Path: "/?versioning", TargetType: bucketType, Target: "arn:aws:s3:::{bucket}"},
	{Name: "github.branch_protection", Title: "Protection of a branch", Base: github, Path: "/repos/{owner}/{repo}/branches/{branch}/protection", Accept: githubType, TargetType: "branch", Target: "{owner}/{repo}@{branch}"},
	{Name: "github.rulesets", Title: "Rulesets of a repository", Base: github, Path: "/repos/{owner}/{repo}/rulesets?per_page=100", Accept: githubType, TargetType: "repository", Target: "{owner}/{repo}"},
	{Name: "github.organization", Title: "Settings of an organisation, such as required second factors", Base: github, Path: "/orgs/{org}", Accept: githubType, TargetType: "organization", Target: "{org}"},
	{Name: "okta.password_policies", Title: "Okta's password policies", Base: oktaBase, Path: "/api/v1/policies?type=PASSWORD", TargetType: "policy", Target: "{domain}/PASSWORD"},
	{Name: "okta.sign_on_policies", Title: "Okta's global session policies", Base: oktaBase, Path: "/api/v1/policies?type=OKTA_SIGN_ON", TargetType: "policy", Target: "{domain}/OKTA_SIGN_ON"},
	{Name: "okta.access_policies", Title: "Okta's authentication policies", Base: oktaBase, Path: "/api/v1/policies?type=ACCESS_POLICY", TargetType: "policy", Target: "{domain}/ACCESS_POLICY"},
	{Name: "okta.enrolment_policies", Title: "Okta's policies for second factors", Base: oktaBase, Path: "/api/v1/policies?type=MFA_ENROLL", TargetType: "policy", Target: "{domain}/MFA_ENROLL"},
}

// Lookup returns the recipe called name.
func Lookup(name string) (Recipe, bool) {
	for _, r := range Recipes {
		if r.Name == name {
			return r, true
		}
	}
	return Recipe{}, false
}

// Address returns the address of the API that a recipe asks, with settings put in.
func (r Recipe) Address(settings map[string]string) (string, error) {
	return fill(r.Base, settings, url.PathEscape)
}

// hole is the place of a setting.
var hole = regexp.MustCompile(`\{[a-z_]+\}`)

// fill puts settings into a text, escaped for where they stand.
func fill(text string, settings map[string]string, escape func(string) string) (string, error) {
	missing := ""
	out := hole.ReplaceAllStringFunc(text, func(h string) string {
		name := h[1 : len(h)-1]
		v, ok := settings[name]
		if !ok || v == "" {
			missing = name
		}
		return escape(v)
	})
	if missing != "" {
		return "", fmt.Errorf("snapshot: the setting %s is missing", missing)
	}
	return out, nil
}

// spec is a request that is made.
type spec struct {
	name, method, body, targetType, target string
	url                                    url.URL
	header                                 http.Header
}

// newSpec returns the request that the settings ask for.
func newSpec(api *source.API) (s spec, err error) {
	set := api.Settings
	r, ok := Lookup(set["recipe"])
	if !ok {
		if set["recipe"] != "" || set["name"] == "" || !strings.HasPrefix(set["path"], "/") {
			return s, errors.New("snapshot: expected the setting recipe, one of those that there are, or name and path")
		}
		r = Recipe{
			Name: set["name"], Method: set["method"], Path: set["path"], Body: set["body"], Type: set["content_type"], Accept: set["accept"],
			TargetType: set["target_type"], Target: set["target"],
		}
	}
	s = spec{name: r.Name, method: r.Method, targetType: r.TargetType, header: http.Header{}}
	if s.method == "" {
		s.method = http.MethodGet
	}
	path, err := fill(r.Path, set, func(v string) string { return strings.ReplaceAll(url.QueryEscape(v), "+", "%20") })
	if err != nil {
		return s, err
	}
	u, err := url.Parse(api.Base + path)
	if err != nil {
		return s, errors.New("snapshot: the path makes no address")
	}
	s.url = *u
	if s.body, err = fill(r.Body, set, inJSON); err != nil {
		return s, err
	}
	// What is only shown may be missing: an account's number, say.
	if s.target, err = fill(r.Target, set, func(v string) string { return v }); err != nil {
		s.target = u.Host + u.Path
	}
	for name, v := range map[string]string{"Accept": r.Accept, "Content-Type": r.Type, "X-Amz-Target": r.Call} {
		if v != "" {
			s.header.Set(name, v)
		}
	}
	if s.header.Get("Accept") == "" {
		s.header.Set("Accept", "application/json")
	}
	return s, nil
}

// inJSON escapes what stands between the quotes of a JSON string.
func inJSON(v string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(v)
}

// page takes one snapshot. Every page is the last: the next is taken when the
// schedule says so.
func page(ctx context.Context, api *source.API, _ string) (source.Page, error) {
	s, err := newSpec(api)
	if err != nil {
		return source.Page{}, err
	}
	r, err := http.NewRequestWithContext(ctx, s.method, s.url.String(), strings.NewReader(s.body))
	if err != nil {
		return source.Page{}, errors.New("snapshot: method or address cannot be used")
	}
	r.Header = s.header
	resp, err := api.Do(r)
	var status *source.StatusError
	if errors.As(err, &status) && answers(status.Response.Status) {
		resp, err = status.Response, nil
	}
	if err != nil {
		return source.Page{}, err
	}
	at := api.Now()
	b, err := appendSnapshot(nil, s, resp, at)
	if err != nil {
		return source.Page{}, err
	}
	return source.Page{Delivery: b, Next: at.UTC().Format(time.RFC3339)}, nil
}

// answers reports whether a status that is not 2xx says something of the setting
// that was asked for.
func answers(status int) bool {
	return status/100 == 4 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests
}
