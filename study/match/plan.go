package match

import (
	"context"
	"path/filepath"

	"gorgonia.org/gorgonia"

	"voxen/brain"
	"voxen/engine"
	"voxen/internal/spatial"
	"voxen/study/step"
)

// heldBytes is what the step holds besides the engine's buffers.
type heldBytes struct {
	maps     int64 // of all subjects, and the templates
	products int64 // while products are taken: the group's maps too
	draws    int64 // while surrogates are drawn: templates, group's maps, products, and what is found
}

// figureBytes is what the figure and the tables of results take.
const figureBytes = 4 << 20

// plan refuses a bound of memory that is too small for what the files are said to hold: all
// maps and templates, their products, the surrogates, and the images of the group.
func (x *matcher) plan(ctx context.Context, networks *brain.Templates) error {
	S, K, L, V := int64(len(x.o.Maps)), int64(x.maps.rows), int64(len(x.networks)), int64(x.maps.cols)
	templates, reading := networks.Bytes()
	group, gram, high := 8*K*V, 8*(S*K+L)*(S*K+L), 8*K*int64(x.o.Draws)
	about, err := x.stimulusBytes()
	if err != nil {
		return err
	}
	places := 40*V + figureBytes // of the mask, those compared and where they lie on the lattice
	maps := 4*S*K*V + places
	x.held = heldBytes{maps: maps + templates, products: maps + templates + group + 3*gram, draws: places + templates + group + gram + high}
	stages := []step.Stage{
		{Own: x.held.maps + reading},
		{Own: x.held.products, Least: x.leastProducts},
		{Own: places + templates + group + gram + (L+24)*V}, // sets of voxels, and one in order
		{Own: x.held.draws + about + group},                 // the group's maps again as images
	}
	if x.o.runs(nullMaps) {
		stages = append(stages, step.Stage{Own: x.held.draws, Least: x.leastSurrogates})
	}
	return x.PlanMemory(ctx, stages...)
}

// stimulusBytes is what the stimulus null takes.
func (x *matcher) stimulusBytes() (n int64, err error) {
	if x.o.Stimulus == "" {
		return 0, nil
	}
	a, err := step.OpenMatrix(x.Env.FS, filepath.Join(x.o.Stimulus, StimulusNull))
	if err != nil {
		return 0, err
	}
	return 8 * int64(a.Rows()) * int64(a.Cols()), a.Close()
}

// leastProducts is what products take at least.
func (x *matcher) leastProducts(context.Context) (int64, error) {
	feeds, results, tiling := (&stacked{x: x, cols: x.maps.cols}).graph(new(gorgonia.Value))
	return engine.NewMachine(x.Backend).Need(feeds, results, tiling)
}

// leastSurrogates is what the null of maps takes at least, of all places.
func (x *matcher) leastSurrogates(ctx context.Context) (int64, error) {
	o := spatial.Options{Draws: x.o.Draws, Precision: x.Env.Precision}
	if p, ok := x.places.(brain.SurfacePlaces); ok {
		need, err := spatial.LeastSpin(x.Backend, x.maps.cols, x.maps.rows, len(x.networks), o)
		for _, h := range p.Hemispheres() { // points as they are read and on the sphere, and their cells
			need += 64 * int64(h.Vertices)
		}
		return need + 48*int64(x.maps.cols), err
	}
	mask := x.places.(brain.GridPlaces).Mask()
	lat, err := spatial.NewLattice(mask.Len(), mask.Voxel, mask.Grid.VoxelSize())
	if err != nil {
		return 0, err
	}
	return lat.Least(ctx, x.Backend, len(x.networks), x.maps.rows, o)
}
