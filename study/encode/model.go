package encode

import (
	"context"
	"strconv"
	"strings"

	"voxen/engine/ridge"
	"voxen/study/step"
)

// ParseModel reads ridge, lasso or enet:RATIO; nil is ridge.
func ParseModel(text string) (*ridge.L1, error) {
	switch ratio, isEnet := strings.CutPrefix(text, "enet:"); {
	case text == "ridge":
		return nil, nil
	case text == "lasso":
		return &ridge.L1{Ratio: 1}, nil
	case isEnet:
		if r, err := strconv.ParseFloat(ratio, 64); err == nil && r > 0 && r <= 1 {
			return &ridge.L1{Ratio: r}, nil
		}
		return nil, step.BadInput("", "--model %q, expected enet:RATIO with RATIO above 0 and at most 1", text)
	}
	return nil, step.BadInput("", "--model %q, expected ridge, lasso or enet:RATIO", text)
}

// pathAlphas are so many in the path of an L1 penalty of which none are given.
const pathAlphas = 20

// penalties settles the alphas: of an L1 penalty those that are not given begin where the
// first weight of any voxel would leave 0.
func (x *encoder) penalties(ctx context.Context) error {
	if x.alphas = x.o.Alphas; x.alphas == "" {
		x.alphas = DefaultAlphas
	}
	if !x.ownPath() {
		return x.alphasHeld()
	}
	o, top := x.Plan, 0.0
	o.Precision = x.Env.Precision
	err := x.Stage("largest penalty", 0, func() error {
		return x.Compute(ctx, step.Part{What: "largest penalty"}, func(ctx context.Context) (err error) {
			o.Budget = x.Budget(x.DesignBytes())
			top, err = ridge.LargestPenalty(ctx, x.Backend, x.Data, o)
			return x.Env.Refuse(x.explain(err))
		})
	})
	if err != nil || !(top > 0) { // no voxel varies: that is for the fit to say
		return err
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	x.alphas = number(top*ridge.PathShare) + ":" + number(top) + ":" + strconv.Itoa(pathAlphas)
	if x.Plan.Alphas, err = ParseAlphas(x.alphas); err != nil {
		return err
	}
	return x.alphasHeld()
}

// ownPath reports whether the alphas are of the responses: an L1 penalty has none given. Until
// they are known as many others stand for them.
func (x *encoder) ownPath() bool { return x.Plan.L1 != nil && x.o.Alphas == "" }
