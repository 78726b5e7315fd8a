package github

import (
	"strings"

	"example.com/evident/source"
)

// part is a member that is taken over, whole or in part.
type part struct {
	name  string
	parts []part
}

// What is taken over of the API's objects: members that stay as they are once a
// change has landed. Everything else, counts of stars and open issues among it,
// would make another raw of the same change.
var (
	commitParts = parse("sha parents(sha) author(login id type) committer(login id type)" +
		" commit(message author(name email date) committer(name email date) verification(verified reason))")
	activityParts = parse("id activity_type timestamp actor(login id type) ref before after")
	innerParts    = parse("sha author(login id type) committer(login id type)")
	pullParts     = parse("number id title user(login id type) head(ref sha repo(full_name)) base(ref repo(full_name))" +
		" created_at merged_at merged_by(login id type) merge_commit_sha commits")
	pullName     = parse("number title user(login id type) head(ref sha) base(ref)")
	reviewParts  = parse("id user(login id type) state commit_id submitted_at")
	checkParts   = parse("id name head_sha app(id slug) started_at completed_at conclusion")
	pendingParts = parse("id name head_sha app(id slug) started_at")
	statusParts  = parse("id context state creator(login id type) created_at")
	deployParts  = parse("id sha ref task environment production_environment transient_environment description creator(login id type) created_at")
	stateParts   = parse("id state environment description creator(login id type) created_at")
)

// parse reads names with spaces between them; parts of one stand in parentheses.
func parse(s string) []part {
	parts, _ := parseAt(s)
	return parts
}

func parseAt(s string) (parts []part, rest string) {
	for {
		s = strings.TrimLeft(s, " ")
		if s == "" || s[0] == ')' {
			return parts, strings.TrimPrefix(s, ")")
		}
		n := strings.IndexAny(s, " ()")
		if n < 0 {
			n = len(s)
		}
		p := part{name: s[:n]}
		if s = s[n:]; strings.HasPrefix(s, "(") {
			p.parts, s = parseAt(s[1:])
		}
		parts = append(parts, p)
	}
}

// pick appends v with only the parts named, each byte for byte and in the order
// of parts. Of an array it picks from each element.
func pick(b, v []byte, parts []part) []byte {
	if len(v) == 0 {
		return append(b, "null"...)
	}
	switch {
	case parts != nil && v[0] == '[':
		b = append(b, '[')
		n := 0
		for e := range source.Elements(v) {
			if n++; n > 1 {
				b = append(b, ',')
			}
			b = pick(b, e, parts)
		}
		return append(b, ']')
	case parts == nil || v[0] != '{':
		return append(b, v...)
	}
	b = append(b, '{')
	n := 0
	for _, p := range parts {
		inner := source.Member(v, p.name)
		if inner == nil {
			continue
		}
		if n++; n > 1 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, p.name...)
		b = append(b, '"', ':')
		b = pick(b, inner, p.parts)
	}
	return append(b, '}')
}

// envelope writes an object of the API with what it is and where it is from.
type envelope []byte

func newEnvelope(kind, repo string) envelope {
	return append(envelope(`{"type":"`+kind+`","repository":`), quote(repo)...)
}

// member adds a member; v is JSON.
func (e envelope) member(name string, v []byte) envelope {
	e = append(e, ',', '"')
	e = append(e, name...)
	e = append(e, '"', ':')
	return append(e, v...)
}

// picks adds an array of parts of objects.
func (e envelope) picks(name string, objects [][]byte, parts []part) envelope {
	b := []byte{'['}
	for i, v := range objects {
		if i > 0 {
			b = append(b, ',')
		}
		b = pick(b, v, parts)
	}
	return e.member(name, append(b, ']'))
}

func (e envelope) end() []byte { return append(e, '}') }
