package intake

import "fmt"

// A Malformed delivery could not be cut into events, so nothing of it was stored.
type Malformed struct{ What string }

func (e *Malformed) Error() string { return "body: " + e.What }

// A TooLarge delivery has more than this package takes at once; nothing of it
// was stored.
type TooLarge struct{ What string }

func (e *TooLarge) Error() string { return "body: " + e.What }

// A Forbidden delivery is for a source that its sender may not append to.
type Forbidden struct{ What string }

func (e *Forbidden) Error() string { return e.What }

var errAtomicLarge = &TooLarge{fmt.Sprintf("is more than is stored all or nothing: at most %d events and %d bytes", MaxAtomicEvents, MaxAtomicBytes)}
