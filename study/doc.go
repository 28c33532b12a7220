// Package study holds the steps of a study: what the commands do, between files
// and the estimators.
//
// A step takes its inputs as paths and options and writes its results through
// store, whole or not at all, with a run.json beside them. It reports progress to
// a Reporter and knows neither flags nor terminals: that is cmd/voxen.
//
//	env := &study.Env{Device: "auto", Memory: 4 << 30, Report: study.Quiet{}}
//	sum, err := study.Encode(ctx, env, study.EncodeOptions{
//		Features: []string{"X.npy"}, Responses: []string{"bold.nii.gz"}, Out: "out"})
package study
