package engine

import (
	"context"
	"fmt"
	"unsafe"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"voxen/engine/op"
	"voxen/engine/tile"
)

// Feeds says where the value of each input of a graph comes from.
type Feeds map[*gorgonia.Node]Feed

// Feed gives an input its values. The kinds are Value, Columns, Each, Lend and Carry; Sized in a plan.
type Feed interface{ feed() }

// Results says where the values of nodes go.
type Results map[*gorgonia.Node]Result

// Result takes the values of a node. The kinds are ToSink, Last and PerTile.
type Result interface{ result() }

type (
	valueFeed   struct{ v gorgonia.Value }
	sizedFeed   struct{ t op.Type }
	columnsFeed struct{ src tile.Source }
	eachFeed    struct {
		t op.Type
		f func(t Tile, dst Host) error
	}
	lendFeed struct {
		eachFeed
		lend func(t Tile) (Rows, bool)
	}
	carryFeed struct {
		from *gorgonia.Node
		init gorgonia.Value
	}
	sinkResult struct{ sink tile.Sink }
	lastResult struct{ dst *gorgonia.Value }
	tileResult struct {
		f func(t Tile, v Host) error
	}
)

func (valueFeed) feed()    {}
func (sizedFeed) feed()    {}
func (columnsFeed) feed()  {}
func (eachFeed) feed()     {}
func (carryFeed) feed()    {}
func (sinkResult) result() {}
func (lastResult) result() {}
func (tileResult) result() {}

// Value feeds one value to every tile; it is uploaded once.
func Value(v gorgonia.Value) Feed { return valueFeed{v} }

// Sized stands for a Value of a type where memory is planned (Machine.Need) before there is one.
func Sized(t op.Type) Feed { return sizedFeed{t} }

// Columns feeds columns of a (T, V) source by panels, as an array (panels, 1, T,
// width); columns past the last are zero.
func Columns(src tile.Source) Feed { return columnsFeed{src} }

// Each feeds an array of type t per panel, one after the other along the batch
// axis, that f fills for every tile. A job without columns has one panel.
func Each(t op.Type, f func(t Tile, dst Host) error) Feed { return eachFeed{t, f} }

// Lend is Each of an array whose rows may lie in memory already: where the device can use them there, lend is asked for
// them first, and only if it has none f copies. What was lent stays untouched until the tile's results are taken.
func Lend(t op.Type, lend func(t Tile) (Rows, bool), f func(t Tile, dst Host) error) Feed {
	return lendFeed{eachFeed{t, f}, lend}
}

// Rows are the rows of an array, one after the other over all axes but the last, in memory of the caller's.
type Rows struct {
	Data   []byte // from the first element to the last
	Stride int    // elements from one row to the next
}

// Carry feeds init to the first tile and the value that from had in the tile
// before to every other: state that goes in and comes out.
func Carry(from *gorgonia.Node, init gorgonia.Value) Feed { return carryFeed{from, init} }

// ToSink writes an array (panels, M, R, width) to columns of an (M*R, V) sink.
func ToSink(s tile.Sink) Result { return sinkResult{s} }

// Last stores the value after the last tile.
func Last(dst *gorgonia.Value) Result { return lastResult{dst} }

// PerTile calls f with the value of every tile, in order; v is valid during the call.
func PerTile(f func(t Tile, v Host) error) Result { return tileResult{f} }

// of is the type of the array for a tile of so many panels.
func (f eachFeed) of(panels int) op.Type {
	t := f.t
	t.Dims[0] *= panels
	return t
}

// take gives rows as an array of type t; false where they are too few.
func (r Rows) take(t op.Type) (*Array, bool) {
	d := t.Dims
	rows := d[0] * d[1] * d[2]
	if r.Stride < d[3] || rows == 0 || len(r.Data) < ((rows-1)*r.Stride+d[3])*int(t.Dtype.Size()) {
		return nil, false
	}
	return &Array{Type: t, Buf: lent(r.Data), Strides: [3]int{d[1] * d[2] * r.Stride, d[2] * r.Stride, r.Stride}}, true
}

