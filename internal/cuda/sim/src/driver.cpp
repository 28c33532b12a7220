// A stand-in for libcuda.so.1: devices whose memory is the host's and whose
// kernels are the same .cu files compiled as C++.
//
// Streams are threads with a queue each, so that what nobody waits for comes
// late. Device memory is poisoned when it is new and lies between guard zones.
// What tests may ask for is in control.h.
#include "control.h"
#include "fiber.h"
#include <cuda.h>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <signal.h>
#include <sys/mman.h>
#include <thread>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)0)
#endif

#define API extern "C" __attribute__((visibility("default"))) CUresult

namespace {

constexpr size_t kPage = 4096, kAlign = 256;
constexpr unsigned char kPoison = 0xff, kGuard = 0xa5;

// Settings that tests change; see control.h.
struct Settings {
    int devices = 1, capability = 90, version = 12090, jitter = 0;
    size_t memory = size_t(4) << 30;
    sim::Order order;
    std::string failCall;
    long failAt = 0;
    int failCode = 0, failDevice = -1;
    bool unpinned = false;
} set;

std::recursive_mutex big; // guards all below but the queues
long calls, launches, graphs;
std::string lastFault;

struct Allocation {
    size_t bytes;
    char *map;
    size_t mapBytes;
};

struct Device {
    size_t used = 0;
    CUresult lost = CUDA_SUCCESS; // sticky: every later call answers this
    std::map<uintptr_t, Allocation> memory;
};

Device device[16];

using Work = std::function<void()>;

} // namespace

struct CUctx_st {
    int device;
};

struct CUgraph_st {
    std::vector<Work> work;
};

struct CUgraphExec_st {
    std::vector<Work> work;
};

// A stream: work in order, done by a thread of its own.
struct CUstream_st {
    int dev;
    std::thread thread;
    std::mutex mu;
    std::condition_variable wake, idle;
    std::deque<Work> queue;
    bool busy = false, end = false;
    CUgraph capture = nullptr; // not null: work goes there
    bool broken = false;       // the capture is
};

// An event: the number of the last record asked for, and of the last that passed.
struct Mark {
    std::mutex mu;
    std::condition_variable cv;
    uint64_t asked = 0, passed = 0;
    std::chrono::steady_clock::time_point when;
};

struct CUevent_st {
    int dev;
    std::shared_ptr<Mark> mark = std::make_shared<Mark>();
};

struct CUmod_st {
    int dev;
    std::map<std::string, std::vector<size_t>> entries; // sizes of parameters
    std::map<std::string, std::unique_ptr<CUfunc_st>> functions;
};

struct CUfunc_st {
    int dev;
    const sim::Kernel *kernel;
    size_t shared = 48 << 10; // most dynamic shared memory
};

