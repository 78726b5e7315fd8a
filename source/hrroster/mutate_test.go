package hrroster_test

import (
	"testing"

	"example.com/evident/source/hrroster"
	"example.com/evident/source/sourcetest"
)

func TestMutants(t *testing.T) { sourcetest.Mutate(t, hrroster.Kind, "testdata") }
