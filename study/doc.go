// Package study runs a study from one file: its configuration, the layout of datasets,
// the stimuli, and the graph of the steps with what each reads and will take.
//
// What a command does is a step, a package below this one: extract, align, learn, encode,
// match, organize, couple, group, report, and mask, which is a part of studies alone.
// A step takes its inputs as paths and options and writes its results through store, whole
// or not at all, with a run.json beside them. It reports progress to a step.Reporter and
// knows neither flags nor terminals: that is cmd/voxen.
//
//	env := &step.Env{Device: "auto", Memory: 4 << 30, Report: step.Quiet{}}
//	fit := encode.New()
//	fit.Features, fit.Responses, fit.Out = []string{"X.npy"}, []string{"bold.nii.gz"}, "out"
//	sum, err := step.Do[*encode.Summary](ctx, env, fit)
package study