namespace {

CUctx_st contexts[16];
thread_local CUcontext current;
thread_local CUstream capturing; // of this thread
std::vector<CUstream> streams;

bool sticky(CUresult r) {
    switch (r) {
    case CUDA_ERROR_ILLEGAL_ADDRESS: case CUDA_ERROR_LAUNCH_FAILED: case CUDA_ERROR_ECC_UNCORRECTABLE: case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION: case CUDA_ERROR_MISALIGNED_ADDRESS: case CUDA_ERROR_INVALID_ADDRESS_SPACE: case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_TIMEOUT: case CUDA_ERROR_ASSERT: case CUDA_ERROR_UNKNOWN: case CUDA_ERROR_DEVICE_UNAVAILABLE:
        return true;
    default:
        return false;
    }
}

// Counts a call and answers the error that a test asked for.
CUresult count(const char *name, int dev) {
    calls++;
    if (set.failAt > 0 && (set.failCall == "any" || set.failCall == name) && (set.failDevice < 0 || set.failDevice == dev) && --set.failAt == 0) {
        CUresult r = (CUresult)set.failCode;
        if (sticky(r) && dev >= 0) device[dev].lost = r;
        return r;
    }
    return CUDA_SUCCESS;
}

#define LOCK std::lock_guard<std::recursive_mutex> lock_(big)
// What most calls begin with: dev is the current context's device.
#define ENTER                                                             \
    LOCK;                                                                 \
    if (!current) return CUDA_ERROR_INVALID_CONTEXT;                      \
    [[maybe_unused]] int dev = current->device;                           \
    if (device[dev].lost) return device[dev].lost;                        \
    if (CUresult r_ = count(__func__, dev)) return r_
// Calls that a thread may not make while it captures.
#define NOT_IN_CAPTURE                                                    \
    if (capturing) { capturing->broken = true; return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED; }

void note(const std::string &s) {
    LOCK;
    lastFault = s;
    fprintf(stderr, "cusim: %s\n", s.c_str());
}

// Ends the life of a device, as a fault of a kernel does.
void lose(int dev, CUresult r) {
    LOCK;
    if (!device[dev].lost) device[dev].lost = r;
}

bool lostNow(int dev) {
    LOCK;
    return device[dev].lost;
}

// Makes threads late now and then, so that what is not waited for shows.
void jitter() {
    if (!set.jitter) return;
    static thread_local std::minstd_rand rng(std::hash<std::thread::id>()(std::this_thread::get_id()));
    if (rng() % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(rng() % set.jitter));
}

void serve(CUstream s) {
    std::unique_lock<std::mutex> lock(s->mu);
    for (;;) {
        s->wake.wait(lock, [&] { return s->end || !s->queue.empty(); });
        if (s->queue.empty()) return;
        Work w = std::move(s->queue.front());
        s->queue.pop_front();
        s->busy = true;
        lock.unlock();
        jitter();
        w();
        lock.lock();
        s->busy = false;
        if (s->queue.empty()) s->idle.notify_all();
    }
}

CUstream start(int dev) {
    auto *s = new CUstream_st;
    s->dev = dev;
    sigset_t all, old; // Go's handlers must not run on the stacks of fibers
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    s->thread = std::thread(serve, s);
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
    streams.push_back(s);
    return s;
}

// The stream 0 of a device: it waits for no other, like one made non-blocking.
CUstream stream(CUstream s, int dev) {
    static CUstream zero[16];
    if (s) return s;
    LOCK;
    if (!zero[dev]) zero[dev] = start(dev);
    return zero[dev];
}

CUresult submit(CUstream s, int dev, Work w) {
    s = stream(s, dev);
    if (s->dev != dev) return CUDA_ERROR_INVALID_HANDLE;
    Work safe = [w = std::move(w), dev] { // a lost device does nothing more
        if (!lostNow(dev)) w();
    };
    if (s->capture) {
        s->capture->work.push_back(std::move(safe));
        return CUDA_SUCCESS;
    }
    std::lock_guard<std::mutex> lock(s->mu);
    s->queue.push_back(std::move(safe));
    s->wake.notify_one();
    return CUDA_SUCCESS;
}

void drain(CUstream s) {
    std::unique_lock<std::mutex> lock(s->mu);
    s->idle.wait(lock, [&] { return s->queue.empty() && !s->busy; });
}

std::vector<CUstream> streamsOf(int dev) {
    LOCK;
    std::vector<CUstream> of;
    for (CUstream s : streams)
        if (s->dev == dev) of.push_back(s);
    return of;
}

void drainAll(int dev) {
    for (CUstream s : streamsOf(dev)) drain(s);
}

// Whether [p, p+n) is device memory of one allocation.
bool inside(int dev, uintptr_t p, size_t n) {
    auto &m = device[dev].memory;
    auto it = m.upper_bound(p);
    if (it == m.begin()) return false;
    --it;
    return p >= it->first && n <= it->second.bytes && p - it->first <= it->second.bytes - n;
}

CUresult outside(const char *what, size_t n) {
    note(std::string(what) + " of " + std::to_string(n) + " bytes is not within one allocation");
    return CUDA_ERROR_INVALID_VALUE;
}

CUresult copy(CUstream s, int dev, void *dst, const void *src, size_t n, bool toDevice, bool fromDevice, bool wait) {
    if ((toDevice && !inside(dev, (uintptr_t)dst, n)) || (fromDevice && !inside(dev, (uintptr_t)src, n))) return outside("a copy", n);
    CUresult r = submit(s, dev, [=] { memmove(dst, src, n); });
    if (r || !wait) return r;
    drain(stream(s, dev));
    return device[dev].lost;
}

template <class T> CUresult fill(CUstream s, int dev, CUdeviceptr p, T v, size_t n) {
    if (!inside(dev, p, n * sizeof v)) return outside("a memset", n * sizeof v);
    return submit(s, dev, [=] { std::fill((T *)p, (T *)p + n, v); });
}

size_t roundUp(size_t n, size_t to) { return (n + to - 1) / to * to; }

void unmap(const Allocation &a) {
    ASAN_UNPOISON_MEMORY_REGION(a.map, a.mapBytes);
    munmap(a.map, a.mapBytes);
}

// Whether nothing was written into the gap between an allocation and its guard page.
__attribute__((no_sanitize_address)) bool guardHolds(const Allocation &a) {
    char *end = a.map + a.mapBytes - kPage;
    for (char *p = end - (roundUp(a.bytes, kAlign) - a.bytes); p < end; p++)
        if (*p != (char)kGuard) return false;
    return true;
}

} // namespace

