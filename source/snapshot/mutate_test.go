package snapshot_test

import (
	"testing"

	"example.com/evident/source/snapshot"
	"example.com/evident/source/sourcetest"
)

func TestMutants(t *testing.T) { sourcetest.Mutate(t, snapshot.Kind, "testdata") }
