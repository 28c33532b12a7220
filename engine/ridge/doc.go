// Package ridge fits voxel-wise ridge encoding models with cross-validated
// alphas, as graphs of operations on any backend.
//
//	min_w |y - X w|^2 + alpha |w|^2   for every voxel y, alpha chosen by CV
//
// Responses are read once, by panels of voxels: each fold leaves sufficient
// statistics behind, and every alpha of the path is scored from those in the
// eigenbasis of the training rows, without predictions (docs/numerics.md,
// "Ridge"). How that is done in detail, the Form, is chosen by a cost model from
// the shapes alone.
//
// The package knows no files and no images: X is a matrix, responses are a
// tile.Source and results go to tile.Sinks.
package ridge
