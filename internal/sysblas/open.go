//go:build !noblasdl && (linux || darwin) && (amd64 || arm64)

package sysblas

import (
	"fmt"

	"github.com/ebitengine/purego"
)

// open opens one file and finds its functions.
func open(path string) (*library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, err
	}
	lib := &library{path: path}
	for name, f := range map[string]any{
		"cblas_sgemm": &lib.sgemm, "cblas_dgemm": &lib.dgemm, "cblas_ssyrk": &lib.ssyrk, "cblas_dsyrk": &lib.dsyrk,
		"cblas_strsm": &lib.strsm, "cblas_dtrsm": &lib.dtrsm,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			purego.Dlclose(handle)
			return nil, fmt.Errorf("%s has no %s", path, name)
		}
		purego.RegisterFunc(f, symbol)
	}
	oneThread(handle)
	lib.version = version(handle)
	return lib, nil
}

// oneThread has the library compute in the calling thread: the backend cuts the
// work itself.
func oneThread(handle uintptr) {
	for _, name := range []string{"openblas_set_num_threads", "MKL_Set_Num_Threads", "bli_thread_set_num_threads"} {
		if symbol, err := purego.Dlsym(handle, name); err == nil {
			var set func(n int64)
			purego.RegisterFunc(&set, symbol)
			set(1)
		}
	}
}

// version is what the library says of itself.
func version(handle uintptr) string {
	for _, name := range []string{"openblas_get_config", "bli_info_get_version_str"} {
		if symbol, err := purego.Dlsym(handle, name); err == nil {
			var get func() string
			purego.RegisterFunc(&get, symbol)
			return get()
		}
	}
	if symbol, err := purego.Dlsym(handle, "MKL_Get_Version_String"); err == nil {
		var get func(buf *byte, n int32)
		purego.RegisterFunc(&get, symbol)
		buf := make([]byte, 200)
		get(&buf[0], int32(len(buf)))
		for i, c := range buf {
			if c == 0 {
				return string(buf[:i])
			}
		}
	}
	return ""
}
