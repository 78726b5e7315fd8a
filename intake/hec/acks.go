package hec

import (
	"encoding/json"
	"strconv"
)

// maxAcks bounds what one question may ask for.
const maxAcks = 100_000

// answerAcks says which requests are durable. A request is answered, and so has
// an ackId, only when its events are: whoever asks for an id that was given gets
// true, also from a server that has been started again since, and there is
// nothing to remember.
func answerAcks(b []byte, q query) reply {
	if q.channel == "" {
		return noChannel
	}
	var question struct {
		Acks []uint64 `json:"acks"`
	}
	if err := json.Unmarshal(b, &question); err != nil || question.Acks == nil {
		return invalidFormat.because(`expected {"acks":[0,1,2]}`)
	}
	if len(question.Acks) > maxAcks {
		return invalidFormat.because("asks for more than " + strconv.Itoa(maxAcks) + " acks")
	}
	answer := []byte(`{"acks":{`)
	given := make(map[uint64]bool, len(question.Acks))
	for _, id := range question.Acks {
		if given[id] {
			continue
		}
		if len(given) > 0 {
			answer = append(answer, ',')
		}
		given[id] = true
		answer = append(strconv.AppendUint(append(answer, '"'), id, 10), `":true`...)
	}
	return reply{status: 200, json: append(answer, "}}"...)}
}
