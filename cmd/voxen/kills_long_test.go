//go:build long

package main

// killsWanted is how often TestRunKilled kills a study.
const killsWanted = 400

// crashedParts is how often TestPartsSurviveCrashes makes an output of parts, each of which
// crashes once.
const crashedParts = 100
