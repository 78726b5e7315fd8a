package pagerduty_test

import (
	"testing"

	"example.com/evident/source/pagerduty"
	"example.com/evident/source/sourcetest"
)

func TestMutants(t *testing.T) { sourcetest.Mutate(t, pagerduty.Kind, "testdata") }
