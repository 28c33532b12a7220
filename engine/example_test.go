package engine_test

import (
	"context"
	"fmt"
	"log"

	"gorgonia.org/gorgonia"

	_ "voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// A graph of one's own: X'(y - mean y) of every column of y, in tiles of two columns.
func Example() {
	y, err := tile.Of(3, 4, []float64{
		1, 2, 3, 4,
		2, 2, 2, 2,
		3, 2, 1, 6,
	})
	if err != nil {
		log.Fatal(err)
	}
	const width = 2
	g := gorgonia.NewGraph()
	responses := op.Input(g, "y", op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, 3, width}})
	x := op.Input(g, "x", op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, 3, 1}})
	centred := op.Must(op.SubRow{}, responses, op.Must(op.ColumnShift{}, responses))
	product := op.Must(op.FoldCross{Borders: op.Borders{0, 3}}, x, centred)

	be, _, err := engine.Open("cpu", engine.Config{Threads: 2})
	if err != nil {
		log.Fatal(err)
	}
	sums := tile.NewArray[float64](1, 4)
	trend := op.NewTensor(op.Dims{1, 1, 3, 1})
	copy(trend.Data, []float64{-1, 0, 1})
	_, err = engine.NewMachine(be).Run(context.Background(),
		engine.Feeds{x: engine.Value(op.ToValue(trend, op.Float64)), responses: engine.Columns(y)},
		engine.Results{product: engine.ToSink(sums)},
		engine.Tiling{Cols: y.Cols(), Width: width})
	fmt.Println(sums.Data, err)
	// Output: [2 0 -2 2] <nil>
}
