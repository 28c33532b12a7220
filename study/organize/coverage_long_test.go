//go:build long

package organize

import "testing"

// Of 200 simulated studies 90 to 98% of the nominal 95% intervals of every index of a model
// hold the population's, give or take a standard error of 200 studies at either end (2.1%
// at 90, 1% at 98).
func TestCoverageOfStudies(t *testing.T) {
	const studies = 200
	for _, S := range []int{12, 20} {
		for j, n := range covered(t, studies, S, 2) {
			t.Logf("%d subjects, %s: %d of %d", S, modelNames[j].name, n, studies)
			if float64(n) < 0.879*studies || float64(n) > 0.99*studies {
				t.Errorf("%d subjects, %s: %d of %d intervals hold the index of the population, expected 90 to 98%%", S, modelNames[j].name, n, studies)
			}
		}
	}
}
