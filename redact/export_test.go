package redact

// ApplyLong is Apply without the prefilter for the event as a whole.
func (p *Policy) ApplyLong(source string, raw []byte) []byte {
	if p.scoped {
		source = sourceOf(source, raw)
	}
	j := job{prog: p.program(source), hits: make([]uint64, len(p.rules))}
	if out := j.whole(raw); out != nil {
		return out
	}
	return raw
}
