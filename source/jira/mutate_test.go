package jira_test

import (
	"testing"

	"example.com/evident/source/jira"
	"example.com/evident/source/sourcetest"
)

func TestMutants(t *testing.T) { sourcetest.Mutate(t, jira.Kind, "testdata") }
