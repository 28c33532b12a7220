// Package conform holds the one list of cases that every operation must pass on
// every backend: the result of the backend against the float64 reference, by
// normalised error with a limit beside the case. An operation joins by being
// listed in Cases; a test fails while one that has a backend method is missing.
//
// A backend's own test is one line:
//
//	func TestConform(t *testing.T) { conform.Test(t, cpu.New(2)) }
//
// The same list is what voxen bench times.
package conform
