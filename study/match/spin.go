package match

import (
	"context"

	"voxen/brain"
	"voxen/engine/spatial"
	"voxen/store"
	"voxen/study/step"
)

// verticesOf gives the vertex at which each column of maps on surfaces lies; those of
// grayordinates in volumes have hemisphere -1. Hemispheres are counted as they come.
func verticesOf(p step.Places) []spatial.Vertex {
	var out []spatial.Vertex
	switch p := p.(type) {
	case *step.CiftiPlaces:
		surfaces := 0
		for _, m := range p.Header.Models {
			if m.SurfaceVertices == 0 {
				for range m.Len() {
					out = append(out, spatial.Vertex{Hemisphere: -1})
				}
				continue
			}
			for _, v := range m.Vertices {
				out = append(out, spatial.Vertex{Hemisphere: surfaces, Index: int(v)})
			}
			surfaces++
		}
	case *step.SurfacePlaces:
		for h, side := range p.Hemispheres {
			for v := range side.Vertices {
				out = append(out, spatial.Vertex{Hemisphere: h, Index: v})
			}
		}
	}
	return out
}

// surfacesOf gives the hemispheres of maps on surfaces.
func surfacesOf(p step.Places) []step.Hemisphere {
	switch p := p.(type) {
	case *step.CiftiPlaces:
		var out []step.Hemisphere
		for _, m := range p.Header.Models {
			if m.SurfaceVertices > 0 {
				out = append(out, step.Hemisphere{Path: p.Path, Vertices: m.SurfaceVertices, Structure: ciftiStructures[m.Structure]})
			}
		}
		return out
	case *step.SurfacePlaces:
		return p.Hemispheres
	}
	return nil
}

// Cortices are CIFTI's names of the left and the right cortex.
var Cortices = [2]string{"CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT"}

// ciftiStructures are GIFTI's names of them.
var ciftiStructures = map[string]string{Cortices[0]: "CortexLeft", Cortices[1]: "CortexRight"}

// maxSphere bounds the bytes of a sphere's arrays.
const maxSphere = 1 << 30

// spheres reads the sphere of each hemisphere.
func (x *matcher) spheres() (*spatial.Spheres, error) {
	sides := surfacesOf(x.places)
	if len(x.o.Spheres) != len(sides) {
		return nil, step.BadInput(x.o.Spheres[0], "is one of %d spheres, expected %d: one for each hemisphere of %s", len(x.o.Spheres), len(sides), x.o.Maps[0])
	}
	var points [][][3]float64
	for i, path := range x.o.Spheres {
		g, err := brain.ReadGifti(path, maxSphere)
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
		if err := sides[i].Same(path, g); err != nil {
			return nil, err
		}
		points = append(points, p)
	}
	all := verticesOf(x.places)
	columns := make([]spatial.Vertex, len(x.keep))
	for i, v := range x.keep {
		columns[i] = all[v]
	}
	s, err := spatial.NewSpheres(points, columns)
	if err != nil {
		return nil, step.BadInput(x.o.Spheres[0], "%v", err)
	}
	return s, nil
}

// spins gives the highest correlations with templates turned over the spheres.
func (x *matcher) spins(ctx context.Context, o spatial.Options) (spatial.Matrix, error) {
	s, err := x.spheres()
	if err != nil {
		return spatial.Matrix{}, err
	}
	K := x.maps.rows
	sink, err := x.Job.CreateNpy(ctx, "null.npy", store.Float64, K, o.Draws, store.AsMatrix)
	if err != nil {
		return spatial.Matrix{}, err
	}
	err = x.draw(ctx, o, func(ctx context.Context, o spatial.Options) error {
		return spatial.Spin(ctx, x.Backend, s, x.group, x.templates, sink, o)
	})
	if err != nil {
		return spatial.Matrix{}, err
	}
	a, err := x.reopen(sink, "null.npy")
	if err != nil {
		return spatial.Matrix{}, err
	}
	defer a.Close()
	high := spatial.Matrix{Rows: K, Cols: o.Draws, Data: make([]float64, K*o.Draws)}
	return high, a.ReadFloat64(ctx, 0, o.Draws, high.Data, o.Draws)
}
