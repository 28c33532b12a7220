//go:build voxencuda && cgo

#include "library.h"
#include <dlfcn.h>
#include <string.h>

void *voxen_library(const char *path, char **error) {
	void *h = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!h)
		*error = strdup(dlerror());
	return h;
}

int voxen_functions(void *library, const char *const *names, int n, void **f) {
	for (int i = 0; i < n; i++)
		if (!(f[i] = dlsym(library, names[i])))
			return i;
	return n;
}

const char *const voxen_blas_names[BLAS_FUNCTIONS] = {
	"cublasCreate_v2", "cublasDestroy_v2", "cublasSetStream_v2", "cublasSetWorkspace_v2",
	"cublasSetMathMode", "cublasGetProperty", "cublasSgemm_v2", "cublasDgemm_v2"};

const char *const voxen_solver_names[SOLVER_FUNCTIONS] = {
	"cusolverDnCreate", "cusolverDnDestroy", "cusolverDnSetStream", "cusolverGetProperty",
	"cusolverDnDsyevd_bufferSize", "cusolverDnDsyevd"};

typedef voxen_handle H;

int voxen_blas_create(void **f, H *h) { return ((int (*)(H *))f[BLAS_CREATE])(h); }
int voxen_blas_destroy(void **f, H h) { return ((int (*)(H))f[BLAS_DESTROY])(h); }
int voxen_blas_math(void **f, H h, int mode) { return ((int (*)(H, int))f[BLAS_MATH])(h, mode); }
int voxen_property(void *f, int which, int *value) { return ((int (*)(int, int *))f)(which, value); }

// The workspace after the stream: setting the stream puts back the library's own.
int voxen_blas_stream(void **f, H h, void *stream, size_t workspace, size_t bytes) {
	int r = ((int (*)(H, void *))f[BLAS_STREAM])(h, stream);
	return r ? r : ((int (*)(H, void *, size_t))f[BLAS_WORKSPACE])(h, (void *)workspace, bytes);
}

#define GEMM(T) (int (*)(H, int, int, int, int, int, const T *, const T *, int, const T *, int, const T *, T *, int))

int voxen_blas_sgemm(void **f, H h, int ta, int tb, int m, int n, int k, float alpha, size_t a, int lda, size_t b, int ldb, float beta, size_t c, int ldc) {
	return (GEMM(float) f[BLAS_SGEMM])(h, ta, tb, m, n, k, &alpha, (void *)a, lda, (void *)b, ldb, &beta, (void *)c, ldc);
}

int voxen_blas_dgemm(void **f, H h, int ta, int tb, int m, int n, int k, double alpha, size_t a, int lda, size_t b, int ldb, double beta, size_t c, int ldc) {
	return (GEMM(double) f[BLAS_DGEMM])(h, ta, tb, m, n, k, &alpha, (void *)a, lda, (void *)b, ldb, &beta, (void *)c, ldc);
}

int voxen_solver_create(void **f, H *h) { return ((int (*)(H *))f[SOLVER_CREATE])(h); }
int voxen_solver_destroy(void **f, H h) { return ((int (*)(H))f[SOLVER_DESTROY])(h); }
int voxen_solver_stream(void **f, H h, void *stream) { return ((int (*)(H, void *))f[SOLVER_STREAM])(h, stream); }

// Eigenvectors too (1), of the lower triangle (0).
int voxen_solver_syevd_size(void **f, H h, int n, int *words) {
	return ((int (*)(H, int, int, int, const double *, int, const double *, int *))f[SOLVER_SYEVD_SIZE])(h, 1, 0, n, NULL, n, NULL, words);
}

int voxen_solver_syevd(void **f, H h, int n, size_t a, size_t w, size_t work, int words, size_t info) {
	return ((int (*)(H, int, int, int, double *, int, double *, double *, int, int *))f[SOLVER_SYEVD])(
		h, 1, 0, n, (void *)a, n, (void *)w, (void *)work, words, (void *)info);
}
