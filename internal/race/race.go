// Package race tells tests whether the race detector runs. It makes arithmetic some ten
// times slower and memory several times larger: a test that shows what is computed, by one
// road through the goroutines that others take too, learns nothing from it and is left out.
package race

import "testing"

// Skip leaves a test out under the race detector, for the reason that is given.
func Skip(t testing.TB, why string) {
	t.Helper()
	if Enabled {
		t.Skip("race detector: " + why)
	}
}
