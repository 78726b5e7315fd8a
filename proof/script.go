package proof

import _ "embed"

// Script is verify.py, the second verifier: every pack carries it.
//
//go:embed verify.py
var Script string
