//go:build long

package organize

import "testing"

// Of 200 simulated studies 90 to 98% of the nominal 95% intervals of every index of a model
// hold the population's.
func TestCoverageOfStudies(t *testing.T) {
	const studies = 200
	for j, n := range covered(t, studies, 12, 2) {
		t.Logf("%s: %d of %d", modelNames[j].name, n, studies)
		if n < studies*90/100 || n > studies*98/100 {
			t.Errorf("%s: %d of %d intervals hold the index of the population, expected 90 to 98%%", modelNames[j].name, n, studies)
		}
	}
}
