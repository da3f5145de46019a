/* Pooling over windows of a channels-last image, for one ISA and element type.
 *
 * A window (pl_windows in pool.h) is rows x columns taps of `pixel` channels each. Two ways:
 *
 *   by channel   one window at a time, PL_LANES channels at a time; the last few by a masked tail
 *   narrow       fewer channels than lanes: PL_LANES / channels whole windows at a time. Tap (r, s)
 *                of neighbouring windows lies `step` apart, so with a step of two pixels the lanes
 *                are picked out of two vectors by v_lookup
 *
 * All are bound by loads and stores, not by arithmetic or latency: neighbouring windows are
 * independent. Registers: largest, its number, the tap, a mask; the lookup indices. */
#include "pool/pool.h"
#include "simd/simd.h"

PL_INLINE vec load(const real *p, const int full, ptrdiff_t n) {
    return full ? v_load(p) : v_load_part(p, n);
}

/* Few outputs are streamed: with the other branch out of the way, averages took 20 % longer on AVX2. */
PL_INLINE void store(real *p, vec x, const int full, ptrdiff_t n, int stream) {
    if (full && __builtin_expect(stream, 0))
        v_stream(p, x);
    else if (full)
        v_store(p, x);
    else
        v_store_part(p, x, n);
}

PL_INLINE ivec load_number(const void *argmax, ptrdiff_t at, const int wide, ptrdiff_t n) {
    return wide ? i_load_i32((const int32_t *)argmax + at, n)
                : i_load_u8((const uint8_t *)argmax + at, n);
}

PL_INLINE void store_number(void *argmax, ptrdiff_t at, ivec number, const int wide, ptrdiff_t n) {
    if (wide)
        i_store_i32((int32_t *)argmax + at, number, n);
    else
        i_store_u8((uint8_t *)argmax + at, number, n);
}

/* The larger of `best` and x with its number: ties keep best, a NaN in x always wins. */
PL_INLINE vmask is_larger(vec x, vec best) { return m_or(v_gt(x, best), v_is_nan(x)); }
PL_INLINE void take_larger(vec *best, ivec *number, vec x, ivec tap) {
    const vmask larger = is_larger(x, *best);
    *best = v_select(larger, x, *best);
    *number = i_select(larger, tap, *number);
}
/* The same where x has the next number. */
PL_INLINE void take_next(vec *best, ivec *number, vec x) {
    const vmask larger = is_larger(x, *best);
    *best = v_select(larger, x, *best);
    *number = i_plus_one(larger, *number);
}

PL_INLINE ivec without_dead(const pl_windows *g, vec best, ivec number) {
    return g->dead ? i_select(v_le(best, v_zero()), i_set1((bits)g->dead), number) : number;
}

/* ---- several windows in one vector ---------------------------------------------------------- */
/* `each` windows fill `lanes` = each * pixel lanes. */
typedef struct {
    ptrdiff_t each, lanes;
    vtail low, high; /* the elements of a tap, in pairs those of two taps, within two vectors */
    ivec from, next; /* the lanes of a tap; in pairs those of the tap beside it */
    int apart;       /* a step of two pixels; else the windows' first taps are neighbours */
} narrow;

/* Only where speed is the point, and windows are small. */
#if PL_REAL_BITS == 32 && !defined(PL_ISA_PORTABLE)
enum { QUICK = 1 };
#else
enum { QUICK = 0 };
#endif

PL_INLINE int narrow_fits(const pl_windows *g) {
    return QUICK && g->windows > 1 && 2 * g->pixel <= PL_LANES &&
           (g->step == g->pixel || g->step == 2 * g->pixel);
}

/* Windows of 2 x 2 taps, two pixels apart: both taps of a row come out of the same two vectors. */
PL_INLINE int narrow_pairs(const pl_windows *g) {
    return QUICK && g->rows == 2 && g->columns == 2 && g->step == 2 * g->pixel;
}

