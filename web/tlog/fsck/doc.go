// Package fsck holds a test alone: it runs the checker of another project,
// github.com/transparency-dev/tessera/cmd/fsck, against package tlog. It is a
// module of its own so that the product does not carry its dependencies.
package fsck
