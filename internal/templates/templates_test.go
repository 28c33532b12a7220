package templates

import (
	"context"
	"math"
	"testing"

	"voxen/brain"
	"voxen/store"
)

// TestTemplates: both cortices have fsaverage5's vertices, lie on their sides, and the
// template holds a head.
func TestTemplates(t *testing.T) {
	for _, kind := range []string{"inflated", "pial"} {
		meshes, err := Surfaces(store.OS{}, kind)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range meshes {
			if len(m.Points) != Vertices || len(m.Triangles) != 2*Vertices-4 {
				t.Errorf("%s: %d vertices, %d triangles", m.Path, len(m.Points), len(m.Triangles))
			}
			mean := 0.0
			for _, p := range m.Points {
				mean += p[0] / Vertices
			}
			if kind == "pial" && (mean < 0) != (i == 0) {
				t.Errorf("%s: mean x is %g mm", m.Path, mean)
			}
		}
	}
	v, err := T1(context.Background(), store.OS{})
	if err != nil {
		t.Fatal(err)
	}
	if at, err := v.AtPoints([][3]float64{{20, -30, 30}, {0, 0, 200}}, brain.Nearest, -1); err != nil || at[0] < 100 || at[1] != -1 {
		t.Errorf("white matter and outside: %v, %v", at, err)
	}
}

// TestSample: of a volume that holds its own coordinates a vertex gets those of the cortex
// below it; outside of what is finite it gets nothing.
func TestSample(t *testing.T) {
	meshes, err := Surfaces(store.OS{}, "pial")
	if err != nil {
		t.Fatal(err)
	}
	g := &brain.Grid{Dims: [3]int{50, 59, 48}, Affine: brain.Affine{{4, 0, 0, -98}, {0, 4, 0, -134}, {0, 0, 4, -72}, {0, 0, 0, 1}}}
	x, label := &brain.Volume{Grid: g, Values: make([]float64, g.Voxels())}, &brain.Volume{Grid: g, Values: make([]float64, g.Voxels())}
	for n := range x.Values {
		mm := -98 + 4*float64(n/(59*48))
		x.Values[n] = mm
		if mm < 0 {
			label.Values[n] = 7
		}
		if mm > 20 {
			x.Values[n] = math.NaN()
		}
	}
	left, err := Sample(x, meshes[0], false)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range left {
		p := meshes[0].Points[i]
		want := 0.9975*p[0] - 0.0073*p[1] + 0.0176*p[2] - 0.0429
		if math.IsNaN(got) || math.Abs(got-want) > 2.6 { // the deepest point, in any direction
			t.Fatalf("vertex %d at x = %g has %g", i, want, got)
		}
	}
	right, err := Sample(x, meshes[1], false)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range meshes[1].Points {
		if p[0] > 27 && !math.IsNaN(right[i]) || p[0] < 15 && math.IsNaN(right[i]) {
			t.Fatalf("vertex %d at x = %g has %g", i, p[0], right[i])
		}
	}
	if labels, err := Sample(label, meshes[0], true); err != nil || labels[0] != 7 {
		t.Errorf("label %g, %v", labels[0], err)
	}
}
