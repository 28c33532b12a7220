// Sums over the rows of responses: what ridge regression knows of them.

// The smallest and largest value of each column within each part of the rows, both
// NaN where one is not finite.
//
//   out[g, 0, v] = min_t y[t, v],  out[g, 1, v] = max_t y[t, v],  t in part g
//
// Launch: x covers columns, z batches and parts.
// Reads each element once and compares it twice.
KERNEL(column_range)(OUT(F, out), IN(F, y), const int *borders, int cols, int parts) {
    int v = THREAD_X;
    if (v >= cols) return;
    int b = blockIdx.z / parts, g = blockIdx.z % parts;
    auto in = MAT(y, b, 0);
    F lo = in(borders[g], v), hi = lo, odd = 0;
#pragma unroll 8
    for (int t = borders[g]; t < borders[g + 1]; t++) {
        F x = in(t, v);
        lo = x < lo ? x : lo;
        hi = x > hi ? x : hi;
        odd = fma((F)0, x, odd);
    }
    auto to = MAT(out, b, g);
    bool whole = odd == 0;
    to(0, v) = whole ? lo : (F)not_a_number();
    to(1, v) = whole ? hi : (F)not_a_number();
}

#define SHIFT_ROWS 16 // of op.ShiftRows

// Shift of a column: the mean of n = min(T, 16) rows, evenly spaced over all T or
// over those of each run, summed in float64.
//
//   s[v] = sum_i y[lo + (2i+1) T / (2 n), v] / n
//
// Launch: x covers columns, z batches and groups, or batches and runs with borders.
// Moves 17 values and adds 16 times per column.
KERNEL(column_shift)(OUT(F, s), IN(F, y), const int *borders, int rows, int cols, int groups) {
    int v = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups, lo = 0;
    if (v >= cols) return;
    auto in = MAT(y, b, borders ? 0 : g);
    if (borders) lo = borders[g], rows = borders[g + 1] - lo;
    int n = rows < SHIFT_ROWS ? rows : SHIFT_ROWS;
    double sum = 0;
    for (int i = 0; i < n; i++) sum += in(lo + (int)((2 * i + 1) * (long long)rows / (2 * n)), v);
    MAT(s, b, g)(0, v) = (F)(sum / n);
}

// The unit of a column: 2^-e, 2^(e-1) <= max_g max(hi_g - s, s - lo_g) < 2^e, within
// 2^-126 and 2^126; 1 where that is 0 or not finite.
//
// Launch: x covers columns, z batches.
// Reads a range per part and a shift per run; runs are borders of parts.
KERNEL(column_unit)(OUT(F, u), IN(F, range), IN(F, shift), const int *runs, int count, int cols) {
    int v = THREAD_X, b = blockIdx.z;
    if (v >= cols) return;
    double size = 0;
    bool odd = false;
    for (int r = 0; r < count; r++) {
        double s = MAT(shift, b, r)(0, v);
        for (int g = runs[r]; g < runs[r + 1]; g++) {
            auto in = MAT(range, b, g);
            double above = (double)in(1, v) - s, below = s - (double)in(0, v);
            size = above > size ? above : size;
            size = below > size ? below : size;
            odd = odd || above != above || below != below;
        }
    }
    double unit = 1;
    if (size > 0 && isfinite(size) && !odd) {
        int e = (int)((__double_as_longlong(size) >> 52) & 0x7ff) - 1022;
        e = e > 126 ? 126 : e < -126 ? -126 : e;
        unit = __longlong_as_double((long long)(1023 - e) << 52);
    }
    MAT(u, b, 0)(0, v) = (F)unit;
}

// The largest magnitude of a column within each run, times its unit if there is one.
//
// Launch: x covers columns, z batches and runs.
// Reads a range per part; runs are borders of parts.
KERNEL(column_size)(OUT(double, size), IN(F, range), IN(F, unit), const int *runs, int cols, int count) {
    int v = THREAD_X, b = blockIdx.z / count, r = blockIdx.z % count;
    if (v >= cols) return;
    double most = 0;
    bool odd = false;
    for (int g = runs[r]; g < runs[r + 1]; g++) {
        auto in = MAT(range, b, g);
        double lo = -(double)in(0, v), hi = in(1, v);
        most = lo > most ? lo : most;
        most = hi > most ? hi : most;
        odd = odd || lo != lo;
    }
    if (unit_p) most *= MAT(unit, b, 0)(0, v);
    MAT(size, b, r)(0, v) = odd ? not_a_number() : most;
}

