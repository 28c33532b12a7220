//go:build !long

package study_test

// faultRounds is how many times TestRunSurvivesFaults begins a study anew.
const faultRounds = 1