extern "C" __attribute__((visibility("default"))) void cusim_set(const char *name, const char *value) {
    std::string n = name, v = value;
    long x = atol(value);
    if (n == "revive") drainAll((int)x); // without the lock, which work may need
    LOCK;
    if (n == "devices") set.devices = (int)x;
    else if (n == "memory") set.memory = strtoull(value, nullptr, 10);
    else if (n == "capability") set.capability = (int)x;
    else if (n == "version") set.version = (int)x;
    else if (n == "jitter") set.jitter = (int)x;
    else if (n == "backwards") set.order.backwards = x;
    else if (n == "poison") set.order.poisonShared = x;
    else if (n == "fail") { // call:count:code[:device]
        set.failAt = 0;
        set.failDevice = -1;
        size_t c = v.find(':');
        if (c == v.npos) return;
        set.failCall = v.substr(0, c);
        sscanf(v.c_str() + c, ":%ld:%d:%d", &set.failAt, &set.failCode, &set.failDevice);
    } else if (n == "revive") {
        for (auto &[p, a] : device[x].memory) unmap(a); // gone with the context
        device[x] = {};
    } else {
        fprintf(stderr, "cusim: no setting %s\n", name);
        abort();
    }
}

extern "C" __attribute__((visibility("default"))) long cusim_get(const char *name) {
    LOCK;
    std::string n = name;
    if (n == "calls") return calls;
    if (n == "launches") return launches;
    if (n == "graphs") return graphs;
    if (n.rfind("used:", 0) == 0) return (long)device[atoi(name + 5)].used;
    if (n.rfind("allocations:", 0) == 0) return (long)device[atoi(name + 12)].memory.size();
    return -1;
}

extern "C" __attribute__((visibility("default"))) int cusim_submit(void *s, void (*f)(void *), void *arg) {
    ENTER;
    return submit((CUstream)s, dev, [=] { f(arg); });
}

API cuInit(unsigned) {
    LOCK;
    if (const char *e = getenv("CUSIM")) { // name=value,name=value
        std::string s = e;
        for (size_t i = 0; i < s.size();) {
            size_t end = std::min(s.find(',', i), s.size()), eq = s.find('=', i);
            if (eq < end) cusim_set(s.substr(i, eq - i).c_str(), s.substr(eq + 1, end - eq - 1).c_str());
            i = end + 1;
        }
    }
    for (int i = 0; i < 16; i++) contexts[i].device = i;
    return count(__func__, -1);
}

