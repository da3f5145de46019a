#include "cpu/cpu.h"

#include <stdatomic.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const char *const isa_names[PL_ISAS] = {"portable", "neon", "avx2", "avx512"};
static atomic_int active = -1;

#if defined(__x86_64__)
/* The register state that the operating system saves (XCR0); an ISA counts only when it is saved. */
static unsigned saved_state(void) {
    unsigned eax, edx;
    __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    return eax;
}

static int runs(pl_isa isa) {
    unsigned a, b, c, d;
    if (isa == PL_PORTABLE) return 1;
    if (isa == PL_NEON || !__get_cpuid(1, &a, &b, &c, &d)) return 0;
    const unsigned osxsave = 1u << 27, fma = 1u << 12, avx = 1u << 28;
    if ((c & (osxsave | fma | avx)) != (osxsave | fma | avx)) return 0;
    const unsigned saved = saved_state();
    if ((saved & 0x6) != 0x6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    const unsigned avx2 = 1u << 5;
    if (isa == PL_AVX2) return (b & avx2) != 0;
    const unsigned f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
    return (b & (avx2 | f | dq | bw | vl)) == (avx2 | f | dq | bw | vl) && (saved & 0xe6) == 0xe6;
}
#elif defined(__aarch64__)
static int runs(pl_isa isa) { return isa == PL_PORTABLE || isa == PL_NEON; }
#else
static int runs(pl_isa isa) { return isa == PL_PORTABLE; }
#endif

const char *pl_isa_name(pl_isa isa) {
    return (unsigned)isa < PL_ISAS ? isa_names[isa] : "unknown";
}

int pl_isa_runs(pl_isa isa) { return (unsigned)isa < PL_ISAS && runs(isa); }

pl_isa pl_isa_active(void) {
    int isa = atomic_load_explicit(&active, memory_order_relaxed);
    if (isa < 0) {
        for (isa = PL_ISAS - 1; !runs((pl_isa)isa); isa--) {
        }
        atomic_store_explicit(&active, isa, memory_order_relaxed);
    }
    return (pl_isa)isa;
}

int pl_isa_use(pl_isa isa) {
    if (!pl_isa_runs(isa)) return PL_UNSUPPORTED;
    atomic_store_explicit(&active, (int)isa, memory_order_relaxed);
    return PL_OK;
}

const void *pl_select(const pl_variant *rows, int count, int dtype) {
    const pl_isa isa = pl_isa_active();
    for (int i = 0; i < count; i++)
        if (rows[i].isa <= isa && rows[i].dtype == dtype) return rows[i].kernels;
    return 0;
}
