// Package spatial compares maps with templates against nulls that keep the
// maps' spatial autocorrelation.
//
// Neighbouring voxels share noise, so a smooth map resembles some network by
// chance far more often than independent voxels would. Variogram draws surrogate
// maps with the variogram of each map on a lattice of voxels; Spin rotates
// templates over a sphere. Both give, for every draw and map, the highest
// correlation over all templates, computed as batched products on any backend:
//
//	lat, err := spatial.NewLattice(voxels, [3]float64{3, 3, 3})
//	null := tile.NewArray[float32](maps.Rows, 5000)
//	err = spatial.Variogram(ctx, be, lat, maps, templates, null, spatial.Options{Draws: 5000})
//	p := spatial.PValues(best, null)
//
// docs/study.md, "match", says why surrogates are made of the maps and what
// false-positive rate was measured. The package knows no files.
package spatial
