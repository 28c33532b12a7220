// The driver functions that gorgonia.org/cu lacks, or passes Go's memory to in a
// way that Go forbids (copies of rows). Each answers
// CUDA_ERROR_NOT_SUPPORTED where the driver has none of that name.
#pragma once
#include <cuda.h>

CUresult voxen_init(void);
CUresult voxen_error_string(CUresult code, const char **text);
CUresult voxen_host_alloc(void **p, size_t n);
CUresult voxen_host_register(void *p, size_t n);
CUresult voxen_host_unregister(void *p);
CUresult voxen_copy_rows(CUdeviceptr dst, const void *src, size_t stride, size_t n, size_t rows, CUstream s);
CUresult voxen_begin_capture(CUstream s);
CUresult voxen_end_capture(CUstream s, CUgraph *g);
CUresult voxen_graph_instantiate(CUgraphExec *e, CUgraph g);
CUresult voxen_graph_launch(CUgraphExec e, CUstream s);
CUresult voxen_dynamic_shared(CUfunction f, int bytes);
