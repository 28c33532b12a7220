// Package store reads and writes the arrays, tables and result folders of
// voxen: .npy, .npz, .safetensors and HDF5 arrays, TSV tables, run.json, and outputs
// that appear whole or not at all and can be resumed.
//
// An Array is a two-dimensional view of an array in a file, read by blocks of
// columns with positioned reads into bounded buffers, so a file larger than
// memory costs no more than the block asked for. An ArraySink is its opposite.
// A Job is an output folder or file under construction: what is unfinished
// lives in DIR/.partial (or FILE.partial) with a journal of the finished column
// ranges, and the final names appear only when everything is on disk.
//
//	y, err := store.OpenNpy(store.OS{}, "responses.npy")
//	...
//	job, err := store.OpenJob(store.OS{}, "out", store.JobOptions{Command: "encode", Options: opts})
//	...
//	scores, err := job.CreateNpy(ctx, "cv_score.npy", store.Float32, 1, y.Cols(), store.AsVector)
//	for lo := 0; lo < y.Cols(); lo += 2048 {
//		hi := min(lo+2048, y.Cols())
//		if job.Done(lo, hi) {
//			continue
//		}
//		y.ReadFloat32(ctx, lo, hi, block, hi-lo)
//		scores.WriteFloat32(ctx, lo, hi, fit(block), hi-lo)
//		job.Finish(lo, hi)
//	}
//	err = job.Commit(ctx, &store.Run{})
//
// Every file operation goes through FS, so that tests can make any of them
// fail. A file that cannot be used is an *InputError of one line that names the
// file, what was expected and what was found; everything else that goes wrong
// is an ordinary error. The package knows nothing of images, models or devices,
// and imports nothing else of this module but the reader of HDF5 below it.
package store
