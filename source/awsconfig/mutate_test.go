package awsconfig_test

import (
	"testing"

	"example.com/evident/source/awsconfig"
	"example.com/evident/source/sourcetest"
)

func TestMutants(t *testing.T) { sourcetest.Mutate(t, awsconfig.Kind, "testdata") }
