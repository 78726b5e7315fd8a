// Package proof holds everything that has to be believed, and nothing else: how
// a record is hashed, how records make a tree, how the tree is signed, and how a
// pack that an auditor took home is verified. docs/format.md specifies it byte
// by byte; verify.py in this folder is a second verifier, written from that page
// alone and not from this code. Nothing here opens a network connection, reads a
// clock or knows the server, and the server uses this same code to check itself.
//
// It is meant to be read in an hour, in this order. Each file makes one claim.
//
//	record.go      a header has exactly one form, and its hash is its name
//	field.go       a body has one set of fields
//	commit.go      the fields are those that were recorded, also if some are withheld
//	tree.go        the records stand in one tree, in one order
//	checkpoint.go  the tree is the one that was signed
//	manifest.go    the segments that are left out were described before anybody asked
//	expr.go        a filter says true, false or unknown, and never guesses
//	pack.go        the pack is whole and as signed
//	verify.go      no header of the window is missing
//	disclose.go    the records are as recorded, and the right ones
//	population.go  the spreadsheet says what the records say
//	script.go      verify.py, as it goes into every pack
package proof
