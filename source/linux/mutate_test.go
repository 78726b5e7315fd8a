package linux_test

import (
	"testing"

	"example.com/evident/source/linux"
	"example.com/evident/source/sourcetest"
)

func TestMutants(t *testing.T) { sourcetest.Mutate(t, linux.Kind, "testdata") }
