package plot

import (
	"context"

	"voxen/brain"
	"voxen/store"
	"voxen/study/step"
)

// leastBytes is what a figure of a small map takes: words and lines little, points in
// millions or fonts more.
func (o *Options) leastBytes() int64 {
	if o.ending() == ".svg" && len(o.Surfaces) == 0 {
		return 8 << 20
	}
	return 16 << 20
}

// plan refuses a bound of memory that is too small for the map and its figure, by the sizes
// that headers and masks say.
func (p *plotter) plan(ctx context.Context) error {
	values, grid, err := p.sizes(ctx)
	if err != nil {
		return err
	}
	// The map, in order, sorted, and its places; on the whole grid, and as what is written.
	p.held = p.o.leastBytes() + 24*values + p.o.perVoxel()*grid
	if p.o.Kind == "layers" {
		p.held += 16 * values // the highest, and which it is
	}
	if p.o.Q != "" {
		p.held += 8*values + 9*grid
	}
	if p.o.Anatomy != "none" || p.o.Background != "" {
		p.held += 8 * grid
	}
	if p.o.Background != "" {
		s, err := p.Env.Files().Describe(p.o.Background)
		if err != nil {
			return err
		}
		p.held += 8 * int64(s.Cols)
	}
	if grid > 0 { // a surface for a volume is refused
		return p.PlanMemory(ctx, step.Stage{Own: p.held})
	}
	for _, path := range p.o.Surfaces {
		files := p.Env.Files()
		g, _, err := files.GiftiHead(path)
		if err != nil {
			return err
		}
		if len(g.Arrays) > 0 { // others are refused as they are read
			p.held += perVertex * int64(g.Arrays[0].Dims[0])
		}
	}
	return p.PlanMemory(ctx, step.Stage{Own: p.held})
}

// perVoxel is what is made of each voxel of the grid around a map: its value, and the figure or
// what is written, with copies as they are drawn or printed.
func (o *Options) perVoxel() int64 {
	switch {
	case o.ending() == ".npy":
		return 12
	case o.ending() == ".pdf" || o.onCortex():
		return 32
	}
	return 20
}

// perVertex is what a surface takes of each vertex: its point and two triangles, as stored, as
// numbers and as they are drawn.
const perVertex = 144

// sizes are the number of values of the map, and of voxels of the grid that it is drawn on.
func (p *plotter) sizes(ctx context.Context) (values, grid int64, err error) {
	path, files := p.o.Maps[0], p.Env.Files()
	if brain.KindByName(path) != nil {
		im, err := p.open(ctx, files, path)
		if err != nil {
			return 0, 0, err
		}
		return int64(im.Cols()), gridOf(im.Places()), im.Close()
	}
	a, err := store.OpenArray(p.Env.FS, path)
	if err != nil {
		return 0, 0, err
	}
	if shape := a.Shape(); len(shape) > 0 { // without, it is refused as it is read
		values = int64(shape[len(shape)-1])
	}
	if err := a.Close(); err != nil || p.o.Mask == "" {
		return values, 0, err
	}
	mask, err := files.Describe(p.o.Mask)
	return values, int64(mask.Cols), err
}

// gridOf is the number of voxels of the grid around places; 0 without one.
func gridOf(places brain.Places) int64 {
	if g, ok := places.(brain.GridPlaces); ok {
		return int64(g.Mask().Grid.Voxels())
	}
	return 0
}
