package mapping

import (
	"encoding/json"
	"strconv"

	"example.com/evident/source"
	"github.com/go-json-experiment/json/jsontext"
)

// detail writes the object of event.Event.Detail.
type detail []byte

// text adds a member, unless s is empty.
func (d *detail) text(name, s string) {
	if s == "" {
		return
	}
	d.name(name)
	*d, _ = jsontext.AppendQuote(*d, source.Clip(s)) // what is not UTF-8 was replaced already
}

// number adds a member as a number if it is a whole one, else as text.
func (d *detail) number(name, s string) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		d.name(name)
		*d = strconv.AppendInt(*d, n, 10)
		return
	}
	d.text(name, s)
}

func (d *detail) name(name string) {
	lead := byte(',')
	if len(*d) == 0 {
		lead = '{'
	}
	*d = append(*d, lead, '"')
	*d = append(*d, name...)
	*d = append(*d, '"', ':')
}

func (d *detail) object() json.RawMessage {
	if len(*d) == 0 {
		return nil
	}
	return append(json.RawMessage(*d), '}')
}

// token adds a member whose value is a JSON token already.
func (d *detail) token(name string, v []byte) {
	d.name(name)
	*d = append(*d, v...)
}
