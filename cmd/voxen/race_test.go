//go:build race

package main

// underRace says that the race detector runs, whose shadow memory is several times the
// program's own: a bound on the resident set tells nothing then.
const underRace = true
