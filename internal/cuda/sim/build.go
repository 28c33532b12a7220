//go:build voxencuda && cgo

package sim

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"voxen/kernels"
)

//go:embed src
var sources embed.FS

// SanitizeVariable names the environment variable that, when set, has the stand-in
// compiled with AddressSanitizer and UndefinedBehaviorSanitizer, whose runtime must
// be preloaded: make cuda-sanitize.
const SanitizeVariable = "VOXEN_SIM_SANITIZE"

// options says how the stand-in is compiled.
type options struct{ sanitize bool }

// flags are those of every file. Nothing is contracted: a kernel writes fma
// where it means one rounding, as for PTX.
func (o options) flags() []string {
	f := []string{"-std=c++20", "-g", "-fPIC", "-ffp-contract=off", "-Wall", "-Wno-unknown-pragmas"}
	if runtime.GOARCH == "amd64" {
		f = append(f, "-march=x86-64-v3") // for fma in one instruction
	}
	if o.sanitize {
		return append(f, "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
	}
	return append(f, "-O2")
}

// compiler is that of C++, which CXX names: another one for tests under emulation.
func compiler() string {
	if cxx := os.Getenv("CXX"); cxx != "" {
		return cxx
	}
	return "g++"
}

// Build compiles the stand-in, once per content of its sources and
// kernels, and returns the path of its libcuda.so.1, beside which lie stand-ins for
// cuBLAS and cuSOLVER (see lazy.SearchVariable). It finds cuda.h by the flags
// in the variable CGO_CFLAGS.
func Build() (string, error) {
	o := options{sanitize: os.Getenv(SanitizeVariable) != ""}
	hash := sha256.New()
	fmt.Fprintln(hash, compiler(), o.flags(), os.Getenv("CGO_CFLAGS"))
	root := repository()
	files, err := filepath.Glob(filepath.Join(root, "kernels", "*.cu*"))
	if err != nil || len(files) == 0 {
		return "", fmt.Errorf("sim: no kernels in %s", root)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(hash, f, len(text))
		hash.Write(text)
	}
	err = fs.WalkDir(sources, "src", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := sources.ReadFile(path)
		hash.Write(text)
		return err
	})
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "build", "cusim", hex.EncodeToString(hash.Sum(nil)[:8]))
	lib := filepath.Join(dir, "libcuda.so.1")
	if _, err := os.Stat(lib); err == nil {
		return lib, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(filepath.Dir(dir), "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(lib); err == nil { // by the process that had the lock
		return lib, nil
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "building-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := compile(root, tmp, o); err != nil {
		return "", err
	}
	return lib, os.Rename(tmp, dir)
}

// lock waits until no other process has the file locked: tests of several packages
// start together, and one build is enough.
func lock(path string) (unlock func(), err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return func() { f.Close() }, nil
}

// repository is the folder of go.mod: tests run where their sources are.
func repository() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

// compile makes the libraries: blocks of fibers, the kernels, the driver, and those
// of CUDA that the backend looks for.
func compile(root, dir string, o options) error {
	src := filepath.Join(root, "internal", "cuda", "sim", "src")
	flags := append(o.flags(), "-I"+src, "-I"+filepath.Join(root, "kernels"))
	headers := strings.Fields(os.Getenv("CGO_CFLAGS"))
	object := func(name string) string { return filepath.Join(dir, name+".o") }
	var jobs [][]string
	var units []string
	for _, family := range kernels.Families() {
		unit, err := writeUnit(dir, family)
		if err != nil {
			return err
		}
		units = append(units, object(family))
		jobs = append(jobs, slices.Concat(flags, []string{fmt.Sprintf("-DFAMILY=%q", family+".cu"), "-c", unit, "-o", object(family)}))
	}
	for _, f := range []string{"fiber", "driver", "cublas", "cusolver", "misuse", "tls"} {
		jobs = append(jobs, slices.Concat(flags, headers, []string{"-c", filepath.Join(src, f+".cpp"), "-o", object(f)}))
	}
	if err := gxx(jobs...); err != nil {
		return err
	}
	link := func(name string, parts ...string) error {
		args := append(slices.Clone(o.flags()), "-shared", "-Wl,-Bsymbolic", "-Wl,--no-as-needed", "-Wl,-rpath,$ORIGIN", "-Wl,-soname,"+name, "-o", filepath.Join(dir, name))
		return gxx(append(args, parts...))
	}
	if err := link("libfiber.so", object("fiber"), "-lpthread"); err != nil {
		return err
	}
	if err := link("libkernels.so", append(units, object("misuse"), object("tls"), "-L"+dir, "-lfiber")...); err != nil {
		return err
	}
	if err := link("libcuda.so.1", object("driver"), "-L"+dir, "-lfiber", "-lkernels", "-lpthread"); err != nil {
		return err
	}
	for name, lib := range map[string]string{"cublas": "libcublas.so.12", "cusolver": "libcusolver.so.11"} {
		if err := link(lib, object(name), filepath.Join(dir, "libcuda.so.1")); err != nil {
			return err
		}
	}
	return nil
}

// writeUnit writes the C++ file that compiles a family and registers its kernels.
func writeUnit(dir, family string) (string, error) {
	ptx, err := kernels.PTX(family, 90)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("#include \"shim.h\"\n#include \"both.cuh\"\nusing namespace f32;\nusing namespace f64;\n")
	names := []string{}
	for name := range kernels.Entries(ptx) {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "static sim::Registration r_%s(%q, %s);\n", name, name, name)
	}
	path := filepath.Join(dir, family+".cpp")
	return path, os.WriteFile(path, []byte(b.String()), 0o644)
}

// gxx runs compilers side by side, as many as there are processors.
func gxx(jobs ...[]string) error {
	slots, errs := make(chan struct{}, runtime.NumCPU()), make(chan error, len(jobs))
	for _, args := range jobs {
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			cmd := exec.Command(compiler(), args...)
			cmd.Env = append(os.Environ(), "LD_PRELOAD=") // a sanitizer's runtime is for us alone
			out, err := cmd.CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%s %s: %w\n%s", compiler(), strings.Join(args, " "), err, out)
			}
			errs <- err
		}()
	}
	for range jobs {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}