PL_INLINE narrow narrow_of(const pl_windows *g, ptrdiff_t windows, const int pairs) {
    narrow t;
    t.each = pl_min(PL_LANES / g->pixel, windows);
    t.lanes = t.each * g->pixel;
    t.apart = g->step > g->pixel;
    const ptrdiff_t span = pairs ? 2 * t.lanes : (t.each - 1) * g->step + g->pixel;
    t.low = tail_of(span);
    t.high = tail_of(pl_max(span - PL_LANES, 0));
    t.from = i_load_i32(g->narrow->pick, PL_LANES);
    t.next = t.from + i_set1((bits)g->pixel);
    return t;
}

PL_INLINE vec narrow_load(const real *p, const narrow *t) {
    const vec low = v_load_tail(p, t->low);
    return t->apart ? v_lookup(low, v_load_tail(p + PL_LANES, t->high), t->from) : low;
}

/* The taps of rows x columns in turn: row after row, or the two rows of pairs. */
#define EACH_TAP(x, g, t, pairs, ...)                                                          \
    if (pairs) {                                                                               \
        _Pragma("GCC unroll 2") for (ptrdiff_t r = 0; r < 2; r++) {                            \
            const vec low = v_load_tail((x) + r * (g)->row, (t)->low);                         \
            const vec high = v_load_tail((x) + r * (g)->row + PL_LANES, (t)->high);            \
            _Pragma("GCC unroll 2") for (ptrdiff_t s = 0; s < 2; s++) {                        \
                const vec tap = v_lookup(low, high, s ? (t)->next : (t)->from);                \
                __VA_ARGS__                                                                    \
            }                                                                                  \
        }                                                                                      \
    } else {                                                                                   \
        for (ptrdiff_t r = 0; r < (g)->rows; r++)                                              \
            for (ptrdiff_t s = 0; s < (g)->columns; s++) {                                     \
                const vec tap = narrow_load((x) + r * (g)->row + s * (g)->pixel, t);           \
                __VA_ARGS__                                                                    \
            }                                                                                  \
    }

/* ---- largest -------------------------------------------------------------------------------- */
PL_INLINE ivec largest_of(const real *x, const pl_windows *g, const int two, real *y, const int full,
                          ptrdiff_t n) {
    vec best = load(x, full, n);
    ivec number = i_set1((bits)g->first);
    if (two) { /* the larger of each row, then of both: shorter chains, and numbers one apart */
        vec below = load(x + g->row, full, n);
        ivec next = number + i_set1((bits)g->next_row);
        take_next(&best, &number, load(x + g->pixel, full, n));
        take_next(&below, &next, load(x + g->row + g->pixel, full, n));
        take_larger(&best, &number, below, next);
    } else {
        for (ptrdiff_t r = 0; r < g->rows; r++)
            for (ptrdiff_t s = r == 0; s < g->columns; s++)
                take_larger(&best, &number, load(x + r * g->row + s * g->pixel, full, n),
                            i_set1((bits)(g->first + r * g->next_row + s)));
    }
    store(y, best, full, n, g->stream);
    return without_dead(g, best, number);
}

PL_INLINE void largest_by_channel(const real *x, const pl_windows *g, const int two, real *y, void *argmax,
                                  const int wide) {
    ptrdiff_t at = 0;
    for (ptrdiff_t i = 0; i < g->windows; i++, x += g->step) {
        ptrdiff_t c = 0;
#ifdef PL_PACKS_BYTES
        for (; two && c + 4 * PL_LANES <= g->pixel; c += 4 * PL_LANES) {
            ivec number[4];
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++)
                number[j] = largest_of(x + c + j * PL_LANES, g, two, y + at + c + j * PL_LANES, 1, 0);
            i_store_u8_4((uint8_t *)argmax + at + c, number);
        }
#endif
        for (; c + PL_LANES <= g->pixel; c += PL_LANES)
            store_number(argmax, at + c, largest_of(x + c, g, two, y + at + c, 1, 0), wide, PL_LANES);
        if (c < g->pixel)
            store_number(argmax, at + c, largest_of(x + c, g, two, y + at + c, 0, g->pixel - c), wide,
                         g->pixel - c);
        at += g->pixel;
    }
}

