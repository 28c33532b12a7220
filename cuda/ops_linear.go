//go:build voxencuda && cgo

package cuda

import (
	"fmt"

	"gorgonia.org/cu"
	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
)

// product is a launch of kernels/gemm.cu: C = alpha op(A) op(B) + D.
type product struct {
	kernel string // name without the suffix for transposes; "gemm" or "gram"
	of     tensor.Dtype
	a, b   engine.Array
	ta, tb bool
	alpha  float64
	inner  int
	// What only some operations need.
	d          *engine.Array // a term, times beta
	scale      *engine.Array // a row of factors, squared, of A's columns
	beta, dead *engine.Array // factor of d, 0 for what is dead
	both       int           // 1: dead columns count too
	borders    cu.DevicePtr  // of the folds that the groups contract over
	symmetric  int           // 1: the result is, and half of it computed
}

// Tiles of kernels/gemm.cu. Large ones reuse more of what they read; a result with
// fewer of them than a card has processors goes by small ones, to the same bits.
const (
	largeRows, smallTile = 64, 32
	fewTiles             = 132 // of an H100 or H200
)

// largeCols is the width of a large tile.
func largeCols(of tensor.Dtype) int { return 512 / int(of.Size()) }

// multiply queues a product by our own kernels.
func (b *Backend) multiply(c *engine.Call, p product) error {
	if p.a.Delay != nil {
		return b.multiplyDelayed(c, p)
	}
	d := c.Out.Dims
	k := kernel{name: p.kernel, of: p.of, block: size{64}, grid: size{cover(d[3], smallTile), cover(d[2], smallTile), d[0] * d[1]}}
	if p.kernel == "gemm" {
		trans := map[[2]bool]string{{false, false}: "_nn", {false, true}: "_nt", {true, false}: "_tn", {true, true}: "_tt"}[[2]bool{p.ta, p.tb}]
		large := size{cover(d[3], largeCols(p.of)), cover(d[2], largeRows), d[0] * d[1]}
		if p.symmetric == 0 && large[0]*large[1]*large[2] >= fewTiles {
			k.grid, k.block = large, size{128}
		} else {
			trans = "_small" + trans
		}
		k.name += trans
	}
	args := []any{c.Out, p.a, p.b}
	args = append(args, operand(p.d)...)
	args = append(args, operand(p.scale)...)
	args = append(args, operand(p.beta)...)
	args = append(args, operand(p.dead)...)
	args = append(args, p.borders, d[2], d[3], p.inner, d[1], p.both, p.symmetric, p.alpha)
	return b.launch(c, k, args...)
}

// operand is the argument of an operand that may be missing: four words of zeros.
func operand(a *engine.Array) []any {
	if a == nil {
		return []any{cu.DevicePtr(0), int64(0), int64(0), int64(0)}
	}
	return []any{*a}
}

// libraryFlops is the size of a product from which cuBLAS gets it, a call per
// matrix: below, one launch of ours for all matrices fills the device better. A
// property of the shape of one matrix, so bits do not depend on the tile.
const libraryFlops = 5e8

// MatMul multiplies.
func (b *Backend) MatMul(c *engine.Call, o op.MatMul) error {
	r, inner, cols := o.Inner(c.In[0].Dims, c.In[1].Dims)
	if c.In[0].Delay == nil && b.libs.blas && 2*float64(r)*float64(inner)*float64(cols) >= b.libs.least {
		return b.libraryMatMul(c, o, r, inner, cols)
	}
	p := product{kernel: "gemm", of: c.Out.Dtype, a: c.In[0], b: c.In[1], ta: o.TransA, tb: o.TransB, alpha: o.Scale(), inner: inner}
	if len(c.In) == 3 {
		p.d = &c.In[2]
	}
	return b.multiply(c, p)
}

// libraryMatMul goes matrix by matrix through cuBLAS.
func (b *Backend) libraryMatMul(c *engine.Call, o op.MatMul, r, inner, cols int) error {
	beta, d := 0.0, c.Out.Dims
	if len(c.In) == 3 {
		if err := b.launch(c, sheet("copy", c.Out.Dtype, d), c.Out, c.In[2], d[2], d[3], d[1]); err != nil {
			return err
		}
		beta = 1
	}
	for p := range d[0] {
		for g := range d[1] {
			x, y := library(c.In[0], p, g), library(c.In[1], p, g)
			x.Trans, y.Trans = o.TransA, o.TransB
			if err := b.gemm(c, c.Out.Dtype, r, cols, inner, o.Scale(), x, y, beta, library(c.Out, p, g)); err != nil {
				return err
			}
		}
	}
	return nil
}

// FoldGram multiplies in float64 and mirrors the triangle.
func (b *Backend) FoldGram(c *engine.Call, o op.FoldGram) error {
	borders, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	return b.multiply(c, product{kernel: "gram", of: c.In[0].Dtype, a: c.In[0], b: c.In[0], alpha: 1, borders: borders, symmetric: 1})
}

// FoldCross multiplies in the precision of the responses.
func (b *Backend) FoldCross(c *engine.Call, o op.FoldCross) error {
	borders, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	return b.multiply(c, product{kernel: "gemm", of: c.Out.Dtype, a: c.In[0], b: c.In[1], ta: true, alpha: 1, borders: borders})
}

