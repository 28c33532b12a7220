// Package blas is a BLAS for gonum in Go and generated assembly, without cgo.
package blas

//go:generate sh ../generate.sh blas
