// Package evident holds no code: see README.md. The root of the repository
// holds the tests that keep its architecture (arch_test.go).
package evident
