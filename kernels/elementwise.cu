// Copies and operations element by element. All are bound by memory: a thread has
// a column and takes every gridDim.y-th row, so that neighbouring threads touch
// neighbouring elements and what belongs to a column stays in a register.

// A dense copy of a view.
//
// Launch: x covers columns, y rows in strides of the grid, z batches and groups.
// Moves 2 values per element.
KERNEL(copy)(OUT(F, out), IN(F, x), int rows, int cols, int groups) {
    int c = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups;
    if (c >= cols) return;
    auto from = MAT(x, b, g);
    auto to = MAT(out, b, g);
    for (int r = blockIdx.y; r < rows; r += gridDim.y) to(r, c) = from(r, c);
}

// copy to float64 (from float32) and to float32 (from float64). Launch as copy.
KERNEL(convert)(OUT(F, out), IN(Other, x), int rows, int cols, int groups) {
    int c = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups;
    if (c >= cols) return;
    auto from = MAT(x, b, g);
    auto to = MAT(out, b, g);
    for (int r = blockIdx.y; r < rows; r += gridDim.y) to(r, c) = (F)from(r, c);
}

// y = x1 (kind) x2 with every axis broadcast: kind 0 +, 1 -, 2 *, 3 / with 0/0 = 0.
// An operand with one column for all has a column stride (xc, yc) of 0.
//
// Launch: x covers columns, y rows in strides of the grid, z batches and groups.
// Moves 3 values and computes one per element.
KERNEL(zip)(OUT(F, out), IN(F, x), IN(F, y), int xc, int yc, int rows, int cols, int groups, int kind) {
    int c = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups;
    if (c >= cols) return;
    auto left = MAT(x, b, g);
    auto right = MAT(y, b, g);
    auto to = MAT(out, b, g);
    for (int r = blockIdx.y; r < rows; r += gridDim.y) {
        F p = left(r, c * xc), q = right(r, c * yc), v;
        switch (kind) {
        case 0: v = p + q; break;
        case 1: v = p - q; break;
        case 2: v = p * q; break;
        default: v = p == 0 && q == 0 ? (F)0 : p / q;
        }
        to(r, c) = v;
    }
}

// y[first + r, j] = x[r, c_j] of one group, NaN where c_j is no column of x.
//
// Launch: x covers columns, y rows in strides of the grid, z batches. Moves 2 values
// per element and a number per column.
KERNEL(gather)(OUT(F, out), IN(F, x), IN(double, columns), int first, int rows, int cols, int from) {
    int c = THREAD_X, b = blockIdx.z;
    if (c >= cols) return;
    auto to = MAT(out, b, 0);
    auto source = MAT(x, b, 0);
    double at = MAT(columns, 0, 0)(0, c);
    bool in = at >= 0 && at < from;
    for (int r = blockIdx.y; r < rows; r += gridDim.y) to(first + r, c) = in ? source(r, (int)at) : (F)not_a_number();
}

// y[r, c] = x[c, r] by tiles of 32 x 32 in shared memory, so that both sides are
// touched along rows.
//
// Launch: blocks of 32 x 8; x covers columns and y rows of the result by 32, z
// batches and groups. Moves 2 values per element.
KERNEL(transpose)(OUT(F, out), IN(F, x), int rows, int cols, int groups) {
    __shared__ F tile[32][33];
    int r0 = blockIdx.y * 32, c0 = blockIdx.x * 32, t = threadIdx.x, b = blockIdx.z / groups, g = blockIdx.z % groups;
    auto from = MAT(x, b, g);
    auto to = MAT(out, b, g);
    for (int i = threadIdx.y; i < 32; i += 8)
        if (c0 + i < cols && r0 + t < rows) tile[i][t] = from(c0 + i, r0 + t);
    __syncthreads();
    for (int i = threadIdx.y; i < 32; i += 8)
        if (r0 + i < rows && c0 + t < cols) to(r0 + i, c0 + t) = tile[t][i];
}