PL_INLINE void largest_narrow(const real *x, const pl_windows *g, real *y, uint8_t *argmax,
                              const int pairs) {
    ptrdiff_t at = 0, count = g->windows * g->pixel;
    while (at < count) {
        const narrow t = narrow_of(g, (count - at) / g->pixel, pairs);
        for (; at + t.lanes <= count; at += t.lanes, x += t.each * g->step) {
            /* Lanes behind the windows of this vector are stored again with the next ones. */
            const ptrdiff_t room = count - at < PL_LANES ? t.lanes : PL_LANES;
            vec best = v_zero();
            ivec number = i_set1((bits)g->first);
            EACH_TAP(x, g, &t, pairs, {
                if (r + s == 0)
                    best = tap;
                else
                    take_larger(&best, &number, tap, i_set1((bits)(g->first + r * g->next_row + s)));
            })
            v_store_n(y + at, best, room);
            store_number(argmax, at, without_dead(g, best, number), 0, room);
        }
    }
}

PL_INLINE void largest_any(const void *image, const pl_windows *windows, void *pooled, void *argmax,
                           const int wide) {
    const pl_windows run = *windows, *g = &run; /* a copy that the outputs cannot alias */
    const int few = !wide && narrow_fits(g), two = QUICK && !wide && g->rows == 2 && g->columns == 2;
    const real *x = image;
    real *y = pooled;
    uint8_t *number = argmax;
    for (ptrdiff_t line = 0; line < g->lines; line++) {
        if (few && narrow_pairs(g))
            largest_narrow(x, g, y, number, 1);
        else if (few)
            largest_narrow(x, g, y, number, 0);
        else if (two)
            largest_by_channel(x, g, 1, y, number, 0);
        else
            largest_by_channel(x, g, 0, y, number, wide);
        x += g->image_line;
        y += g->pooled_line;
        number += g->pooled_line * (wide ? (ptrdiff_t)sizeof(int32_t) : 1);
    }
}

static void largest(const void *x, const pl_windows *g, void *y, void *argmax) {
    largest_any(x, g, y, argmax, 0);
}
static void largest_wide(const void *x, const pl_windows *g, void *y, void *argmax) {
    largest_any(x, g, y, argmax, 1);
}

/* ---- average -------------------------------------------------------------------------------- */
enum { CHAIN = 256 };

/* x / taps: of a power of two, the product with its inverse has the same bits. */
PL_INLINE vec share(const pl_windows *g, vec x) {
    if ((g->taps & (g->taps - 1)) == 0) return x * v_set1(1 / (real)g->taps);
    return x / v_set1((real)g->taps);
}

/* `v` vectors of one window, so that long chains overlap. */
PL_INLINE void average_of(const real *x, const pl_windows *g, const ptrdiff_t rows,
                          const ptrdiff_t columns, real *y, const int v, const int full,
                          ptrdiff_t n) {
    vec total[4], sum[4];
    ptrdiff_t count = 0;
#pragma GCC unroll 4
    for (int j = 0; j < v; j++) total[j] = sum[j] = v_zero();
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t s = 0; s < columns; s++) {
            const real *tap = x + r * g->row + s * g->pixel;
            if (rows * columns > CHAIN && count++ == CHAIN) {
                count = 1;
#pragma GCC unroll 4
                for (int j = 0; j < v; j++) {
                    total[j] = total[j] + sum[j];
                    sum[j] = v_zero();
                }
            }
#pragma GCC unroll 4
            for (int j = 0; j < v; j++) sum[j] = sum[j] + load(tap + j * PL_LANES, full, n);
        }
#pragma GCC unroll 4
    for (int j = 0; j < v; j++)
        store(y + j * PL_LANES, share(g, total[j] + sum[j]), full, n, g->stream);
}