// z = (y - s) u for every row, in the precision of y, then converted. run[t] is the
// run of row t, whose group of s it takes; without it a group is that of the block.
template <class Z>
__device__ __forceinline__ void sub_rows(Matrix<Z> z, Matrix<const F> y, const F *s, long long s_g, F unit, const int *run, int rows, int v) {
    F shift = s[v];
    for (int t = blockIdx.y; t < rows; t += gridDim.y) {
        if (run) shift = s[run[t] * s_g + v];
        z(t, v) = (Z)((y(t, v) - shift) * unit);
    }
}

// Launch of both: x covers columns, y rows in strides of the grid, z batches and groups.
// Moves 2 values and computes twice per element; s stays in a register.
KERNEL(sub_row)(OUT(F, z), IN(F, y), IN(F, s), IN(F, u), const int *run, int rows, int cols, int groups) {
    int v = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups;
    if (v >= cols) return;
    sub_rows(MAT(z, b, g), MAT(y, b, g), MAT(s, b, run ? 0 : g).row(0), s_g, u_p ? MAT(u, b, 0)(0, v) : (F)1, run, rows, v);
}

KERNEL(sub_row_to)(OUT(Other, z), IN(F, y), IN(F, s), IN(F, u), const int *run, int rows, int cols, int groups) {
    int v = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups;
    if (v >= cols) return;
    sub_rows(MAT(z, b, g), MAT(y, b, g), MAT(s, b, run ? 0 : g).row(0), s_g, u_p ? MAT(u, b, 0)(0, v) : (F)1, run, rows, v);
}

// Sums and sums of squares of each column within each fold, in float64.
//
//   m[f, 0, v] = sum_t z[t, v],  m[f, 1, v] = sum_t z[t, v]^2,  t in fold f
//
// Launch: x covers columns, z batches and folds.
// Reads a value and adds twice per element, down the rows; neighbouring threads
// read neighbouring columns.
KERNEL(fold_moments)(OUT(double, m), IN(F, z), const int *borders, int cols, int folds) {
    int v = THREAD_X;
    if (v >= cols) return;
    int b = blockIdx.z / folds, f = blockIdx.z % folds;
    auto in = MAT(z, b, 0);
    double sum = 0, square = 0;
    for (int t = borders[f]; t < borders[f + 1]; t++) {
        double x = in(t, v);
        sum += x;
        square = fma(x, x, square);
    }
    auto out = MAT(m, b, f);
    out(0, v) = sum;
    out(1, v) = square;
}

// sub_row and fold_moments of what it leaves in one pass, with their bits.
//
//   z = (y - s) u,  m[f] = sums and sums of squares of z in fold f
//
// Launch: x covers columns, z batches and folds.
// Reads y once and writes z once; 5 operations an element.
template <class Z>
__device__ __forceinline__ void shift_and_sum(Matrix<Z> z, Matrix<double> m, Matrix<const F> y, F shift, F unit, int lo, int hi, int v) {
    double sum = 0, square = 0;
#pragma unroll 8
    for (int t = lo; t < hi; t++) {
        Z x = (Z)((y(t, v) - shift) * unit);
        z(t, v) = x;
        sum += (double)x;
        square = fma((double)x, (double)x, square);
    }
    m(0, v) = sum;
    m(1, v) = square;
}

KERNEL(shift_moments)(OUT(F, z), OUT(double, m), IN(F, y), IN(F, s), IN(F, u), const int *borders, int cols, int folds) {
    int v = THREAD_X, b = blockIdx.z / folds, f = blockIdx.z % folds;
    if (v >= cols) return;
    shift_and_sum(MAT(z, b, 0), MAT(m, b, f), MAT(y, b, 0), MAT(s, b, 0)(0, v), u_p ? MAT(u, b, 0)(0, v) : (F)1, borders[f], borders[f + 1], v);
}

KERNEL(shift_moments_to)(OUT(Other, z), OUT(double, m), IN(F, y), IN(F, s), IN(F, u), const int *borders, int cols, int folds) {
    int v = THREAD_X, b = blockIdx.z / folds, f = blockIdx.z % folds;
    if (v >= cols) return;
    shift_and_sum(MAT(z, b, 0), MAT(m, b, f), MAT(y, b, 0), MAT(s, b, 0)(0, v), u_p ? MAT(u, b, 0)(0, v) : (F)1, borders[f], borders[f + 1], v);
}

#define FEW 16 // folds that leave_out keeps in registers

