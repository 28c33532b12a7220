#include "fiber.h"
#include <link.h>
#include <map>
#include <memory>
#include <mutex>
#include <sys/mman.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace sim {

// Leaves this stack, remembering its place in *from, for that of to. Registers
// that a function must keep lie on the stack meanwhile.
extern "C" void sim_switch(void **from, void *to);
#if defined(__x86_64__)
asm(R"(
	.text
	.globl sim_switch
	.hidden sim_switch
	.type sim_switch, @function
sim_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
)");
constexpr int kSaved = 6, kEntry = 6; // words kept, and which is the return address
constexpr int kFrame = 8;             // entry sees a stack that is 8 off a multiple of 16
#elif defined(__aarch64__)
asm(R"(
	.text
	.globl sim_switch
	.hidden sim_switch
	.type sim_switch, %function
sim_switch:
	sub sp, sp, #160
	stp x19, x20, [sp, #0]
	stp x21, x22, [sp, #16]
	stp x23, x24, [sp, #32]
	stp x25, x26, [sp, #48]
	stp x27, x28, [sp, #64]
	stp x29, x30, [sp, #80]
	stp d8, d9, [sp, #96]
	stp d10, d11, [sp, #112]
	stp d12, d13, [sp, #128]
	stp d14, d15, [sp, #144]
	mov x9, sp
	str x9, [x0]
	mov sp, x1
	ldp x19, x20, [sp, #0]
	ldp x21, x22, [sp, #16]
	ldp x23, x24, [sp, #32]
	ldp x25, x26, [sp, #48]
	ldp x27, x28, [sp, #64]
	ldp x29, x30, [sp, #80]
	ldp d8, d9, [sp, #96]
	ldp d10, d11, [sp, #112]
	ldp d12, d13, [sp, #128]
	ldp d14, d15, [sp, #144]
	add sp, sp, #160
	ret
)");
constexpr int kSaved = 20, kEntry = 11;
constexpr int kFrame = 0;
#else
#error "no fibers for this processor"
#endif

constexpr size_t kStack = 128 << 10, kPage = 4096, kGuard = 64; // bytes
constexpr char kGuardByte = (char)0xa5;

struct Fiber {
    void *sp = nullptr;
    char *stack = nullptr; // kStack bytes above a page that faults
    void *fake = nullptr;  // AddressSanitizer's
};

// What a thread of the machine keeps from block to block.
struct Runner : Block {
    std::vector<std::unique_ptr<Fiber>> all;
    std::vector<Fiber *> idle;
    Fiber home; // the caller of run
};

static thread_local Runner *runner;

// Runners of threads that ended, with their stacks: streams come and go by the
// hundred in a process, and every stack is two of the mappings that it may have.
static auto &spareMutex = *new std::mutex; // threads may outlive static objects
static auto &spare = *new std::vector<Runner *>;

// Gives a thread its runner and takes it back when the thread ends.
struct Lease {
    Lease() {
        std::lock_guard<std::mutex> lock(spareMutex);
        if (spare.empty()) spare.push_back(new Runner);
        runner = spare.back();
        spare.pop_back();
    }
    ~Lease() {
        std::lock_guard<std::mutex> lock(spareMutex);
        spare.push_back(runner);
    }
};

Block *block() { return runner; }

static void enter(Runner *r, Fiber *from, Fiber *to, bool leaving) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(leaving ? nullptr : &from->fake, to->stack, to->stack ? kStack : 0);
#else
    (void)r, (void)leaving;
#endif
    sim_switch(&from->sp, to->sp);
#if defined(__SANITIZE_ADDRESS__)
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(from->fake, &bottom, &size);
#endif
}

// The next thread that can run, or nullptr.
static Thread *next(Runner *r) {
    unsigned n = r->warps.size();
    for (unsigned k = 0; k < n; k++) {
        Warp &w = r->warps[r->warp];
        if (w.ready) {
            unsigned lane = r->backwards ? 31 - __builtin_clz(w.ready) : __builtin_ctz(w.ready);
            w.ready &= ~(1u << lane);
            return &r->threads[r->warp * 32 + lane];
        }
        r->warp = (r->warp + (r->backwards ? n - 1 : 1)) % n;
    }
    return nullptr;
}

static void releaseBarrier(Runner *r) {
    for (Warp &w : r->warps) w.ready |= w.atBarrier, w.atBarrier = 0;
    r->atBarrier = 0;
    r->barrier++;
}

// Whether all that still run in the mask of a meeting have come.
static bool complete(const Warp &w, const Meeting &m) { return (m.arrived | ~(m.mask & w.live)) == ~0u; }

static void releaseMeeting(Warp &w, Meeting &m, uint32_t self) {
    w.ready |= m.arrived & ~self;
    m.came[m.turn & 1] = m.arrived;
    m.arrived = 0;
    m.turn++;
}

// A thread that ends may be the one that others wait for.
static void finish(Runner *r) {
    Thread *t = r->current;
    Warp &w = r->warps[t->warp];
    w.live &= ~(1u << t->lane);
    r->live--;
    if (r->atBarrier && r->atBarrier == r->live) releaseBarrier(r);
    for (Meeting &m : w.meetings)
        if (m.arrived && complete(w, m)) releaseMeeting(w, m, 0);
}

static void fiberMain();

static void reset(Fiber *f) {
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(f->stack, kStack); // of frames that a fault left there
#endif
    auto *top = (void **)(((uintptr_t)f->stack + kStack - 64) & ~(uintptr_t)63);
    void **sp = (void **)((char *)top - kFrame) - kSaved - (kFrame ? 1 : 0);
    memset(sp, 0, (kSaved + 1) * sizeof *sp);
    sp[kEntry] = (void *)fiberMain;
    f->sp = sp;
    f->fake = nullptr;
}

static Fiber *idleFiber(Runner *r) {
    if (r->idle.empty()) {
        auto f = std::make_unique<Fiber>();
        char *m = (char *)mmap(nullptr, kStack + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (m == MAP_FAILED) abort();
        mprotect(m, kPage, PROT_NONE);
        f->stack = m + kPage;
        reset(f.get());
        r->idle.push_back(f.get());
        r->all.push_back(std::move(f));
    }
    Fiber *f = r->idle.back();
    r->idle.pop_back();
    return f;
}

static Fiber *fiberOf(Runner *r, Thread *t) {
    if (!t->fiber) t->fiber = idleFiber(r);
    return t->fiber;
}

// Every fiber runs one CUDA thread after the other: one that never waits costs no switch.
static void fiberMain() {
    Runner *r = runner;
#if defined(__SANITIZE_ADDRESS__)
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(nullptr, &bottom, &size);
#endif
    for (;;) {
        r->launch->kernel->call(r->launch->kernel->function, const_cast<void **>(r->launch->args.data()));
        finish(r);
        Fiber *mine = r->current->fiber;
        Thread *t = next(r);
        if (t && !t->fiber) {
            t->fiber = mine;
            r->current = t;
            continue;
        }
        r->idle.push_back(mine);
        if (t) r->current = t;
        enter(r, mine, t ? t->fiber : &r->home, false);
    }
}

// The current thread waits for what it has recorded that it waits for.
static void wait(Runner *r) {
    Fiber *mine = r->current->fiber;
    Thread *t = next(r);
    if (t) r->current = t;
    enter(r, mine, t ? fiberOf(r, t) : &r->home, false);
}

unsigned barrier(unsigned add) {
    Runner *r = runner;
    Thread *t = r->current;
    unsigned turn = r->barrier & 1;
    if (r->atBarrier++ == 0) r->sum[turn] = 0;
    r->sum[turn] += add;
    if (r->atBarrier == r->live) {
        releaseBarrier(r);
    } else {
        r->warps[t->warp].atBarrier |= 1u << t->lane;
        wait(r);
    }
    return r->sum[turn];
}

static Meeting &meetingOf(Warp &w, uint32_t mask) {
    for (Meeting &m : w.meetings)
        if (m.mask == mask) return m;
    w.meetings.push_back({mask, 0, 0, {}, {}});
    return w.meetings.back();
}

const uint64_t *meet(uint32_t mask, uint64_t value, uint32_t *came) {
    Runner *r = runner;
    Thread *t = r->current;
    Warp &w = r->warps[t->warp];
    uint32_t self = 1u << t->lane;
    if (!(mask & self)) fail("warp operation whose mask leaves out the calling lane");
    Meeting *m = &meetingOf(w, mask);
    size_t at = m - w.meetings.data();
    unsigned turn = m->turn & 1;
    m->value[turn][t->lane] = value;
    m->arrived |= self;
    if (complete(w, *m)) {
        releaseMeeting(w, *m, self);
    } else {
        wait(r);
        m = &w.meetings[at]; // another mask may have moved them
    }
    *came = m->came[turn];
    return m->value[turn];
}

static std::string where(const Block *b) {
    auto text = [](Coord c) { return std::to_string(c.x) + "," + std::to_string(c.y) + "," + std::to_string(c.z); };
    return std::string(b->launch->kernel->name) + ": block " + text(b->index) + " thread " + text(b->current->id) + ": ";
}

void fail(const std::string &why) {
    Runner *r = runner;
    r->fault = where(r) + why;
    enter(r, r->current->fiber, &r->home, true);
    __builtin_unreachable();
}

static std::string hang(Runner *r) {
    std::string s = std::string(r->launch->kernel->name) + ": " + std::to_string(r->live) + " threads wait for ever; " + std::to_string(r->atBarrier) + " at __syncthreads";
    for (size_t i = 0; i < r->warps.size(); i++)
        for (const Meeting &m : r->warps[i].meetings)
            if (m.arrived) {
                char text[96];
                snprintf(text, sizeof text, "; warp %zu: lanes %08x of %08x came to a warp operation", i, m.arrived, m.mask);
                s += text;
            }
    return s;
}

void (*touch)();

// Thread-local memory of the library of kernels: their static shared arrays.
static void poisonShared() {
    touch();
    dl_iterate_phdr(
        [](dl_phdr_info *info, size_t, void *) {
            if (info->dlpi_tls_data && strstr(info->dlpi_name, "libkernels.so"))
                for (int i = 0; i < info->dlpi_phnum; i++)
                    if (info->dlpi_phdr[i].p_type == PT_TLS) memset(info->dlpi_tls_data, 0xff, info->dlpi_phdr[i].p_memsz);
            return 0;
        },
        nullptr);
}

static void begin(Runner *r, uint64_t b, Order o) {
    const Launch &l = *r->launch;
    r->index = {unsigned(b % l.grid.x), unsigned(b / l.grid.x % l.grid.y), unsigned(b / l.grid.x / l.grid.y)};
    unsigned n = l.block.count();
    r->warps.resize((n + 31) / 32);
    r->threads.resize(n);
    for (unsigned i = 0; i < n; i++) {
        r->threads[i] = {{i % l.block.x, i / l.block.x % l.block.y, i / l.block.x / l.block.y}, i % 32, i / 32, nullptr};
    }
    for (unsigned i = 0; i < r->warps.size(); i++) {
        Warp &w = r->warps[i];
        w.ready = w.live = n - 32 * i >= 32 ? ~0u : (1u << (n - 32 * i)) - 1;
        w.atBarrier = 0;
        w.meetings.clear();
    }
    r->live = n;
    r->atBarrier = r->barrier = 0;
    r->backwards = o.backwards;
    r->warp = o.backwards ? r->warps.size() - 1 : 0;
    r->fault.clear();
    r->shared.assign(l.shared, (char)0xff); // NaN: what is read unset shows
    r->shared.resize(l.shared + kGuard, kGuardByte);
    if (o.poisonShared) poisonShared();
}

std::string run(const Launch &l, Order o) {
    static thread_local Lease lease;
    (void)lease;
    Runner *r = runner;
    r->launch = &l;
    r->dim = l.block;
    r->grid = l.grid;
    uint64_t blocks = l.grid.count();
    for (uint64_t i = 0; i < blocks; i++) {
        begin(r, o.backwards ? blocks - 1 - i : i, o);
        r->current = next(r);
        enter(r, &r->home, fiberOf(r, r->current), false);
        if (r->fault.empty() && r->live) r->fault = hang(r);
        if (r->fault.empty())
            for (size_t k = l.shared; k < r->shared.size() && r->fault.empty(); k++)
                if (r->shared[k] != kGuardByte) r->fault = std::string(l.kernel->name) + ": writes past its dynamic shared memory";
        if (!r->fault.empty()) { // threads lie about on their stacks
            r->idle.clear();
            for (auto &f : r->all) reset(f.get()), r->idle.push_back(f.get());
            return r->fault;
        }
    }
    return "";
}

static std::map<std::string, Kernel> &kernels() {
    static std::map<std::string, Kernel> k;
    return k;
}

void add(Kernel k) { kernels()[k.name] = k; }

const Kernel *find(const std::string &name) {
    auto it = kernels().find(name);
    return it == kernels().end() ? nullptr : &it->second;
}

} // namespace sim
