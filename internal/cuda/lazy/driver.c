//go:build voxencuda && cgo

#include "driver.h"
#include "table.h"

// CALL runs a driver function by its exported name, found at the first call
// after a driver was loaded: cuda.h renames some functions to their versions.
#define CALL(name, type, ...)                                  \
	do {                                                       \
		CUresult(CUDAAPI * call) type = voxen_cuda_symbol(name); \
		return call ? call(__VA_ARGS__) : CUDA_ERROR_NOT_SUPPORTED; \
	} while (0)

CUresult voxen_init(void) { CALL("cuInit", (unsigned), 0); }

CUresult voxen_error_string(CUresult code, const char **text) {
	CALL("cuGetErrorString", (CUresult, const char **), code, text);
}

CUresult voxen_host_alloc(void **p, size_t n) {
	CALL("cuMemHostAlloc", (void **, size_t, unsigned), p, n, CU_MEMHOSTALLOC_PORTABLE);
}

CUresult voxen_host_register(void *p, size_t n) {
	CALL("cuMemHostRegister_v2", (void *, size_t, unsigned), p, n, CU_MEMHOSTREGISTER_PORTABLE);
}

CUresult voxen_host_unregister(void *p) { CALL("cuMemHostUnregister", (void *), p); }

CUresult voxen_copy_rows(CUdeviceptr dst, const void *src, size_t stride, size_t n, size_t rows, CUstream s) {
	CUDA_MEMCPY2D copy = {
		.srcMemoryType = CU_MEMORYTYPE_HOST, .srcHost = src, .srcPitch = stride,
		.dstMemoryType = CU_MEMORYTYPE_DEVICE, .dstDevice = dst, .dstPitch = n,
		.WidthInBytes = n, .Height = rows};
	CALL("cuMemcpy2DAsync_v2", (const CUDA_MEMCPY2D *, CUstream), &copy, s);
}

// Of this thread only: others may allocate while a stream is captured.
CUresult voxen_begin_capture(CUstream s) {
	CALL("cuStreamBeginCapture_v2", (CUstream, CUstreamCaptureMode), s, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
}

CUresult voxen_end_capture(CUstream s, CUgraph *g) { CALL("cuStreamEndCapture", (CUstream, CUgraph *), s, g); }

CUresult voxen_graph_instantiate(CUgraphExec *e, CUgraph g) {
	CALL("cuGraphInstantiateWithFlags", (CUgraphExec *, CUgraph, unsigned long long), e, g, 0);
}

CUresult voxen_graph_launch(CUgraphExec e, CUstream s) { CALL("cuGraphLaunch", (CUgraphExec, CUstream), e, s); }

CUresult voxen_dynamic_shared(CUfunction f, int bytes) {
	CALL("cuFuncSetAttribute", (CUfunction, CUfunction_attribute, int), f,
	     CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
}
