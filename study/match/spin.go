package match

import (
	"context"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/internal/spatial"
	"voxen/store"
	"voxen/study/step"
)

// spheres reads the sphere of each hemisphere.
func (x *matcher) spheres() (*spatial.Spheres, error) {
	places := x.places.(brain.SurfacePlaces)
	sides := places.Hemispheres()
	if len(x.o.Spheres) != len(sides) {
		return nil, step.BadInput(x.o.Spheres[0], "is one of %d spheres, expected %d: one for each hemisphere of %s", len(x.o.Spheres), len(sides), x.o.Maps[0])
	}
	files := x.Env.Files()
	var points [][][3]float64
	for i, path := range x.o.Spheres {
		g, err := files.Gifti(path)
		if err != nil {
			return nil, err
		}
		p, _, err := g.Surface()
		if err != nil {
			return nil, err
		}
		if len(p) != sides[i].Vertices {
			return nil, step.BadInput(path, "has %d vertices, expected the %d of %s", len(p), sides[i].Vertices, sides[i].Path)
		}
		if err := sides[i].SameSide(path, g); err != nil {
			return nil, err
		}
		points = append(points, p)
	}
	all := places.Vertices()
	columns := make([]spatial.Vertex, len(x.keep))
	for i, v := range x.keep {
		columns[i] = spatial.Vertex(all[v])
	}
	s, err := spatial.NewSpheres(points, columns)
	if err != nil {
		return nil, step.BadInput(x.o.Spheres[0], "%v", err)
	}
	return s, nil
}

// spins gives the largest |r| with templates turned over the spheres.
func (x *matcher) spins(ctx context.Context, o spatial.Options) (tile.Matrix, error) {
	s, err := x.spheres()
	if err != nil {
		return tile.Matrix{}, err
	}
	K := x.maps.rows
	sink, err := x.Job.CreateNpy(ctx, "null.npy", store.Float64, K, o.Draws, store.AsMatrix)
	if err != nil {
		return tile.Matrix{}, err
	}
	err = x.draw(ctx, o, func(ctx context.Context, o spatial.Options) error {
		return spatial.Spin(ctx, x.Backend, s, x.group, x.templates, sink, o)
	})
	if err != nil {
		return tile.Matrix{}, err
	}
	a, err := x.reopen(sink, "null.npy")
	if err != nil {
		return tile.Matrix{}, err
	}
	defer a.Close()
	high := tile.Matrix{Rows: K, Cols: o.Draws, Data: make([]float64, K*o.Draws)}
	return high, a.ReadFloat64(ctx, 0, o.Draws, high.Data, o.Draws)
}