// Sums over all folds but one, and over all, as prefix plus suffix sums.
//
//   out[f] = sum_{g < f} x[g] + sum_{g > f} x[g],  out[folds] = sum_g x[g]
//
// Launch: x covers columns, y rows in strides of the grid, z batches.
// Reads and writes each statistic once for up to 16 folds, which stay in
// registers; with more, the result is written twice.
KERNEL(leave_out)(OUT(F, out), IN(F, x), int folds, int rows, int cols) {
    int v = THREAD_X, b = blockIdx.z;
    if (v >= cols) return;
    for (int r = blockIdx.y; r < rows; r += gridDim.y) {
        F sum = 0;
        if (folds <= FEW) {
            F at[FEW], after[FEW];
#pragma unroll
            for (int f = 0; f < FEW; f++)
                if (f < folds) at[f] = MAT(x, b, f)(r, v);
#pragma unroll
            for (int f = FEW - 1; f >= 0; f--)
                if (f < folds) {
                    after[f] = sum;
                    sum += at[f];
                }
            sum = 0;
#pragma unroll
            for (int f = 0; f < FEW; f++)
                if (f < folds) {
                    MAT(out, b, f)(r, v) = sum + after[f];
                    sum += at[f];
                }
            MAT(out, b, folds)(r, v) = sum;
            continue;
        }
        for (int f = 0; f < folds; f++) {
            MAT(out, b, f)(r, v) = sum;
            sum += MAT(x, b, f)(r, v);
        }
        MAT(out, b, folds)(r, v) = sum;
        sum = 0;
        for (int f = folds - 1; f >= 0; f--) {
            MAT(out, b, f)(r, v) += sum;
            sum += MAT(x, b, f)(r, v);
        }
    }
}

// Status of a column from its ranges: 0 varies, 1 constant within every run, 2 not
// finite; a run of several parts is constant if they hold one value.
//
// Launch: x covers columns, z batches.
// Reads a range per part; runs are borders of parts.
KERNEL(column_status)(OUT(double, status), IN(F, range), const int *runs, int count, int cols) {
    int v = THREAD_X, b = blockIdx.z;
    if (v >= cols) return;
    bool whole = true, constant = true;
    for (int r = 0; r < count; r++) {
        F first = MAT(range, b, runs[r])(0, v);
        for (int g = runs[r]; g < runs[r + 1]; g++) {
            auto in = MAT(range, b, g);
            F lo = in(0, v), hi = in(1, v);
            whole = whole && lo == lo;
            constant = constant && lo == first && hi == first;
        }
    }
    MAT(status, b, 0)(0, v) = whole ? constant : 2;
}

// 1 where a column has one value (with zero: 0) in all parts of a fold, or with
// others in those of the other folds, else 0.
//
// Launch: x covers columns, z batches and folds.
// Reads a range per part; folds are borders of parts.
KERNEL(same_rows)(OUT(double, same), IN(F, range), const int *borders, int parts, int cols, int folds, int others, int zero) {
    int v = THREAD_X, b = blockIdx.z / folds, f = blockIdx.z % folds;
    if (v >= cols) return;
    F value = 0;
    bool one = true, some = false;
    for (int g = 0; g < parts; g++) {
        bool inside = g >= borders[f] && g < borders[f + 1];
        if (inside == (others != 0)) continue;
        auto in = MAT(range, b, g);
        if (!some && !zero) value = in(0, v);
        some = true;
        one = one && in(0, v) == value && in(1, v) == value;
    }
    MAT(same, b, f)(0, v) = one;
}

#ifdef IN_F64

// The status of a column, or 3 where that is 0 and one of its scores is neither 0 nor
// of a size from smallest to largest.
//
// Launch: x covers columns, z batches and groups.
// Reads each score once.
KERNEL(score_status)(OUT(double, out), IN(double, status), IN(double, scores), int rows, int cols, int groups, double smallest, double largest) {
    int v = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups;
    if (v >= cols) return;
    auto in = MAT(scores, b, g);
    bool fine = true;
    for (int r = 0; r < rows; r++) {
        double size = fabs(in(r, v));
        fine = fine && (size == 0 || (size >= smallest && size <= largest));
    }
    double s = MAT(status, b, g)(0, v);
    MAT(out, b, g)(0, v) = s == 0 && !fine ? 3 : s;
}

#endif

// NaN in the columns whose status is not 0.
//
// Launch: x covers columns, y rows in strides of the grid, z batches and groups.
// Moves 2 values per element.
KERNEL(mask_columns)(OUT(F, out), IN(F, x), IN(double, status), int rows, int cols, int groups) {
    int v = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups;
    if (v >= cols) return;
    auto in = MAT(x, b, g);
    auto to = MAT(out, b, g);
    bool varies = MAT(status, b, 0)(0, v) == 0;
    for (int r = blockIdx.y; r < rows; r += gridDim.y) to(r, v) = varies ? in(r, v) : (F)not_a_number();
}
