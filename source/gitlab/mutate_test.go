package gitlab_test

import (
	"testing"

	"example.com/evident/source/gitlab"
	"example.com/evident/source/sourcetest"
)

func TestMutants(t *testing.T) { sourcetest.Mutate(t, gitlab.Kind, "testdata") }