PL_INLINE void average_by_channel(const real *x, const pl_windows *g, const ptrdiff_t rows,
                                  const ptrdiff_t columns, real *y) {
    for (ptrdiff_t i = 0; i < g->windows; i++, x += g->step, y += g->pixel) {
        ptrdiff_t c = 0;
        for (; c + 4 * PL_LANES <= g->pixel; c += 4 * PL_LANES)
            average_of(x + c, g, rows, columns, y + c, 4, 1, 0);
        for (; c + PL_LANES <= g->pixel; c += PL_LANES)
            average_of(x + c, g, rows, columns, y + c, 1, 1, 0);
        if (c < g->pixel) average_of(x + c, g, rows, columns, y + c, 1, 0, g->pixel - c);
    }
}

PL_INLINE void average_narrow(const real *x, const pl_windows *g, real *y, const int pairs) {
    ptrdiff_t at = 0, count = g->windows * g->pixel;
    while (at < count) {
        const narrow t = narrow_of(g, (count - at) / g->pixel, pairs);
        for (; at + t.lanes <= count; at += t.lanes, x += t.each * g->step) {
            vec sum = v_zero();
            EACH_TAP(x, g, &t, pairs, sum = sum + tap;)
            v_store_n(y + at, share(g, sum), count - at < PL_LANES ? t.lanes : PL_LANES);
        }
    }
}

static void average(const void *image, const pl_windows *windows, void *pooled) {
    const pl_windows run = *windows, *g = &run;
    const int few = narrow_fits(g) && g->rows * g->columns <= CHAIN;
    const int two = QUICK && g->rows == 2 && g->columns == 2;
    const real *x = image;
    real *y = pooled;
    for (ptrdiff_t line = 0; line < g->lines; line++, x += g->image_line, y += g->pooled_line) {
        if (few && narrow_pairs(g))
            average_narrow(x, g, y, 1);
        else if (few)
            average_narrow(x, g, y, 0);
        else if (two)
            average_by_channel(x, g, 2, 2, y);
        else
            average_by_channel(x, g, g->rows, g->columns, y);
    }
}

/* ---- backward ------------------------------------------------------------------------------- */
/* What tap number `tap` gets from its window: dy where argmax names it, or an equal share. */
PL_INLINE void give(real *dx, vec dy, ivec number, ptrdiff_t tap, const int by_number,
                    const int add, const int full, ptrdiff_t n, int stream) {
    vec part = by_number ? v_keep(i_eq(number, i_set1((bits)tap)), dy) : dy;
    if (add) part = load(dx, full, n) + part;
    store(dx, part, full, n, add ? 0 : stream);
}

PL_INLINE void backward_of(const real *dy, const void *argmax, ptrdiff_t at, const pl_windows *g, const int two,
                           real *dx, const int by_number, const int wide, const int add, const int full,
                           ptrdiff_t n) {
    vec part = load(dy + at, full, n);
    ivec number = i_set1(0);
    if (by_number)
        number = load_number(argmax, at, wide, full ? PL_LANES : n);
    else
        part = share(g, part);
#define GIVE(r, s)                                                                                \
    give(dx + (r) * g->row + (s) * g->pixel, part, number, g->first + (r) * g->next_row + (s),    \
         by_number, add, full, n, g->stream)
    if (two) { /* without a loop: a compiler that kept it made this twice as slow */
        GIVE(0, 0);
        GIVE(0, 1);
        GIVE(1, 0);
        GIVE(1, 1);
        return;
    }
    for (ptrdiff_t r = 0; r < g->rows; r++)
        for (ptrdiff_t s = 0; s < g->columns; s++) GIVE(r, s);
#undef GIVE
}

PL_INLINE void backward_by_channel(const real *dy, const void *argmax, const pl_windows *g, const int two,
                                   real *dx, const int by_number, const int wide, const int add) {
    ptrdiff_t at = 0;
    for (ptrdiff_t i = 0; i < g->windows; i++, dx += g->step) {
        ptrdiff_t c = 0;
        for (; c + PL_LANES <= g->pixel; c += PL_LANES)
            backward_of(dy, argmax, at + c, g, two, dx + c, by_number, wide, add, 1, 0);
        if (c < g->pixel)
            backward_of(dy, argmax, at + c, g, two, dx + c, by_number, wide, add, 0, g->pixel - c);
        at += g->pixel;
    }
}

