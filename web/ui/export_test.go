package ui

// Names that tests of this package see.
var (
	Visible      = visible
	VisibleBlock = visibleBlock
	PlainText    = plainText
	WithRange    = withRange
	Narrowing    = narrowing
	Span         = span
	Policy       = policy
)
