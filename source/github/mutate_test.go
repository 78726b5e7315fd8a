package github_test

import (
	"testing"

	"example.com/evident/source/github"
	"example.com/evident/source/sourcetest"
)

func TestMutants(t *testing.T) { sourcetest.Mutate(t, github.Kind, "testdata") }