API cuDriverGetVersion(int *v) { LOCK; *v = set.version; return CUDA_SUCCESS; }
API cuGetErrorString(CUresult r, const char **s) {
    switch (r) {
    case CUDA_ERROR_OUT_OF_MEMORY: *s = "out of memory"; break;
    case CUDA_ERROR_NO_DEVICE: *s = "no CUDA-capable device is detected"; break;
    case CUDA_ERROR_LAUNCH_FAILED: *s = "unspecified launch failure"; break;
    case CUDA_ERROR_ILLEGAL_ADDRESS: *s = "an illegal memory access was encountered"; break;
    case CUDA_ERROR_ECC_UNCORRECTABLE: *s = "uncorrectable ECC error encountered"; break;
    default: *s = "an error of the stand-in driver";
    }
    return CUDA_SUCCESS;
}

// ---- devices and contexts ----

API cuDeviceGetCount(int *n) { LOCK; *n = set.devices; return count(__func__, -1); }
API cuDeviceGet(CUdevice *d, int i) { LOCK; if (i < 0 || i >= set.devices) return CUDA_ERROR_INVALID_DEVICE; *d = i; return CUDA_SUCCESS; }
API cuDeviceGetName(char *s, int n, CUdevice) { snprintf(s, n, "simulated device"); return CUDA_SUCCESS; }
API cuDeviceGetUuid(CUuuid *u, CUdevice d) { memset(u, d, sizeof *u); return CUDA_SUCCESS; }
API cuDeviceTotalMem_v2(size_t *n, CUdevice) { LOCK; *n = set.memory; return CUDA_SUCCESS; }
API cuDeviceGetAttribute(int *v, CUdevice_attribute a, CUdevice) {
    LOCK;
    switch (a) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *v = set.capability / 10; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *v = set.capability % 10; break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *v = 2; break;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *v = 1024; break;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE: *v = 32; break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *v = (set.capability >= 90 ? 227 : set.capability >= 80 ? 163 : 96) << 10; break;
    default: *v = 0;
    }
    return CUDA_SUCCESS;
}
API cuDevicePrimaryCtxRetain(CUcontext *c, CUdevice d) {
    LOCK;
    if (device[d].lost) return device[d].lost;
    if (CUresult r = count(__func__, d)) return r;
    *c = &contexts[d];
    return CUDA_SUCCESS;
}
API cuDevicePrimaryCtxRelease_v2(CUdevice d) {
    drainAll(d);
    LOCK;
    return device[d].lost;
}
API cuCtxSetCurrent(CUcontext c) { current = c; return CUDA_SUCCESS; }
API cuCtxGetCurrent(CUcontext *c) { *c = current; return CUDA_SUCCESS; }
API cuCtxSynchronize() {
    { ENTER; NOT_IN_CAPTURE; }
    drainAll(current->device);
    LOCK;
    return device[current->device].lost;
}

// ---- memory ----

