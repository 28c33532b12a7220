// Package permute tests many variables at once over a few subjects, by
// permutation: the mean of a sample by flipping signs, and a partial correlation
// by permuting residuals (Freedman and Lane 1983).
//
// Data are a (subjects x variables) tile.Source: voxels of a map, regions,
// indices. All draws of a panel of variables are one batched product on the
// engine, in float64, since p-values count ties. When the draws asked for cover
// all flips or permutations, each is taken once and the test is exact.
//
//	be, _, err := engine.Open("auto", engine.Config{})
//	res, err := permute.OneSample(ctx, be, maps, permute.Options{Draws: 5000})
//	res, err := permute.Partial(ctx, be, scores, age, covariates, permute.Options{Draws: 5000})
//	// res.Estimate, res.T, res.P, res.PMax per variable
//
// p = (1 + b) / (1 + n), b of n draws at least as extreme as what was observed,
// two-sided; PMax compares with the maximum over variables and holds the
// familywise error (Westfall and Young 1993). FDR adjusts p-values for a share of
// false discoveries instead. The package knows no files.
package permute
