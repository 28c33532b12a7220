//go:build voxencuda && cgo

package lazy

// #include <stdlib.h>
// #include "library.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"

	"gorgonia.org/cu"
)

// SearchVariable names the environment variable with the folders in which cuBLAS
// and cuSOLVER are looked for, in place of the usual ones; "none" is no folder.
const SearchVariable = "VOXEN_CUDA_LIBRARIES"

// folders lists where libraries may lie; the empty one is wherever the loader
// looks by itself.
func folders() []string {
	if list, ok := os.LookupEnv(SearchVariable); ok {
		if list == "none" {
			return nil
		}
		return filepath.SplitList(list)
	}
	dirs := []string{""}
	for _, root := range []string{os.Getenv("CUDA_HOME"), os.Getenv("CUDA_PATH"), "/usr/local/cuda"} {
		if root != "" {
			dirs = append(dirs, filepath.Join(root, "lib64"), filepath.Join(root, "lib"))
		}
	}
	prefixes := []string{os.Getenv("CONDA_PREFIX"), os.Getenv("VIRTUAL_ENV")}
	if python, err := exec.LookPath("python3"); err == nil {
		prefixes = append(prefixes, filepath.Dir(filepath.Dir(python)))
	}
	if home, err := os.UserHomeDir(); err == nil {
		prefixes = append(prefixes, filepath.Join(home, ".local"))
	}
	for _, prefix := range append(prefixes, "/usr/local", "/usr") {
		if prefix == "" {
			continue
		}
		dirs = append(dirs, filepath.Join(prefix, "lib"))
		for _, packages := range []string{"site-packages", "dist-packages"} {
			found, _ := filepath.Glob(filepath.Join(prefix, "lib", "python3*", packages, "nvidia", "*", "lib")) // no bad pattern
			dirs = append(dirs, found...)
		}
	}
	return dirs
}

// library is one that was opened.
type library struct {
	path      string
	functions []unsafe.Pointer
}

// f is what C takes.
func (l *library) f() *unsafe.Pointer { return unsafe.SliceData(l.functions) }

// open finds the first of names in the folders that has all functions.
func open(names []string, functions []*C.char) (*library, error) {
	reason := errors.New("not found")
	for _, dir := range folders() {
		for _, name := range names {
			path := filepath.Join(dir, name)
			if dir != "" {
				if _, err := os.Stat(path); err != nil {
					continue
				}
			}
			l, err := openAt(path, functions)
			if err == nil {
				return l, nil
			}
			if dir != "" { // a library that is there says more than the loader's silence
				reason = err
			}
		}
	}
	return nil, fmt.Errorf("%s: %w", strings.Join(names, ", "), reason)
}

func openAt(path string, functions []*C.char) (*library, error) {
	p := C.CString(path)
	defer C.free(unsafe.Pointer(p))
	var why *C.char
	handle := C.voxen_library(p, &why)
	if handle == nil {
		defer C.free(unsafe.Pointer(why))
		return nil, errors.New(C.GoString(why))
	}
	l := &library{path, make([]unsafe.Pointer, len(functions))}
	if n := C.voxen_functions(handle, &functions[0], C.int(len(functions)), l.f()); int(n) < len(functions) {
		return nil, fmt.Errorf("%s has no %s", path, C.GoString(functions[n]))
	}
	return l, nil
}

// version reads the major, minor and patch numbers with a library's GetProperty.
func (l *library) version(property int) string {
	var v [3]C.int
	for i := range v {
		C.voxen_property(l.functions[property], C.int(i), &v[i])
	}
	return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2])
}

// Status is an error number of cuBLAS or cuSOLVER.
type Status struct {
	Library string
	Code    int
}

// Error names the library; the numbers are those of cublasStatus_t and cusolverStatus_t.
func (s Status) Error() string { return fmt.Sprintf("%s status %d", s.Library, s.Code) }

func status(library string, code C.int) error {
	if code == 0 {
		return nil
	}
	return Status{library, int(code)}
}

var blas = sync.OnceValues(func() (*library, error) {
	return open([]string{"libcublas.so.13", "libcublas.so.12", "libcublas.so.11"}, C.voxen_blas_names[:])
})

var solver = sync.OnceValues(func() (*library, error) {
	return open([]string{"libcusolver.so.12", "libcusolver.so.11"}, C.voxen_solver_names[:])
})

// BLASVersion says which cuBLAS there is, or why none.
func BLASVersion() (string, error) {
	l, err := blas()
	if err != nil {
		return "", err
	}
	return l.version(C.BLAS_PROPERTY), nil
}