API cuMemAlloc_v2(CUdeviceptr *p, size_t n) {
    ENTER;
    NOT_IN_CAPTURE;
    if (!n) return CUDA_ERROR_INVALID_VALUE;
    Device &d = device[dev];
    if (d.used + n > set.memory) return CUDA_ERROR_OUT_OF_MEMORY;
    size_t body = roundUp(n, kAlign), mapped = roundUp(body, kPage) + 2 * kPage;
    char *m = (char *)mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
    char *begin = m + mapped - kPage - body; // the end lies at a page that faults
    memset(begin, kPoison, n);
    memset(begin + n, kGuard, body - n);
    ASAN_POISON_MEMORY_REGION(begin + n, body - n); // kernels that reach it are stopped there
    mprotect(m, kPage, PROT_NONE);
    mprotect(m + mapped - kPage, kPage, PROT_NONE);
    *p = (CUdeviceptr)begin;
    d.memory[*p] = {n, m, mapped};
    d.used += n;
    return CUDA_SUCCESS;
}
API cuMemFree_v2(CUdeviceptr p) {
    if (!p) return CUDA_SUCCESS;
    if (!current) return CUDA_ERROR_INVALID_CONTEXT;
    drainAll(current->device);
    LOCK;
    NOT_IN_CAPTURE;
    int dev = current->device;
    Device &d = device[dev];
    auto it = d.memory.find(p);
    if (it == d.memory.end()) return CUDA_ERROR_INVALID_VALUE;
    Allocation a = it->second;
    if (!guardHolds(a)) {
        note("something wrote past the end of " + std::to_string(a.bytes) + " bytes of device memory");
        lose(dev, CUDA_ERROR_ILLEGAL_ADDRESS);
    }
    d.used -= a.bytes;
    d.memory.erase(it);
    unmap(a);
    return d.lost;
}
API cuMemGetInfo_v2(size_t *f, size_t *t) { ENTER; *t = set.memory; *f = set.memory - device[dev].used; return CUDA_SUCCESS; }
API cuMemHostAlloc(void **p, size_t n, unsigned) {
    ENTER;
    NOT_IN_CAPTURE;
    if (posix_memalign(p, kPage, roundUp(n, kPage))) return CUDA_ERROR_OUT_OF_MEMORY;
    memset(*p, kPoison, n);
    return CUDA_SUCCESS;
}
API cuMemFreeHost(void *p) {
    if (!current) return CUDA_ERROR_INVALID_CONTEXT;
    drainAll(current->device);
    free(p);
    return CUDA_SUCCESS;
}
API cuMemHostRegister_v2(void *, size_t, unsigned) { ENTER; return CUDA_SUCCESS; }
API cuMemHostUnregister(void *) { ENTER; return CUDA_SUCCESS; }
API cuMemcpyHtoDAsync_v2(CUdeviceptr d, const void *s, size_t n, CUstream st) { ENTER; return copy(st, dev, (void *)d, s, n, true, false, false); }
API cuMemcpyDtoHAsync_v2(void *d, CUdeviceptr s, size_t n, CUstream st) { ENTER; return copy(st, dev, d, (void *)s, n, false, true, false); }
API cuMemcpyDtoDAsync_v2(CUdeviceptr d, CUdeviceptr s, size_t n, CUstream st) { ENTER; return copy(st, dev, (void *)d, (void *)s, n, true, true, false); }
API cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *c, CUstream st) {
    ENTER;
    if (c->srcMemoryType != CU_MEMORYTYPE_HOST || c->dstMemoryType != CU_MEMORYTYPE_DEVICE || c->srcXInBytes || c->srcY || c->dstXInBytes || c->dstY) return CUDA_ERROR_NOT_SUPPORTED;
    if (c->WidthInBytes > c->srcPitch || c->WidthInBytes > c->dstPitch) return CUDA_ERROR_INVALID_VALUE;
    if (!inside(dev, c->dstDevice, c->dstPitch * (c->Height - 1) + c->WidthInBytes)) return outside("a copy of rows", c->dstPitch * c->Height);
    return submit(st, dev, [c = *c] {
        for (size_t r = 0; r < c.Height; r++) memcpy((char *)c.dstDevice + r * c.dstPitch, (const char *)c.srcHost + r * c.srcPitch, c.WidthInBytes);
    });
}
API cuMemsetD8Async(CUdeviceptr p, unsigned char v, size_t n, CUstream s) { ENTER; return fill(s, dev, p, v, n); }
API cuMemsetD32Async(CUdeviceptr p, unsigned v, size_t n, CUstream s) { ENTER; return fill(s, dev, p, v, n); }

// ---- streams and events ----

