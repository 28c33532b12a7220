// Sums over the rows of responses: what ridge regression knows of them.

// Shift of a column: the mean of count rows, evenly spaced over all, as
// op.ShiftRows lists them, summed in float64.
//
//   s[v] = sum_i y[(2i+1) rows / (2 count), v] / count
//
// Launch: x covers columns, z batches and groups.
// Moves count + 1 values and adds count times per column.
KERNEL(column_shift)(OUT(F, s), IN(F, y), int count, int rows, int cols, int groups) {
    int v = THREAD_X;
    if (v >= cols) return;
    auto out = MAT(s, blockIdx.z / groups, blockIdx.z % groups);
    auto in = MAT(y, blockIdx.z / groups, blockIdx.z % groups);
    double sum = 0;
    for (int i = 0; i < count; i++) sum += in((int)((2 * i + 1) * (long long)rows / (2 * count)), v);
    out(0, v) = (F)(sum / count);
}

// z = y - s for every row.
//
// Launch: x covers columns, y rows in strides of the grid, z batches and groups.
// Moves 2 values and subtracts once per element; s stays in a register.
KERNEL(sub_row)(OUT(F, z), IN(F, y), IN(F, s), int rows, int cols, int groups) {
    int v = THREAD_X;
    if (v >= cols) return;
    int b = blockIdx.z / groups, g = blockIdx.z % groups;
    auto out = MAT(z, b, g);
    auto in = MAT(y, b, g);
    F shift = MAT(s, b, g)(0, v);
    for (int t = blockIdx.y; t < rows; t += gridDim.y) out(t, v) = in(t, v) - shift;
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

// The three kernels above in one pass, with their bits.
//
//   s = shift of y,  z = y - s,  m[f] = sums and sums of squares of z in fold f
//
// Launch: x covers columns, z batches and folds.
// Reads y once, and count rows of it again per fold (from the second-level cache);
// writes z once; 4 operations an element.
KERNEL(shift_moments)(OUT(F, z), OUT(F, s), OUT(double, m), IN(F, y), const int *borders, int count, int rows, int cols, int folds) {
    int v = THREAD_X;
    if (v >= cols) return;
    int b = blockIdx.z / folds, f = blockIdx.z % folds;
    auto in = MAT(y, b, 0);
    auto out = MAT(z, b, 0);
    double sum = 0, square = 0;
    for (int i = 0; i < count; i++) sum += in((int)((2 * i + 1) * (long long)rows / (2 * count)), v);
    F shift = (F)(sum / count);
    if (f == 0) MAT(s, b, 0)(0, v) = shift;
    sum = 0;
#pragma unroll 8
    for (int t = borders[f]; t < borders[f + 1]; t++) {
        F x = in(t, v) - shift;
        out(t, v) = x;
        sum += (double)x;
        square = fma((double)x, (double)x, square);
    }
    auto to = MAT(m, b, f);
    to(0, v) = sum;
    to(1, v) = square;
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

// Status of a column: 0 varies, 1 constant within every run, 2 not finite.
//
// Launch: x covers columns, z batches.
// Reads each element once.
KERNEL(column_status)(OUT(double, status), IN(F, y), const int *borders, int runs, int cols) {
    int v = THREAD_X, b = blockIdx.z;
    if (v >= cols) return;
    auto in = MAT(y, b, 0);
    bool whole = true, constant = true;
    for (int f = 0; f < runs; f++) {
        F first = in(borders[f], v);
        for (int t = borders[f]; t < borders[f + 1]; t++) {
            F x = in(t, v);
            whole = whole && isfinite(x);
            constant = constant && x == first;
        }
    }
    MAT(status, b, 0)(0, v) = whole ? constant : 2;
}

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