// ScaledKernel multiplies X diag(d)^2 by X'.
func (b *Backend) ScaledKernel(c *engine.Call, _ op.ScaledKernel) error {
	return b.multiply(c, product{kernel: "gemm", of: c.Out.Dtype, a: c.In[0], b: c.In[0], tb: true, alpha: 1,
		inner: c.In[0].Dims[3], scale: &c.In[1], symmetric: 1})
}

// eigKernel is the size up to which eigenproblems go to our own kernel, all of a
// call at once, even where there is a cuSOLVER, which takes them one by one.
const eigKernel = 128

// SymEig refuses what is not finite, then decomposes. It waits for the device: a
// design has few eigenproblems, and one that is not solvable has to stop it.
func (b *Backend) SymEig(c *engine.Call, _ op.SymEig) error {
	n := c.In[0].Dims[3]
	if err := b.checkFinite(c, n); err != nil {
		return err
	}
	if b.libs.solver && n > eigKernel {
		return b.librarySymEig(c, n)
	}
	d := c.Out.Dims
	matrices, each := d[0]*d[1], eigWords(n)
	work, scales := scratch(c), scratch(c)+cu.DevicePtr(8*matrices*each)
	k := kernel{name: "sym_eig", of: op.Float64, grid: size{1, 1, matrices}, block: size{256}}
	if err := b.launch(c, k, c.In[0], work, scales, n, d[1]); err != nil {
		return err
	}
	k = kernel{name: "eig_finish", of: op.Float64, grid: size{n, 1, matrices}, block: size{warp}}
	return b.launch(c, k, c.Out, work+cu.DevicePtr(8*n*n), work, scales, int64(each), int64(each), n+1, n, d[1], 0)
}

// checkFinite gives the CPU's error for the first element of a lower triangle that
// is NaN or infinite.
func (b *Backend) checkFinite(c *engine.Call, n int) error {
	d := c.Out.Dims
	k := kernel{name: "eig_check", of: op.Float64, grid: size{1, 1, d[0] * d[1]}, block: size{256}}
	if err := b.launch(c, k, c.In[0], scratch(c), n, d[1]); err != nil {
		return err
	}
	found := make([]float64, 2*d[0]*d[1])
	if err := b.fetch(c, bytesOf(found), 0); err != nil {
		return err
	}
	for z := 0; z < len(found); z += 2 {
		if at := int(found[z]); at >= 0 {
			return fmt.Errorf("eig: a[%d, %d] is %v, want a finite number", at/n, at%n, found[z+1])
		}
	}
	return nil
}

// eigWords is the memory of sym_eig for one matrix, in float64 words.
func eigWords(n int) int { return 2*n*n + 4*n }

// librarySymEig goes matrix by matrix through cuSOLVER, in one place of scratch
// memory: infos of all matrices, then matrix, values, workspace.
func (b *Backend) librarySymEig(c *engine.Call, n int) error {
	d := c.Out.Dims
	matrices := d[0] * d[1]
	infos := scratch(c)
	a := infos + cu.DevicePtr(8*matrices)
	w := a + cu.DevicePtr(8*n*n)
	work := w + cu.DevicePtr(8*n)
	words, err := b.solverWords(n)
	if err != nil {
		return err
	}
	for z := range matrices {
		mirror := kernel{name: "eig_mirror", of: op.Float64, grid: size{cover(n, columns), min(n, 64)}, block: size{columns}}
		if err := b.launch(c, mirror, c.In[0], a, n, z/d[1], z%d[1]); err != nil {
			return err
		}
		err := b.do(func() error {
			solver, err := b.solverOf(c.Stream.(*stream))
			if err != nil {
				return err
			}
			return b.libraryError(solver.Syevd(n, a, w, work, words, infos+cu.DevicePtr(4*z)))
		})
		if err != nil {
			return err
		}
		finish := kernel{name: "eig_finish", of: op.Float64, grid: size{n}, block: size{warp}}
		if err := b.launch(c, finish, c.Out, a, w, cu.DevicePtr(0), int64(0), int64(0), 1, n, d[1], z); err != nil {
			return err
		}
	}
	info := make([]int32, matrices)
	if err := b.fetch(c, bytesOf(info), 0); err != nil {
		return err
	}
	for _, code := range info {
		if code != 0 {
			return fmt.Errorf("cusolverDnDsyevd: no decomposition (info %d)", code)
		}
	}
	return nil
}

// solverWords asks cuSOLVER for its workspace, once for each size.
func (b *Backend) solverWords(n int) (int, error) {
	if words, ok := b.solverSizes.Load(n); ok {
		return words.(int), nil
	}
	s, err := b.NewStream()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	words := 0
	err = b.do(func() error {
		solver, err := b.solverOf(s.(*stream))
		if err != nil {
			return err
		}
		words, err = solver.SyevdWords(n)
		return b.libraryError(err)
	})
	if err != nil {
		return 0, fmt.Errorf("workspace of an eigenproblem of %d: %w", n, err)
	}
	b.solverSizes.Store(n, words)
	return words, nil
}
