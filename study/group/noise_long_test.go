//go:build long

package group_test

import "testing"

// Of 200 studies of noise at most 9% have a brain score, or its correlation with
// cognition, with p < .05.
func TestGroupNoiseStudies(t *testing.T) {
	const studies = 200
	mean, correlation := significant(t, studies, true)
	t.Logf("of %d studies %d brain scores and %d correlations", studies, mean, correlation)
	if mean > studies*9/100 || correlation > studies*9/100 {
		t.Errorf("of %d studies of noise %d have a brain score and %d a correlation with p < .05, expected at most 9%%", studies, mean, correlation)
	}
}
