// Package conform holds the one list of cases that every operation must pass on
// every backend: the result of the backend against the float64 reference, by
// normalised error with a limit beside the case. An operation joins by being
// listed in Cases; a test fails while one that has a backend method is missing.
//
// Package conformtest runs them as the test of a backend, and voxen bench times them.
package conform
