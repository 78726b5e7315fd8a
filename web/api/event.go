package api

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"

	"example.com/evident/proof"
	"example.com/evident/trail"
)

// appendEvent appends the event of r as JSON: its own fields, byte for byte as
// the trail received them, behind seq, at and leaf, which no event can have. Of
// a record whose body has expired there are the fields of its header. With
// oneLine, white space between tokens is left out if there is a line break in it.
func appendEvent(b []byte, r *trail.Record, oneLine bool) []byte {
	b = append(b, `{"seq":`...)
	b = strconv.AppendUint(b, r.Header.Seq, 10)
	b = append(b, `,"at":"`...)
	b = proof.AppendTime(b, r.Header.At)
	b = append(b, `","leaf":"`...)
	b = hex.AppendEncode(b, r.Leaf[:])
	if r.Body == nil {
		b = append(b, `","expired":true,"source":"`...)
		b = append(b, r.Header.Source...)
		b = append(b, `","occurred_at":"`...)
		b = proof.AppendTime(b, r.Header.OccurredAt)
		b = append(b, `","category":"`...)
		b = append(b, r.Header.Category...)
		b = append(b, `","action":"`...)
		b = append(b, r.Header.Action...)
		b = append(b, `","outcome":"`...)
		b = append(b, r.Header.Outcome...)
		return append(b, `"}`...)
	}
	b = append(b, `",`...)
	body := r.Body[bytes.IndexByte(r.Body, '{')+1:]
	if !oneLine || bytes.IndexByte(body, '\n') < 0 && bytes.IndexByte(body, '\r') < 0 {
		return append(b, body...)
	}
	compact := bytes.NewBuffer(nil)
	if err := json.Compact(compact, r.Body); err != nil {
		panic("bug: a body in the trail is not JSON: " + err.Error())
	}
	return append(b, compact.Bytes()[1:]...)
}

// seqOf reads the seq in the path of r.
func seqOf(r *http.Request) (uint64, error) {
	text := r.PathValue("seq")
	seq, err := strconv.ParseUint(text, 10, 64)
	if err != nil || strconv.FormatUint(seq, 10) != text {
		return 0, refuse(http.StatusBadRequest, "seq: expected the number of a record, such as 0 or 4711")
	}
	return seq, nil
}

var errNoRecord = refuse(http.StatusNotFound, "event: there is no such record")
