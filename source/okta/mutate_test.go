package okta_test

import (
	"testing"

	"example.com/evident/source/okta"
	"example.com/evident/source/sourcetest"
)

func TestMutants(t *testing.T) { sourcetest.Mutate(t, okta.Kind, "testdata") }
