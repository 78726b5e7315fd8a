package proof

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// The columns of population.csv after those of the header, and where each is
// found: the first pointer that is disclosed counts (format.md section 6.7).
var columns = []struct {
	name     string
	pointers []string
}{
	{"event_id", []string{"/id"}},
	{"actor_type", []string{"/actor/type"}},
	{"actor_id", []string{"/actor/id"}},
	{"actor_name", []string{"/actor/name"}},
	{"actor_email", []string{"/actor/email"}},
	{"target_type", []string{"/target/type", "/targets/0/type"}},
	{"target_id", []string{"/target/id", "/targets/0/id"}},
	{"target_name", []string{"/target/name", "/targets/0/name"}},
	{"ip", []string{"/where/ip"}},
	{"ticket", []string{"/why/ticket"}},
}

// PopulationHeader returns the first line of population.csv.
func PopulationHeader() string {
	cells := []string{"seq", "occurred_at", "at", "source", "category", "action", "outcome", "id"}
	for _, c := range columns {
		cells = append(cells, c.name)
	}
	return `"` + strings.Join(append(cells, "leaf"), `","`) + "\"\n"
}

// AppendPopulation appends the line of population.csv for one record.
func AppendPopulation(b []byte, h *Header, leaf Hash, v *View) []byte {
	for _, name := range []string{"seq", "/occurred_at", "at", "source", "category", "action", "outcome", "id"} {
		value, _ := h.value(name)
		b = append(appendCell(b, value), ',')
	}
	for _, c := range columns {
		b = append(appendCell(b, v.cell(c.pointers)), ',')
	}
	return append(appendCell(b, []byte(leaf.String())), '\n')
}

// find returns the value of the first of pointers that is disclosed, or nil.
func (v *View) find(pointers ...string) []byte {
	for _, p := range pointers {
		for i := range v.Fields {
			if v.Fields[i].Pointer == p {
				return v.Fields[i].Value
			}
		}
	}
	return nil
}

func (v *View) cell(pointers []string) []byte {
	token := v.find(pointers...)
	if s, isText := text(token); isText {
		return s
	} else if token == nil && v.Withheld > 0 {
		return []byte("[withheld]")
	}
	return token
}

// appendCell quotes a cell. A cell that a spreadsheet would take for a formula
// is kept from being one: the file is made to be opened in one.
func appendCell(b, value []byte) []byte {
	b = append(b, '"')
	start, blank := len(b), true
	for _, r := range string(value) {
		if r = cleanRune(r); blank && r != ' ' {
			blank = false
			if strings.ContainsRune("=+-@＝＋－＠", r) {
				b = slices.Insert(b, start, '\'')
			}
		}
		if r == '"' {
			b = append(b, '"')
		}
		b = utf8.AppendRune(b, r)
	}
	return append(b, '"')
}

// clean replaces characters that could make a terminal or a spreadsheet show
// something else than what is there: controls, and those that turn direction.
func clean(s string) string { return strings.Map(cleanRune, s) }

func cleanRune(r rune) rune {
	switch {
	case r < 0x20, 0x7F <= r && r <= 0x9F:
		return ' '
	case r == 0x61C, 0x200B <= r && r <= 0x200F, 0x2028 <= r && r <= 0x202E, 0x2060 <= r && r <= 0x2069, r == 0xFEFF:
		return '\uFFFD'
	}
	return r
}
