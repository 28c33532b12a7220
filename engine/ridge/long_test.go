//go:build long

package ridge_test

// draws of features in the checks of noise
const noiseDraws = 40
