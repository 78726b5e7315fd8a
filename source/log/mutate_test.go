package log_test

import (
	"testing"

	"example.com/evident/source/log"
	"example.com/evident/source/sourcetest"
)

func TestMutants(t *testing.T) { sourcetest.Mutate(t, log.Kind, "testdata") }
