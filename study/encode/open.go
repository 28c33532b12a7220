package encode

import (
	"context"

	"voxen/engine/ridge"
	"voxen/study/step"
)

// Problem is what an encode step fits, for steps that fit it again to other features.
type Problem struct {
	Data      ridge.Data
	Plan      ridge.Options
	Responses *step.Responses

	x *encoder
}

// Open reads what a step of these options would fit, for another step's run. name is
// what scratch files of its responses are called; first, not nil, is a problem at whose
// places it must lie.
func Open(ctx context.Context, r *step.Run, o *Options, name string, first *Problem) (*Problem, error) {
	x, err := newEncoder(o, r)
	if err != nil {
		return nil, err
	}
	x.scratch = name
	if first != nil {
		x.like = first.Responses
	}
	if err := x.read(ctx); err != nil {
		x.close()
		return nil, err
	}
	x.Plan.Precision = x.Env.Precision
	return &Problem{x.Data, x.Plan, x.Y, x}, nil
}

// Close closes the files.
func (p *Problem) Close() { p.x.close() }

// Explain puts a refusal of the engine into words of files and options.
func (p *Problem) Explain(err error) error { return p.x.explain(err) }