// SolverVersion says which cuSOLVER there is, or why none.
func SolverVersion() (string, error) {
	l, err := solver()
	if err != nil {
		return "", err
	}
	return l.version(C.SOLVER_PROPERTY), nil
}

// BLAS is a cuBLAS handle for one stream. As every call here it wants the context
// that was current when it was made.
type BLAS struct {
	l *library
	h C.voxen_handle
}

// tf32Math is CUBLAS_TF32_TENSOR_OP_MATH.
const tf32Math = 3

// NewBLAS makes a handle that works on s with a workspace of the given size in
// device memory, so that its results depend on nothing else. Its products are in
// full precision unless tf32.
func NewBLAS(s cu.Stream, workspace cu.DevicePtr, bytes int, tf32 bool) (*BLAS, error) {
	l, err := blas()
	if err != nil {
		return nil, err
	}
	b := &BLAS{l: l}
	if err := status("cuBLAS", C.voxen_blas_create(l.f(), &b.h)); err != nil {
		return nil, err
	}
	err = status("cuBLAS", C.voxen_blas_stream(l.f(), b.h, unsafe.Pointer(stream(s)), C.size_t(workspace), C.size_t(bytes)))
	if err == nil && tf32 {
		err = status("cuBLAS", C.voxen_blas_math(l.f(), b.h, tf32Math))
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Close frees the handle.
func (b *BLAS) Close() error { return status("cuBLAS", C.voxen_blas_destroy(b.l.f(), b.h)) }

// Matrix is a row-major matrix on the device.
type Matrix struct {
	Ptr    cu.DevicePtr
	Stride int  // elements from row to row
	Trans  bool // stands for its transpose
}

func (m Matrix) op() C.int {
	if m.Trans {
		return 1
	}
	return 0
}

// Sgemm is C = alpha A B + beta C, A (m x k) and B (k x n) after transposition.
func (b *BLAS) Sgemm(m, n, k int, alpha float32, A, B Matrix, beta float32, c Matrix) error {
	// rows of ours are columns of the library: C' = B' A'
	return status("cublasSgemm", C.voxen_blas_sgemm(b.l.f(), b.h, B.op(), A.op(), C.int(n), C.int(m), C.int(k), C.float(alpha),
		C.size_t(B.Ptr), C.int(B.Stride), C.size_t(A.Ptr), C.int(A.Stride), C.float(beta), C.size_t(c.Ptr), C.int(c.Stride)))
}

// Dgemm is Sgemm in float64.
func (b *BLAS) Dgemm(m, n, k int, alpha float64, A, B Matrix, beta float64, c Matrix) error {
	return status("cublasDgemm", C.voxen_blas_dgemm(b.l.f(), b.h, B.op(), A.op(), C.int(n), C.int(m), C.int(k), C.double(alpha),
		C.size_t(B.Ptr), C.int(B.Stride), C.size_t(A.Ptr), C.int(A.Stride), C.double(beta), C.size_t(c.Ptr), C.int(c.Stride)))
}

// Solver is a cuSOLVER handle for one stream.
type Solver struct {
	l *library
	h C.voxen_handle
}

// NewSolver makes a handle that works on s.
func NewSolver(s cu.Stream) (*Solver, error) {
	l, err := solver()
	if err != nil {
		return nil, err
	}
	v := &Solver{l: l}
	if err := status("cuSOLVER", C.voxen_solver_create(l.f(), &v.h)); err != nil {
		return nil, err
	}
	if err := status("cuSOLVER", C.voxen_solver_stream(l.f(), v.h, unsafe.Pointer(stream(s)))); err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

// Close frees the handle.
func (v *Solver) Close() error { return status("cuSOLVER", C.voxen_solver_destroy(v.l.f(), v.h)) }

// SyevdWords is the workspace of Syevd, in float64 words.
func (v *Solver) SyevdWords(n int) (int, error) {
	var words C.int
	err := status("cusolverDnDsyevd_bufferSize", C.voxen_solver_syevd_size(v.l.f(), v.h, C.int(n), &words))
	return int(words), err
}

// Syevd replaces the symmetric n x n matrix a, dense, by its eigenvectors, one per
// row, and writes the eigenvalues to w in ascending order. What went wrong, if
// anything, is in info, an int32, when the stream has come there.
func (v *Solver) Syevd(n int, a, w, work cu.DevicePtr, words int, info cu.DevicePtr) error {
	return status("cusolverDnDsyevd", C.voxen_solver_syevd(v.l.f(), v.h, C.int(n), C.size_t(a), C.size_t(w), C.size_t(work), C.int(words), C.size_t(info)))
}
