// Package plotting draws every figure of voxen, in one language: maps on the slices
// of a brain or on the cortex, heat maps, and charts of lines or points.
//
//	fig, err := plotting.SliceFigure{Background: meanEPI, Map: scores, Scale: plotting.Scale{Label: "held-out r", High: 0.4}}.Draw()
//	err = fig.PNG(file) // or SVG, PDF, and Inline within a page
//
// A Figure is a list of shapes, words and pictures, written as SVG, as PDF or as PNG
// at two pixels per unit. Dense maps are pictures of one pixel per voxel, cell or
// half a unit of a cortex; all else stays vectors.
//
// Colours follow one rule: the further from 0 the lighter. Scores have the sequential
// scale, signed weights the diverging one (orange above, blue below), networks the
// colours of their atlas, series those of Okabe and Ito (2008). What no colour covers
// shows the background, dimmed below the weakest colour. Words stand beside pictures
// and never on them.
//
// gonum/plot was looked at and is not used here: it writes PDF in code page 1252
// alone, fixes its colours and knows no pictures within axes whose pixels stay sharp.
// PDF is written by go-pdf/fpdf, which it rests on, with the font embedded.
//
// The package computes no statistics and picks no thresholds.
package plotting
