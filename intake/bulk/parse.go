package bulk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/evident/event"
	"example.com/evident/intake"
	"example.com/evident/intake/several"
	"example.com/evident/source"
)

// An item is one action of a request.
type item struct {
	op        string // index, create, update, delete
	index, id string
	document  []byte
	wrong     *failure // why it is not stored
}

func malformed(line int, what string) *failure {
	return &failure{status: http.StatusBadRequest, kind: "illegal_argument_exception", reason: fmt.Sprintf("Malformed action/metadata line [%d], %s", line, what)}
}

// parse reads all actions of a body, so that one that cannot be read stores
// nothing. A document that cannot be stored is the item's own affair.
func parse(b []byte, index string) (items []item, err error) {
	for line := 1; len(b) > 0; line++ {
		var action []byte
		if action, b = cut(b); len(bytes.TrimSpace(action)) == 0 {
			continue
		}
		if len(items) == intake.MaxEvents {
			return nil, &failure{status: http.StatusRequestEntityTooLarge, kind: "parse_exception", reason: fmt.Sprintf("more than %d actions; send them in several requests", intake.MaxEvents)}
		}
		it, err := parseAction(action, line)
		if err != nil {
			return nil, err
		}
		if it.op != "delete" {
			if len(b) == 0 {
				return nil, malformed(line, "expected a document behind it")
			}
			it.document, b = cut(b)
			line++
		}
		if it.index == "" {
			it.index = index
		}
		it.check()
		items = append(items, it)
	}
	if len(items) == 0 {
		return nil, &failure{status: http.StatusBadRequest, kind: "parse_exception", reason: "request body is required"}
	}
	return items, nil
}

// cut returns the first line of b, without its end, and the rest.
func cut(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest
}

func parseAction(action []byte, n int) (it item, err error) {
	if source.Valid(action) != nil || bytes.TrimSpace(action)[0] != '{' {
		return it, malformed(n, "expected an object")
	}
	for op, meta := range source.Members(action) {
		if it.op != "" || meta[0] != '{' {
			return it, malformed(n, "expected one action, an object")
		}
		switch op {
		case "index", "create", "update", "delete":
		default:
			return it, malformed(n, fmt.Sprintf("expected field [create], [delete], [index] or [update] but found [%.20s]", op))
		}
		it.op = op
		it.index = source.MemberText(meta, "_index")
		if id := source.Member(meta, "_id"); id != nil && string(id) != "null" {
			it.id = source.Text(id)
			it.wrong = checkID(it.id)
		}
	}
	if it.op == "" {
		return it, malformed(n, "expected one action, found none")
	}
	return it, nil
}

// singleOf returns the item of a request for one document, without it; false if
// the request is for something else.
func singleOf(method string, parts []string) (it item, ok bool) {
	n := len(parts)
	if n < 2 || n > 3 || method != http.MethodPost && method != http.MethodPut {
		return it, false
	}
	it.index = parts[0]
	switch parts[1] {
	case "_doc":
		it.op = "index"
	case "_create":
		it.op = "create"
	default:
		return it, false
	}
	if n == 3 {
		if it.id = parts[2]; it.id == "_bulk" {
			return it, false
		}
		it.wrong = checkID(it.id)
	}
	return it, true
}

// checkID returns what is wrong with an _id.
func checkID(id string) *failure {
	if id == "" || len(id) > event.MaxIDBytes || !utf8.ValidString(id) {
		return &failure{status: http.StatusBadRequest, kind: "illegal_argument_exception", reason: fmt.Sprintf("_id: found %d bytes, expected 1 to %d, in UTF-8", len(id), event.MaxIDBytes)}
	}
	return nil
}

// check finds what keeps the item from being stored.
func (it *item) check() {
	switch {
	case it.wrong != nil:
	case it.op == "update" || it.op == "delete":
		it.wrong = &failure{status: http.StatusForbidden, kind: "security_exception", reason: it.op + ": this is an audit trail; what is in it is neither changed nor deleted"}
	case it.index == "":
		it.wrong = &failure{status: http.StatusBadRequest, kind: "action_request_validation_exception", reason: "Validation Failed: 1: index is missing;"}
	case len(it.document) > source.MaxEventBytes:
		it.wrong = unparsed(fmt.Sprintf("document: %d bytes; at most %d", len(it.document), source.MaxEventBytes))
	default:
		it.document = bytes.TrimSpace(it.document)
		if len(it.document) == 0 || it.document[0] != '{' || !jsontext.Value(it.document).IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) {
			it.wrong = unparsed("document: expected a JSON object")
		}
	}
}

func unparsed(reason string) *failure {
	return &failure{status: http.StatusBadRequest, kind: "document_parsing_exception", reason: reason}
}

// ending is what rotated indices have behind their names: a date, or a number
// of rollovers.
var ending = regexp.MustCompile(`[-_.](\d{4}[.-]\d{2}([.-]\d{2}([.-]\d{2})?)?|\d{4}[.-]w?\d{2}|\d{8}|\d{6})$`)

// sourceOf returns the source that index stands for.
func sourceOf(in *intake.Intake, index string) string {
	index = strings.TrimPrefix(index, ".ds-") // what data streams call their parts
	for range 2 {                             // a date may stand before a number
		index = ending.ReplaceAllString(index, "")
	}
	if kind, name, ok := strings.Cut(index, "-"); ok && several.Named(in, kind+"/"+name) {
		return kind + "/" + name
	}
	return several.Source(in, index)
}

// wrappers are members that shippers add to what they read. Formats that have a
// member message of their own have none of them.
var wrappers = [...]string{"agent", "ecs", "source_type", "date", "@timestamp"}

// content is the raw of a document whose source has a format of its own.
func content(document []byte) []byte {
	if text := source.Member(document, "event", "original"); isText(text) {
		return unquote(text)
	}
	for _, name := range [...]string{"message", "log"} {
		text := source.Member(document, name)
		if !isText(text) {
			continue
		}
		for _, w := range wrappers {
			if v := source.Member(document, w); v != nil && (w != "@timestamp" || v[0] == '"') {
				return unquote(text)
			}
		}
	}
	return document
}

func isText(token []byte) bool { return len(token) > 2 && token[0] == '"' }

func unquote(token []byte) []byte {
	text, _ := jsontext.AppendUnquote(nil, token) // what is not UTF-8 becomes U+FFFD
	return text
}

// placeOf returns the id of a document that says where in which file it began;
// it is the same however its shipper cuts the next request. All of it goes into
// the id: files are rotated, and hosts have the same files.
func placeOf(document []byte) string {
	log := source.Member(document, "log")
	if log == nil || source.Member(log, "offset") == nil || source.Member(log, "file") == nil {
		return ""
	}
	sum := sha256.Sum256(document)
	return "document-" + hex.EncodeToString(sum[:])
}