// y_g = factor_g x_g.
//
// Launch: x covers columns, y rows in strides of the grid, z batches and groups.
// Moves 2 values and multiplies once per element.
KERNEL(group_scale)(OUT(F, out), IN(F, x), const double *factors, int rows, int cols, int groups) {
    int c = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups;
    if (c >= cols) return;
    auto from = MAT(x, b, g);
    auto to = MAT(out, b, g);
    F s = (F)factors[g];
    for (int r = blockIdx.y; r < rows; r += gridDim.y) to(r, c) = s * from(r, c);
}

// 1/sqrt(x), and 0 where x is not positive; the root in float64.
//
// Launch: x covers columns, y rows in strides of the grid, z batches and groups.
// Moves 2 values per element.
KERNEL(inverse_root)(OUT(F, out), IN(F, x), int rows, int cols, int groups) {
    int c = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups;
    if (c >= cols) return;
    auto from = MAT(x, b, g);
    auto to = MAT(out, b, g);
    for (int r = blockIdx.y; r < rows; r += gridDim.y) {
        double v = from(r, c);
        to(r, c) = v > 0 ? (F)(1 / sqrt(v)) : (F)0;
    }
}

// y_g = x_g + factor_g a b'.
//
// Launch: x covers columns, y rows in strides of the grid, z batches and groups.
// Moves 2 values and one fma per element; b stays in a register.
KERNEL(outer_add)(OUT(F, out), IN(F, x), IN(F, a), IN(F, b), const double *factors, int rows, int cols, int groups) {
    int c = THREAD_X, z = blockIdx.z / groups, g = blockIdx.z % groups;
    if (c >= cols) return;
    auto from = MAT(x, z, g);
    auto to = MAT(out, z, g);
    const F *left = MAT(a, z, g).row(0);
    F s = (F)factors[g], v = MAT(b, z, g)(0, c);
    for (int r = blockIdx.y; r < rows; r += gridDim.y) to(r, c) = fma(s * left[r], v, from(r, c));
}

// w[k, v] = P[k, v] / (S[k] + alpha[v]) / u[v], u a power of two or not given.
//
// Launch of both: x covers columns, y rows in strides of the grid, z batches and groups.
// Moves 2 values and divides once per element.
__device__ __forceinline__ void weigh(Matrix<F> w, Matrix<const F> P, const F *S, F alpha, F back, int rows, int v) {
    for (int k = blockIdx.y; k < rows; k += gridDim.y) w(k, v) = P(k, v) / (S[k] + alpha) * back;
}

KERNEL(ridge_weights)(OUT(F, w), IN(F, P), IN(F, S), IN(F, alpha), IN(F, u), int rows, int cols, int groups) {
    int v = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups;
    if (v >= cols) return;
    weigh(MAT(w, b, g), MAT(P, b, g), MAT(S, b, g).row(0), MAT(alpha, b, g)(0, v), u_p ? 1 / MAT(u, b, g)(0, v) : (F)1, rows, v);
}

// With units in the other precision.
KERNEL(ridge_weights_of)(OUT(F, w), IN(F, P), IN(F, S), IN(F, alpha), IN(Other, u), int rows, int cols, int groups) {
    int v = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups;
    if (v >= cols) return;
    weigh(MAT(w, b, g), MAT(P, b, g), MAT(S, b, g).row(0), MAT(alpha, b, g)(0, v), (F)(1 / MAT(u, b, g)(0, v)), rows, v);
}

// The mean over groups.
//
// Launch: x covers columns, y rows in strides of the grid, z batches.
// Moves groups + 1 values per element.
KERNEL(mean_groups)(OUT(F, out), IN(F, x), int groups, int rows, int cols) {
    int c = THREAD_X, b = blockIdx.z;
    if (c >= cols) return;
    auto to = MAT(out, b, 0);
    for (int r = blockIdx.y; r < rows; r += gridDim.y) {
        F sum = 0;
        for (int g = 0; g < groups; g++) sum += MAT(x, b, g)(r, c);
        to(r, c) = sum / (F)groups;
    }
}
