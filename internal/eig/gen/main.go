// Command gen writes the amd64 assembly of package eig.
//
//	go run . -set avx512 -out ../avx512_amd64.s -stubs ../avx512_amd64.go -pkg eig
//
// The sets are avx512 and avx2; each routine is written once for both. Lengths are multiples of 8 and distances between
// rows are in bytes. What the routines compute is said in kernels.go.
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
	var s *set
	switch *name {
	case "avx512":
		s = avx512()
	case "avx2":
		s = avx2()
		pause()
	default:
		fmt.Fprintf(os.Stderr, "gen: -set %q, want avx512 or avx2\n", *name)
		os.Exit(2)
	}
	s.symv()
	s.dots()
	s.combine()
	s.axpby()
	s.dot()
	s.rotate()
	s.secular()
	s.weights()
	s.vector()
	build.Generate()
}
