// Package plotting draws what an analysis ends with: a map on the slices of a
// brain, a table of numbers as a heat map, and time courses. Figures are PNGs
// with a title, labelled axes and a colour bar with numbers; colours run
// evenly in lightness from orange or blue, which readers with any of the
// common colour deficiencies tell apart.
//
//	fig, err := plotting.Slices(plotting.SliceFigure{
//		Title: "Held-out r", Label: "r", Background: meanEPI, Map: scores, Threshold: 0.1,
//	})
//	err = plotting.WritePNG(file, fig)
//
// The package computes no statistics and picks no thresholds.
package plotting
