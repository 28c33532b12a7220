// Package sample is what the tests of command mutate change.
package sample

// Largest is the largest of values, 0 of none.
func Largest(values []int) (most int) {
	for i, x := range values {
		if i == 0 || x > most {
			most = x
		}
	}
	return most
}