// lent is a Buffer of memory that is the caller's.
type lent []byte

func (b lent) Bytes() int       { return len(b) }
func (b lent) Pointer() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
func (b lent) Host() []byte     { return b }
func (b lent) Free()            {}

// Tile is the part of a job that runs at once.
type Tile struct {
	Index  int // 0, 1, ... in the order of running
	Panel  int // first panel
	Panels int
	Lo, Hi int // columns
}

// Host is an array in host memory, dense.
type Host struct {
	op.Type
	data []byte
}

// Float32 gives the elements of a float32 array.
func (h Host) Float32() []float32 {
	if h.Dtype != op.Float32 {
		panic("engine: Float32 of " + h.Type.String())
	}
	return View[float32](h.data)
}

// Float64 gives the elements of a float64 array.
func (h Host) Float64() []float64 {
	if h.Dtype != op.Float64 {
		panic("engine: Float64 of " + h.Type.String())
	}
	return View[float64](h.data)
}

// Value copies the array to a gorgonia value.
func (h Host) Value() gorgonia.Value {
	var backing any
	if h.Dtype == op.Float32 {
		backing = append([]float32(nil), h.Float32()...)
	} else {
		backing = append([]float64(nil), h.Float64()...)
	}
	return tensor.New(tensor.WithShape(h.Dims[:]...), tensor.WithBacking(backing))
}

// valueBytes views the elements of a float32 or float64 value as bytes.
func valueBytes(v gorgonia.Value) ([]byte, op.Type, error) {
	if len(v.Shape()) != 4 {
		return nil, op.Type{}, fmt.Errorf("engine: value of shape %v, want four dimensions", v.Shape())
	}
	t := op.Type{Dtype: v.Dtype(), Dims: op.Dims(v.Shape())}
	switch d := v.Data().(type) {
	case []float32:
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(d))), 4*len(d)), t, nil
	case []float64:
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(d))), 8*len(d)), t, nil
	case float32:
		return unsafe.Slice((*byte)(unsafe.Pointer(&d)), 4), t, nil
	case float64:
		return unsafe.Slice((*byte)(unsafe.Pointer(&d)), 8), t, nil
	}
	return nil, t, fmt.Errorf("engine: value of dtype %v, want float32 or float64", v.Dtype())
}

// readPanel fills panel p of dst, an array (panels, 1, T, width), with its columns.
func readPanel(ctx context.Context, src tile.Source, t Tile, p, width int, dst Host) error {
	lo := (t.Panel + p) * width
	hi := min(lo+width, t.Hi)
	n := dst.Dims[2] * width
	var err error
	if dst.Dtype == op.Float32 {
		panel := dst.Float32()[p*n : (p+1)*n]
		err = src.ReadFloat32(ctx, lo, hi, panel, width)
		padRows(panel, hi-lo, width)
	} else {
		panel := dst.Float64()[p*n : (p+1)*n]
		err = src.ReadFloat64(ctx, lo, hi, panel, width)
		padRows(panel, hi-lo, width)
	}
	return err
}

// padRows clears the columns from n on.
func padRows[F float32 | float64](panel []F, n, width int) {
	if n == width {
		return
	}
	for r := 0; r < len(panel); r += width {
		clear(panel[r+n : r+width])
	}
}

// writePanels hands the tile's columns of v, an array (panels, M, R, width), to the sink.
func writePanels(ctx context.Context, sink tile.Sink, t Tile, width int, v Host) error {
	for p := range t.Panels {
		lo := (t.Panel + p) * width
		hi := min(lo+width, t.Hi)
		n := v.Dims[1] * v.Dims[2] * width
		var err error
		if v.Dtype == op.Float32 {
			err = sink.WriteFloat32(ctx, lo, hi, v.Float32()[p*n:(p+1)*n], width)
		} else {
			err = sink.WriteFloat64(ctx, lo, hi, v.Float64()[p*n:(p+1)*n], width)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
