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
	if err := (brain.Files{FS: e.FS}).WriteMask(ctx, path, common); err != nil {
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
	files, err := e.Files()
	if err != nil {
		return nil, err
	}
	var common *brain.Mask
	for i, path := range paths {
		var grid *brain.Grid
		if common != nil {
			grid = common.Grid
		}
		m, err := files.Mask(ctx, path, grid)
		if err != nil {
			return nil, err
		}
		if common == nil {
			common = m
		} else if common, err = common.Intersect(m); err != nil {
			return nil, err
		}
		e.Report.Progress(i)
	}
	return common, nil
}
