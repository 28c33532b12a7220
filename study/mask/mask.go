// Package mask joins the brain masks of several recordings.
package mask

import (
	"context"
	"fmt"
	"path/filepath"

	"voxen/brain"
	"voxen/store"
	"voxen/study/step"
)

// Options are those of the mask step.
type Options struct {
	Masks []string
	Out   string // .nii.gz
}

// Summary is what the mask step found.
type Summary struct {
	Out     string  `json:"out"`
	Masks   int     `json:"masks"`
	Voxels  int     `json:"voxels"`
	Seconds float64 `json:"seconds"`
}

// Run writes the voxels that are in every one of several masks.
func Run(ctx context.Context, e *step.Env, o Options) (Summary, error) {
	e.Begin()
	var files []step.File
	for _, path := range o.Masks {
		files = append(files, step.File{Role: "--mask", Path: path})
	}
	inputs, err := step.DigestFiles(ctx, e.FS, files)
	if err != nil {
		return Summary{}, err
	}
	job, err := e.OpenJob(o.Out, store.JobOptions{Command: "mask", Inputs: inputs, File: true})
	if err != nil {
		return Summary{}, err
	}
	defer job.Close()
	common, err := intersect(ctx, e, o.Masks)
	if err != nil {
		return Summary{}, err
	}
	// the writer tells the kind of file by a name that ends in .nii.gz
	path, err := job.Path("")
	if err != nil {
		return Summary{}, err
	}
	if filepath.Ext(path) != ".gz" {
		return Summary{}, fmt.Errorf("%s: a mask that is not called .nii.gz", path)
	}
	if err := common.Write(ctx, path); err != nil {
		return Summary{}, err
	}
	run := e.LocalRun()
	if err := job.Commit(ctx, run); err != nil {
		return Summary{}, err
	}
	return Summary{o.Out, len(o.Masks), common.Len(), run.Seconds}, nil
}

// intersect takes the voxels of all masks, which are on one grid.
func intersect(ctx context.Context, e *step.Env, paths []string) (*brain.Mask, error) {
	var common *brain.Mask
	var in *brain.Volume
	for i, path := range paths {
		m, err := brain.LoadMask(ctx, path)
		if err != nil {
			return nil, err
		}
		ones := make([]float64, m.Len())
		for v := range ones {
			ones[v] = 1
		}
		spread, err := m.Spread(ones, 0)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			common, in = m, spread
			continue
		}
		if err := m.Grid.Same(common.Grid); err != nil {
			return nil, step.BadInput(path, "is not on the grid of mask %s: %v", paths[0], err)
		}
		for v, x := range spread.Values {
			in.Values[v] *= x
		}
		e.Report.Progress(i)
	}
	m, err := brain.NewMask(common.Header, in)
	if err != nil {
		return nil, step.BadInput(paths[0], "has no voxel in common with the other %d masks", len(paths)-1)
	}
	return m, nil
}
