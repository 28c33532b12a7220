// A stand-in for the functions of cuBLAS that the backend calls: plain loops on
// the driver's stream, column-major as the library is.
#include "control.h"
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>

#define API extern "C" __attribute__((visibility("default"))) int

namespace {

enum { kSuccess = 0, kInvalidValue = 7, kExecutionFailed = 13 };

struct Handle {
    void *stream, *workspace;
    size_t bytes;
};

void call(void *f) {
    auto *g = (std::function<void()> *)f;
    (*g)();
    delete g;
}

template <class T> int gemm(Handle *h, int ta, int tb, int m, int n, int k, T alpha, const T *a, int lda, const T *b, int ldb, T beta, T *c, int ldc) {
    if (lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m || m < 0 || n < 0 || k < 0) {
        fprintf(stderr, "cusim: gemm %d x %d x %d with leading dimensions %d %d %d\n", m, n, k, lda, ldb, ldc);
        return kInvalidValue;
    }
    if (!h->workspace) return kInvalidValue; // the library's own would not be fixed
    auto *work = new std::function<void()>([=] {
        for (int j = 0; j < n; j++)
            for (int i = 0; i < m; i++) {
                T sum = 0;
                for (int p = 0; p < k; p++) sum = std::fma(ta ? a[(size_t)i * lda + p] : a[(size_t)p * lda + i], tb ? b[(size_t)p * ldb + j] : b[(size_t)j * ldb + p], sum);
                T &out = c[(size_t)j * ldc + i];
                out = beta == 0 ? alpha * sum : std::fma(beta, out, alpha * sum);
            }
    });
    return cusim_submit(h->stream, call, work) ? kExecutionFailed : kSuccess;
}

} // namespace

API cublasCreate_v2(Handle **h) { *h = new Handle{}; return kSuccess; }
API cublasDestroy_v2(Handle *h) { delete h; return kSuccess; }
API cublasSetStream_v2(Handle *h, void *s) { *h = {s, nullptr, 0}; return kSuccess; }
API cublasSetWorkspace_v2(Handle *h, void *p, size_t n) {
    if ((size_t)p % 256) return kInvalidValue;
    h->workspace = p;
    h->bytes = n;
    return kSuccess;
}
API cublasSetMathMode(Handle *, int) { return kSuccess; }
API cublasGetProperty(int which, int *v) { *v = which == 0 ? 12 : 0; return kSuccess; }
API cublasSgemm_v2(Handle *h, int ta, int tb, int m, int n, int k, const float *alpha, const float *a, int lda, const float *b, int ldb, const float *beta, float *c, int ldc) {
    return gemm(h, ta, tb, m, n, k, *alpha, a, lda, b, ldb, *beta, c, ldc);
}
API cublasDgemm_v2(Handle *h, int ta, int tb, int m, int n, int k, const double *alpha, const double *a, int lda, const double *b, int ldb, const double *beta, double *c, int ldc) {
    return gemm(h, ta, tb, m, n, k, *alpha, a, lda, b, ldb, *beta, c, ldc);
}
