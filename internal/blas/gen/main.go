// Command gen writes the amd64 assembly of package blas.
//
//	go run . -set avx512 -out ../avx512_amd64.s -stubs ../avx512_amd64.go -pkg blas
//
// The sets are avx512 and avx2. Both hold the same family of routines, one per element type: tile kernels for every
// number of rows, tiles that end in sums, packing, the
// loops of levels 1 and 2, and a register-only loop that measures the peak rate of fused multiply-adds.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/mmcloughlin/avo/build"
)

func main() {
	name := flag.String("set", "avx512", "instruction set to write: avx512 or avx2")
	flag.Parse()
	build.ConstraintExpr("!noasm")
	switch *name {
	case "avx512":
		for _, e := range []elem{f32, f64} {
			writeSet(avx512(e))
		}
	case "avx2":
		for _, e := range []elem{f32, f64} {
			writeSet(avx2(e))
		}
	default:
		fmt.Fprintf(os.Stderr, "gen: -set %q, want avx512 or avx2\n", *name)
		os.Exit(2)
	}
	build.Generate()
}

// writeSet writes every routine of one instruction set and element type.
func writeSet(s *set) {
	for rows := 1; rows <= s.mr; rows++ {
		s.tile(rows)
	}
	s.forms()
	for rows := 1; rows <= rowsTall; rows++ {
		s.rowTile(rows)
	}
	s.packRows()
	s.transpose()
	s.dot()
	s.dots()
	s.axpy()
	s.axpys()
	s.dotAxpy()
	s.peak()
}
