// Package mask joins the brain masks of several recordings.
package mask

import (
	"context"
	"strings"

	"voxen/brain"
	"voxen/study/step"
)

// Options are the mask step: the voxels that are in every one of several masks.
type Options struct {
	Masks []string `opt:"mask" file:"in" required:"true" doc:"brain masks on one grid"`
	Out   string   `opt:"out" file:"out" required:"true" doc:"the common mask, .nii.gz"`
}

// Summary is what the mask step found.
type Summary struct {
	step.Ended
	Masks  int `json:"masks"`
	Voxels int `json:"voxels"`
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "mask", Results: 1, File: true, Neutral: []string{"precision"}}
}

// Check refuses an output that is not called as masks are.
func (o *Options) Check() error {
	if !strings.HasSuffix(o.Out, ".nii.gz") {
		return step.BadInput(o.Out, "is of no kind that is written here: expected .nii.gz")
	}
	return nil
}

// Do writes the voxels that are in every one of the masks.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	var common *brain.Mask
	err := r.Stage("joining masks", len(o.Masks), func() (err error) {
		common, err = o.intersect(ctx, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	path, err := r.Job.Path("")
	if err != nil {
		return nil, err
	}
	if err := (brain.Files{FS: r.Job.FS()}).WriteMask(ctx, path, common); err != nil {
		return nil, err
	}
	return &Summary{Masks: len(o.Masks), Voxels: common.Len()}, nil
}

// intersect takes the voxels of all masks, which are on one grid.
func (o *Options) intersect(ctx context.Context, r *step.Run) (*brain.Mask, error) {
	files := r.Env.Files()
	var common *brain.Mask
	for i, path := range o.Masks {
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
		r.Progress(i + 1)
	}
	return common, nil
}
