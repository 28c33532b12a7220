package worker

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"voxen/engine/tile"
)

// held is a matrix of an odd width in rows that are further apart, and what reads it from memory.
func held[T float32 | float64](rows, cols, apart int) (data []T, dense tile.Source, there lent[T]) {
	data = make([]T, rows*apart+1)
	own := make([]T, rows*cols)
	for t := range rows {
		for v := range cols {
			data[t*apart+v] = T(math.Sin(float64(t*cols + v)))
			own[t*cols+v] = data[t*apart+v]
		}
	}
	dense, err := tile.Of(rows, cols, own)
	if err != nil {
		panic(err)
	}
	return data, dense, lent[T]{os.Getpid(), uintptr(unsafe.Pointer(&data[0])), apart * int(unsafe.Sizeof(data[0])), rows, cols}
}

// sameColumns reads columns of both, in both types.
func sameColumns(t *testing.T, a, b tile.Source, lo, hi int) {
	t.Helper()
	stride := hi - lo + 3
	x, y := make([]float32, a.Rows()*stride), make([]float32, a.Rows()*stride)
	u, w := make([]float64, a.Rows()*stride), make([]float64, a.Rows()*stride)
	for _, err := range []error{a.ReadFloat32(t.Context(), lo, hi, x, stride), b.ReadFloat32(t.Context(), lo, hi, y, stride),
		a.ReadFloat64(t.Context(), lo, hi, u, stride), b.ReadFloat64(t.Context(), lo, hi, w, stride)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range x {
		if x[i] != y[i] || u[i] != w[i] {
			t.Fatalf("columns [%d, %d): element %d is %g and %g, expected %g and %g", lo, hi, i, y[i], w[i], x[i], u[i])
		}
	}
	if tile.IsWide(a) != tile.IsWide(b) {
		t.Error("one is wide")
	}
}

// An array in another's memory is read as one in a file is: in any columns, of both types, with
// more rows than are read at once.
func TestLent(t *testing.T) {
	for _, shape := range [][3]int{{1, 1, 1}, {7, 5, 5}, {3, 300, 311}, {mostParts + 9, 6, 8}, {2*mostParts + 1, 2, 2}} {
		t.Run(fmt.Sprint(shape), func(t *testing.T) {
			narrow, a, b := held[float32](shape[0], shape[1], shape[2])
			wide, c, d := held[float64](shape[0], shape[1], shape[2])
			for lo := 0; lo <= shape[1]; lo += 1 + shape[1]/3 {
				for hi := lo; hi <= shape[1]; hi += 1 + shape[1]/4 {
					sameColumns(t, a, b, lo, hi)
					sameColumns(t, c, d, lo, hi)
				}
				sameColumns(t, c, d, lo, shape[1])
			}
			runtime.KeepAlive(narrow)
			runtime.KeepAlive(wide)
		})
	}
}

// What cannot be read is an error, and what is no array is refused.
func TestLentRefused(t *testing.T) {
	nowhere := lent[float32]{os.Getpid(), 8, 40, 3, 10}
	if err := nowhere.ReadFloat32(t.Context(), 0, 10, make([]float32, 30), 10); err == nil || !strings.Contains(err.Error(), "reading the memory of process") {
		t.Errorf("got %v", err)
	}
	for _, c := range [][3]int{{-1, 2, 2}, {2, 1, 2}, {0, 11, 11}, {0, 10, 9}} {
		if err := nowhere.ReadFloat64(t.Context(), c[0], c[1], make([]float64, 30), c[2]); err == nil || !strings.Contains(err.Error(), "columns [") {
			t.Errorf("%v: got %v", c, err)
		}
	}
	for _, a := range []Array{
		{Dtype: "float32", Shape: []int{3, 4}, Stride: 16},
		{Dtype: "float32", Shape: []int{3, 4}, Address: 64, Stride: 15},
		{Dtype: "float64", Shape: []int{3, 4}, Address: 64, Stride: 16},
		{Dtype: "int8", Shape: []int{3, 4}, Address: 64, Stride: 16},
		{Dtype: "float32", Shape: []int{3}, Address: 64, Stride: 16},
	} {
		c := &call{request: request{Arrays: map[string]Array{"Y": a}}}
		if _, err := c.columns("Y"); err == nil || !strings.Contains(err.Error(), "array Y") {
			t.Errorf("%+v: got %v", a, err)
		}
	}
	if canRead(8, []byte{1}) || (look{}).works() {
		t.Error("what is not there can be read")
	}
}
