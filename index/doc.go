// Package index is the search projection: it answers which records of the trail
// match a filter, how many, when, and with which values. It is not a store: it
// remembers nothing that the trail does not hold, its folder can be deleted and
// is made again, and whatever it answers is what a plain scan of the trail
// would.
//
// The records are cut into blocks of 2^18 by seq. A block is a DuckDB file with
// a few slim columns and, beside it, filters that say which stretches may have a
// word (packages block and words); the newest records are columns in memory, a
// tail. What the columns cannot decide is read from the trail and decided there
// (plan.go). The filter is that of docs/format.md section 6.8; why it is built
// like this is in docs/decisions, 020 to 024.
package index
