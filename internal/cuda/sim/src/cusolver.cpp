// A stand-in for the functions of cuSOLVER that the backend calls: eigenvalues by
// Jacobi rotations on the driver's stream.
#include "control.h"
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#define API extern "C" __attribute__((visibility("default"))) int

namespace {

enum { kSuccess = 0, kInvalidValue = 3, kExecutionFailed = 6 };

struct Handle {
    void *stream;
};

void call(void *f) {
    auto *g = (std::function<void()> *)f;
    (*g)();
    delete g;
}

// Turns a (its lower triangle, column-major) to diagonal form, v to the rotations.
void jacobi(int n, std::vector<double> &a, std::vector<double> &v) {
    auto A = [&](int i, int j) -> double & { return a[(size_t)j * n + i]; };
    for (int j = 0; j < n; j++)
        for (int i = 0; i < j; i++) A(i, j) = A(j, i);
    for (int i = 0; i < n; i++) v[(size_t)i * n + i] = 1;
    for (int sweep = 0; sweep < 60; sweep++) {
        double off = 0, all = 0;
        for (int j = 0; j < n; j++)
            for (int i = 0; i < n; i++) all += A(i, j) * A(i, j), off += i == j ? 0 : A(i, j) * A(i, j);
        if (off <= 1e-34 * all) return;
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++) {
                if (A(p, q) == 0) continue;
                double theta = (A(q, q) - A(p, p)) / (2 * A(p, q));
                double t = (theta < 0 ? -1 : 1) / (std::fabs(theta) + std::hypot(theta, 1.0)), c = 1 / std::hypot(t, 1.0), s = t * c;
                for (int k = 0; k < n; k++) {
                    double x = A(k, p), y = A(k, q);
                    A(k, p) = c * x - s * y, A(k, q) = s * x + c * y;
                }
                for (int k = 0; k < n; k++) {
                    double x = A(p, k), y = A(q, k);
                    A(p, k) = c * x - s * y, A(q, k) = s * x + c * y;
                }
                for (int k = 0; k < n; k++) {
                    double &x = v[(size_t)p * n + k], &y = v[(size_t)q * n + k], z = x;
                    x = c * z - s * y, y = s * z + c * y;
                }
            }
    }
}

} // namespace

API cusolverDnCreate(Handle **h) { *h = new Handle{}; return kSuccess; }
API cusolverDnDestroy(Handle *h) { delete h; return kSuccess; }
API cusolverDnSetStream(Handle *h, void *s) { h->stream = s; return kSuccess; }
API cusolverGetProperty(int which, int *v) { *v = which == 0 ? 11 : 0; return kSuccess; }
API cusolverDnDsyevd_bufferSize(Handle *, int, int, int n, const double *, int, const double *, int *words) { *words = 2 * n * n; return kSuccess; }
API cusolverDnDsyevd(Handle *h, int vectors, int lower, int n, double *a, int lda, double *w, double *work, int words, int *info) {
    if (vectors != 1 || lower != 0 || lda != n || words < 2 * n * n) return kInvalidValue;
    auto *job = new std::function<void()>([=] {
        work[0] = work[(size_t)words - 1] = 0; // it must be there
        std::vector<double> m(a, a + (size_t)n * n), v((size_t)n * n);
        jacobi(n, m, v);
        std::vector<int> order(n);
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](int i, int j) { return m[(size_t)i * n + i] < m[(size_t)j * n + j]; });
        for (int k = 0; k < n; k++) {
            w[k] = m[(size_t)order[k] * n + order[k]];
            std::copy_n(&v[(size_t)order[k] * n], n, a + (size_t)k * n);
        }
        *info = 0;
    });
    return cusim_submit(h->stream, call, job) ? kExecutionFailed : kSuccess;
}
