// Package spatial compares maps with templates against nulls that keep the
// maps' spatial autocorrelation.
//
// Neighbouring voxels share noise, so a smooth map resembles some network by
// chance far more often than independent voxels would. On a lattice of voxels Fit
// finds the variogram of each map, Fields draws random fields of a few widths, and
// Highest mixes them into surrogates with the variograms; Spin rotates templates
// over a sphere. Both give, for every draw and map, the largest |r| over all
// templates, the null of a two-sided test, computed as batched products on any backend:
//
//	lat, err := spatial.NewLattice(mask.Len(), mask.Voxel, [3]float64{3, 3, 3})
//	fields := tile.NewArray[float32](lat.FieldRows(templates.Rows), 5000)
//	err = spatial.Fields(ctx, be, lat, templates, fields, spatial.Options{Draws: 5000})
//	weights, err := spatial.Fit(ctx, be, lat, maps)
//	high, err := spatial.Highest(ctx, be, weights, fields, templates.Rows, 0)
//	p := spatial.PValue(math.Abs(best), high.Row(0))
//
// docs/study.md, "match", says why surrogates are made of the maps and what
// false-positive rate was measured. The package knows no files.
package spatial
