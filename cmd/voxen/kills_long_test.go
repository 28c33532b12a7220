//go:build long

package main

// killsWanted is how often TestRunKilled kills a study.
const killsWanted = 400
