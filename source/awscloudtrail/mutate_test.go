package awscloudtrail_test

import (
	"testing"

	"example.com/evident/source/awscloudtrail"
	"example.com/evident/source/sourcetest"
)

func TestMutants(t *testing.T) { sourcetest.Mutate(t, awscloudtrail.Kind, "testdata") }
