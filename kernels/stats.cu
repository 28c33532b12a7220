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