/* Windows two pixels wide that lie side by side: row r of dx is taps 0 and 1 in turn. */
PL_INLINE void backward_narrow(const real *dy, const void *argmax, const pl_windows *g, real *dx,
                               const int by_number) {
    ivec from[2], column[2];
    for (int half = 0; half < 2; half++) {
        from[half] = i_load_i32(g->narrow->back + half * PL_LANES, PL_LANES);
        column[half] = i_load_i32(g->narrow->column + half * PL_LANES, PL_LANES);
    }
    const ptrdiff_t most = PL_LANES / g->pixel * g->pixel, count = g->windows * g->pixel;
    for (ptrdiff_t at = 0; at < count; at += most) {
        /* What is stored behind the last lane is written again by the next vectors. */
        const ptrdiff_t lanes = pl_min(PL_LANES, count - at), used = pl_min(most, lanes);
        vec part = v_load_n(dy + at, lanes);
        ivec number = i_set1(0);
        if (by_number)
            number = load_number(argmax, at, 0, lanes);
        else
            part = share(g, part);
#pragma GCC unroll 2
        for (int half = 0; half < 2; half++) {
            if (2 * used <= half * PL_LANES) break;
            const ptrdiff_t n = pl_min(PL_LANES, 2 * (count - at) - half * PL_LANES);
            const vec given = v_permute(part, from[half]);
            const ivec row_of = v_bits(v_permute(v_from_bits(number), from[half])) - column[half];
            real *to = dx + 2 * at + half * PL_LANES;
            for (ptrdiff_t r = 0; r < g->rows; r++) {
                const vmask mine = i_eq(row_of, i_set1((bits)(g->first + r * g->next_row)));
                v_store_n(to + r * g->row, by_number ? v_keep(mine, given) : given, n);
            }
        }
    }
}

PL_INLINE void backward(const void *pooled, const void *argmax, const pl_windows *windows, void *image,
                        const int by_number, const int wide, const int add) {
    const pl_windows run = *windows, *g = &run;
    const int quick = QUICK && !wide && !add && g->columns == 2;
    const int few = quick && g->step == 2 * g->pixel && narrow_fits(g), two = quick && g->rows == 2;
    const real *dy = pooled;
    real *dx = image;
    const uint8_t *number = argmax;
    for (ptrdiff_t line = 0; line < g->lines; line++) {
        if (few)
            backward_narrow(dy, number, g, dx, by_number);
        else if (two)
            backward_by_channel(dy, number, g, 1, dx, by_number, 0, 0);
        else
            backward_by_channel(dy, number, g, 0, dx, by_number, wide, add);
        dy += g->pooled_line;
        dx += g->image_line;
        if (by_number) number += g->pooled_line * (wide ? (ptrdiff_t)sizeof(int32_t) : 1);
    }
}

#define ROUTE(name, wide, add)                                                            \
    static void name(const void *dy, const void *argmax, const pl_windows *g, void *dx) { \
        backward(dy, argmax, g, dx, 1, wide, add);                                        \
    }
ROUTE(route, 0, 0)
ROUTE(route_wide, 1, 0)
ROUTE(route_add, 0, 1)
ROUTE(route_add_wide, 1, 1)

static void spread(const void *dy, const pl_windows *g, void *dx) {
    backward(dy, NULL, g, dx, 0, 0, 0);
}
static void spread_add(const void *dy, const pl_windows *g, void *dx) {
    backward(dy, NULL, g, dx, 0, 0, 1);
}

static void fence(void) { v_fence(); }

const pl_pool_kernels PL_KERNEL(pool) = {largest,    largest_wide,   route,   route_wide,
                                         route_add,  route_add_wide, average, spread,
                                         spread_add, fence};
