// The functions of cuBLAS and cuSOLVER that the backend calls, without their
// headers: the types are those of majors 11 to 13.
#pragma once
#include <stddef.h>

typedef void *voxen_handle;

// A library opened at run time; f holds its functions in the order of the names
// asked for.
void *voxen_library(const char *path, char **error);
int voxen_functions(void *library, const char *const *names, int n, void **f);

enum { BLAS_CREATE, BLAS_DESTROY, BLAS_STREAM, BLAS_WORKSPACE, BLAS_MATH, BLAS_PROPERTY, BLAS_SGEMM, BLAS_DGEMM, BLAS_FUNCTIONS };
extern const char *const voxen_blas_names[BLAS_FUNCTIONS];
int voxen_blas_create(void **f, voxen_handle *h);
int voxen_blas_destroy(void **f, voxen_handle h);
int voxen_blas_stream(void **f, voxen_handle h, void *stream, size_t workspace, size_t bytes);
int voxen_blas_math(void **f, voxen_handle h, int mode);
int voxen_property(void *f, int which, int *value);
int voxen_blas_sgemm(void **f, voxen_handle h, int ta, int tb, int m, int n, int k, float alpha, size_t a, int lda, size_t b, int ldb, float beta, size_t c, int ldc);
int voxen_blas_dgemm(void **f, voxen_handle h, int ta, int tb, int m, int n, int k, double alpha, size_t a, int lda, size_t b, int ldb, double beta, size_t c, int ldc);

enum { SOLVER_CREATE, SOLVER_DESTROY, SOLVER_STREAM, SOLVER_PROPERTY, SOLVER_SYEVD_SIZE, SOLVER_SYEVD, SOLVER_FUNCTIONS };
extern const char *const voxen_solver_names[SOLVER_FUNCTIONS];
int voxen_solver_create(void **f, voxen_handle *h);
int voxen_solver_destroy(void **f, voxen_handle h);
int voxen_solver_stream(void **f, voxen_handle h, void *stream);
int voxen_solver_syevd_size(void **f, voxen_handle h, int n, int *words);
int voxen_solver_syevd(void **f, voxen_handle h, int n, size_t a, size_t w, size_t work, int words, size_t info);
