package plot

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"voxen/brain"
	"voxen/internal/hdf5"
	"voxen/store"
	"voxen/study/step"
)

// exported are the values as pycortex's Volume and Vertex take them: (z, y, x) of the grid of
// a volume, NaN outside the mask, or the vertices of the left and then the right cortex.
func (p *plotter) exported() (values []float64, shape []int, err error) {
	if g, ok := p.places.(brain.GridPlaces); ok {
		v, err := g.Mask().Spread(p.values, math.NaN())
		if err != nil {
			return nil, nil, err
		}
		d := v.Grid.Dims
		for k := range d[2] {
			for j := range d[1] {
				for i := range d[0] {
					values = append(values, v.At(i, j, k))
				}
			}
		}
		return values, []int{d[2], d[1], d[0]}, nil
	}
	sides := brain.OnCortex(p.places.(brain.SurfacePlaces), p.values)
	if sides[0] == nil || sides[1] == nil {
		return nil, nil, step.BadInput(p.o.Maps[0], "has one hemisphere, expected both for %s", p.o.ending())
	}
	values = slices.Concat(sides[0], sides[1])
	return values, []int{len(values)}, nil
}

// exportArray writes the values alone.
func (p *plotter) exportArray() error {
	values, shape, err := p.exported()
	if err != nil {
		return err
	}
	return p.Job.WriteFile("", func(w io.Writer) error { return store.WriteNpyAs(w, store.Float32, shape, values) })
}

// exportPycortex writes a file that cortex.load reads: the values with their subject in
// /data, named by their digest, and how they are shown in /views: eight texts of JSON, as
// Dataview of pycortex 1.2 writes them (names of the values, description, colours, their ends,
// state, attributes, transform).
func (p *plotter) exportPycortex() error {
	values, shape, err := p.exported()
	if err != nil {
		return err
	}
	subject, transform, both := strings.Cut(p.o.Pycortex, ",")
	switch volume := len(shape) == 3; {
	case subject == "" || both && (transform == "" || strings.Contains(transform, ",")):
		return step.BadInput("", "--pycortex %q, expected SUBJECT,TRANSFORM", p.o.Pycortex)
	case volume && !both:
		return step.BadInput(p.o.Maps[0], "is a volume, expected --pycortex SUBJECT,TRANSFORM")
	case !volume && both:
		return step.BadInput(p.o.Maps[0], "is on vertices, expected --pycortex SUBJECT without a transform")
	}
	narrow := make([]float32, len(values))
	var bytes []byte
	for i, x := range values {
		narrow[i] = float32(x)
		bytes = binary.LittleEndian.AppendUint32(bytes, math.Float32bits(narrow[i]))
	}
	name := fmt.Sprintf("__%x", sha1.Sum(bytes))[:18]
	scale := p.scale()
	low, colours := scale.Low, "inferno"
	if scale.Diverging {
		low, colours = -scale.High, "RdBu_r"
	}
	transforms := []string{transform}
	if !both {
		transforms = nil
	}
	view := []string{asJSON([]string{name}), p.name(), asJSON([]string{colours}), asJSON([]float64{low}), asJSON([]float64{scale.High}), "null", `{"priority": 1}`, asJSON(transforms)}
	return p.Job.WriteFile("", func(w io.Writer) error {
		return hdf5.Write(w, []hdf5.Item{
			{Path: "/data/" + name, Shape: shape, Values: narrow, Attributes: []hdf5.Attribute{{Name: "subject", Text: subject}}},
			{Path: "/views/" + viewName(p.label()), Shape: []int{len(view)}, Texts: view},
		})
	})
}

// viewName is a label as the name of a view.
func viewName(label string) string {
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == '.' {
			return '_'
		}
		return r
	}, label)
	return strings.ToValidUTF8(name[:min(len(name), 200)], "")
}

// asJSON is a list of texts or of finite numbers.
func asJSON(x any) string {
	b, err := json.Marshal(x)
	if err != nil {
		panic("plot: " + err.Error())
	}
	return string(b)
}