API cuStreamCreate(CUstream *s, unsigned flags) {
    ENTER;
    if (!(flags & CU_STREAM_NON_BLOCKING)) return CUDA_ERROR_NOT_SUPPORTED; // waits for stream 0: not simulated
    *s = start(dev);
    return CUDA_SUCCESS;
}
API cuStreamDestroy_v2(CUstream s) {
    drain(s);
    {
        std::lock_guard<std::mutex> lock(s->mu);
        s->end = true;
        s->wake.notify_one();
    }
    s->thread.join();
    LOCK;
    std::erase(streams, s);
    CUresult r = device[s->dev].lost;
    delete s;
    return r;
}
API cuStreamSynchronize(CUstream s) {
    int d;
    {
        ENTER;
        s = stream(s, dev);
        d = dev;
        if (s->capture) { s->broken = true; return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED; }
    }
    drain(s);
    LOCK;
    return device[d].lost;
}
API cuEventCreate(CUevent *e, unsigned) { ENTER; *e = new CUevent_st{dev}; return CUDA_SUCCESS; }
API cuEventDestroy_v2(CUevent e) { delete e; return CUDA_SUCCESS; }
API cuEventRecord(CUevent e, CUstream s) {
    ENTER;
    s = stream(s, dev);
    if (s->capture) { s->broken = true; return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED; }
    auto m = e->mark;
    uint64_t n;
    {
        std::lock_guard<std::mutex> lock(m->mu);
        n = ++m->asked;
    }
    std::lock_guard<std::mutex> lock(s->mu); // passes even when the device is lost
    s->queue.push_back([=] {
        std::lock_guard<std::mutex> lock(m->mu);
        m->passed = std::max(m->passed, n);
        m->when = std::chrono::steady_clock::now();
        m->cv.notify_all();
    });
    s->wake.notify_one();
    return CUDA_SUCCESS;
}
API cuStreamWaitEvent(CUstream s, CUevent e, unsigned) {
    ENTER;
    s = stream(s, dev);
    if (s->capture) { s->broken = true; return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED; }
    auto m = e->mark;
    uint64_t n;
    {
        std::lock_guard<std::mutex> lock(m->mu);
        n = m->asked;
    }
    std::lock_guard<std::mutex> lock(s->mu);
    s->queue.push_back([=] {
        std::unique_lock<std::mutex> lock(m->mu);
        m->cv.wait(lock, [&] { return m->passed >= n; });
    });
    s->wake.notify_one();
    return CUDA_SUCCESS;
}
API cuEventSynchronize(CUevent e) {
    int d;
    { ENTER; d = dev; }
    auto m = e->mark;
    {
        std::unique_lock<std::mutex> lock(m->mu);
        uint64_t n = m->asked;
        m->cv.wait(lock, [&] { return m->passed >= n; });
    }
    LOCK;
    return device[d].lost;
}
API cuEventElapsedTime(float *ms, CUevent a, CUevent b) {
    *ms = std::chrono::duration<float, std::milli>(b->mark->when - a->mark->when).count();
    return CUDA_SUCCESS;
}

// ---- modules and launches ----

namespace {

size_t sizeOfType(const std::string &t) { return t.size() > 2 ? strtoul(t.c_str() + t.find_first_of("0123456789"), nullptr, 10) / 8 : 0; }

// Reads names and parameters of the .entry lines of PTX.
std::map<std::string, std::vector<size_t>> entries(const std::string &ptx) {
    std::map<std::string, std::vector<size_t>> all;
    for (size_t i = 0; (i = ptx.find(".entry ", i)) != ptx.npos;) {
        i += 7;
        size_t open = ptx.find('(', i), close = ptx.find(')', open);
        std::string name = ptx.substr(i, open - i);
        name = name.substr(0, name.find_last_not_of(" \n") + 1);
        auto &sizes = all[name];
        for (size_t p = open; (p = ptx.find(".param .", p)) != ptx.npos && p < close; p += 8) sizes.push_back(sizeOfType(ptx.substr(p + 8, ptx.find(' ', p + 8) - p - 8)));
        i = close;
    }
    return all;
}

} // namespace

