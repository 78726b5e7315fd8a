package postgres_test

import (
	"testing"

	"example.com/evident/source/postgres"
	"example.com/evident/source/sourcetest"
)

func TestMutants(t *testing.T) { sourcetest.Mutate(t, postgres.Kind, "testdata") }
