package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"

	"example.com/evident/source"
)

// maxElements bounds what of an XML document is compared.
const (
	maxElements = 100_000
	maxNesting  = 64
)

// identity names a request: the snapshot's name, and what was asked.
func identity(raw []byte) string {
	asked := strings.Join([]string{
		source.MemberText(raw, "request", "method"), source.MemberText(raw, "request", "url"), source.MemberText(raw, "request", "body"),
	}, "\n")
	sum := sha256.Sum256([]byte(asked))
	name := source.MemberText(raw, "snapshot")
	return strings.ToValidUTF8(name[:min(len(name), 256)], "") + "/" + hex.EncodeToString(sum[:8])
}

// state is what of a snapshot is compared with the one before.
func state(raw []byte) (string, []byte) {
	if source.Valid(raw) != nil || source.MemberText(raw, "snapshot") == "" {
		return "", nil
	}
	s := struct {
		Status json.RawMessage `json:"status"`
		Body   any             `json:"body"`
	}{Status: source.Member(raw, "status")}
	if len(s.Status) == 0 {
		s.Status = json.RawMessage("null")
	}
	if body := source.Member(raw, "body"); body != nil {
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if d.Decode(&s.Body) != nil {
			return "", nil // bytes that are not UTF-8
		}
		s.Body = settled(s.Body)
	} else if text := source.Member(raw, "body_text"); text != nil {
		var document string
		if json.Unmarshal(text, &document) != nil {
			return "", nil
		}
		if s.Body = elements(document); s.Body == nil {
			s.Body = document
		}
	} else {
		s.Body = source.MemberText(raw, "body_base64")
	}
	b, err := json.Marshal(s)
	if err != nil {
		return "", nil
	}
	return identity(raw), b
}

// volatile are members that are of the request, and not of what was asked for.
var volatile = map[string]bool{"ResponseMetadata": true, "requestId": true, "RequestId": true, "request_id": true, "HostId": true}

// settled returns v without volatile members.
func settled(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			if volatile[name] {
				delete(v, name)
			} else {
				v[name] = settled(v[name])
			}
		}
	case []any:
		for i := range v {
			v[i] = settled(v[i])
		}
	}
	return v
}

// elements returns an XML document as JSON has it: elements by their names,
// those that come several times as arrays. It returns nil if text is none.
func elements(text string) any {
	if !strings.HasPrefix(strings.TrimSpace(text), "<") {
		return nil
	}
	d := xml.NewDecoder(strings.NewReader(text))
	left := maxElements
	root := map[string]any{}
	for {
		t, err := d.Token()
		if err == io.EOF && len(root) > 0 {
			return root
		}
		if err != nil {
			return nil
		}
		if start, ok := t.(xml.StartElement); ok {
			v, ok := element(d, &left, 0)
			if !ok {
				return nil
			}
			root[start.Name.Local] = settled(v)
		}
	}
}

// element reads one element to its end.
func element(d *xml.Decoder, left *int, depth int) (any, bool) {
	if *left--; *left < 0 || depth > maxNesting {
		return nil, false
	}
	children, text := map[string]any{}, ""
	for {
		t, err := d.Token()
		if err != nil {
			return nil, false
		}
		switch t := t.(type) {
		case xml.StartElement:
			v, ok := element(d, left, depth+1)
			if !ok {
				return nil, false
			}
			switch old := children[t.Name.Local].(type) {
			case nil:
				children[t.Name.Local] = v
			case []any:
				children[t.Name.Local] = append(old, v)
			default:
				children[t.Name.Local] = []any{old, v}
			}
		case xml.CharData:
			text += string(t)
		case xml.EndElement:
			if len(children) > 0 {
				return children, true
			}
			return strings.TrimSpace(text), true
		}
	}
}