API cuModuleLoadData(CUmodule *m, const void *image) {
    ENTER;
    std::string ptx = (const char *)image;
    size_t target = ptx.find(".target sm_");
    if (ptx.find(".version ") == ptx.npos || target == ptx.npos) return CUDA_ERROR_INVALID_PTX;
    if (atoi(ptx.c_str() + target + 11) > set.capability) return CUDA_ERROR_NO_BINARY_FOR_GPU;
    *m = new CUmod_st{dev, entries(ptx), {}};
    return CUDA_SUCCESS;
}
API cuModuleUnload(CUmodule m) { LOCK; delete m; return CUDA_SUCCESS; }
API cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name) {
    ENTER;
    auto it = m->entries.find(name);
    if (it == m->entries.end()) return CUDA_ERROR_NOT_FOUND;
    const sim::Kernel *k = sim::find(name);
    if (!k || k->sizes != it->second) {
        note(std::string(name) + (k ? ": the PTX has other parameters than the source" : ": in the PTX but not in the source"));
        return CUDA_ERROR_INVALID_IMAGE;
    }
    auto &made = m->functions[name];
    if (!made) made.reset(new CUfunc_st{dev, k});
    *f = made.get();
    return CUDA_SUCCESS;
}
API cuFuncSetAttribute(CUfunction f, CUfunction_attribute a, int v) {
    ENTER;
    int most = 0;
    cuDeviceGetAttribute(&most, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, dev);
    if (a != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || v > most) return CUDA_ERROR_INVALID_VALUE;
    f->shared = v;
    return CUDA_SUCCESS;
}
API cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, CUstream s, void **params, void **) {
    ENTER;
    if (!f || f->dev != dev) return CUDA_ERROR_INVALID_HANDLE;
    auto l = std::make_shared<sim::Launch>();
    l->kernel = f->kernel;
    l->grid = {gx, gy, gz};
    l->block = {bx, by, bz};
    l->shared = shared;
    if (!l->grid.count() || !l->block.count() || gx > 0x7fffffff || gy > 65535 || gz > 65535 || bz > 64 || l->block.count() > 1024 || shared > f->shared) {
        note(std::string(f->kernel->name) + ": launched with a grid, block or shared memory beyond the limits");
        return CUDA_ERROR_INVALID_VALUE;
    }
    const auto &sizes = f->kernel->sizes;
    l->words.resize(sizes.size());
    for (size_t i = 0; i < sizes.size(); i++) {
        memcpy(&l->words[i], params[i], sizes[i]);
        l->args.push_back(&l->words[i]);
    }
    launches++;
    return submit(s, dev, [l, dev] {
        CUresult r;
        sim::Order order;
        {
            LOCK;
            r = count("run", dev);
            order = set.order;
        }
        if (r) return lose(dev, r);
        std::string fault = sim::run(*l, order);
        if (!fault.empty()) {
            note(fault);
            lose(dev, CUDA_ERROR_LAUNCH_FAILED);
        }
    });
}

// ---- capture ----

API cuStreamBeginCapture_v2(CUstream s, CUstreamCaptureMode mode) {
    ENTER;
    if (!s || s->capture || mode != CU_STREAM_CAPTURE_MODE_THREAD_LOCAL) return CUDA_ERROR_ILLEGAL_STATE;
    s->capture = new CUgraph_st;
    s->broken = false;
    capturing = s;
    return CUDA_SUCCESS;
}
API cuStreamEndCapture(CUstream s, CUgraph *g) {
    LOCK;
    if (!s->capture) return CUDA_ERROR_ILLEGAL_STATE;
    if (capturing != s) return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
    CUgraph made = s->capture;
    s->capture = nullptr;
    capturing = nullptr;
    *g = nullptr;
    if (s->broken || device[s->dev].lost) {
        delete made;
        return device[s->dev].lost ? device[s->dev].lost : CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    }
    *g = made;
    return count(__func__, s->dev);
}
API cuGraphInstantiateWithFlags(CUgraphExec *e, CUgraph g, unsigned long long) { ENTER; *e = new CUgraphExec_st{g->work}; return CUDA_SUCCESS; }
API cuGraphDestroy(CUgraph g) { LOCK; delete g; return CUDA_SUCCESS; }
API cuGraphExecDestroy(CUgraphExec e) { LOCK; delete e; return CUDA_SUCCESS; }
API cuGraphLaunch(CUgraphExec e, CUstream s) {
    ENTER;
    if (s->dev != dev) return CUDA_ERROR_INVALID_HANDLE;
    graphs++;
    std::lock_guard<std::mutex> lock(s->mu);
    for (const Work &w : e->work) s->queue.push_back(w);
    s->wake.notify_one();
    return CUDA_SUCCESS;
}
