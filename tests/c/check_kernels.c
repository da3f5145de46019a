/* Exact checks of csrc on every instruction set that runs here, without Python: matrix product and
 * convolution in three directions on small integers against plain loops. Built for other machines by
 * tools/check_neon. Prints one line an ISA; exit status 1 when anything differs. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pl_kernels.h"

static uint32_t state = 1;
static int below(int n) {
    state = state * 1664525u + 1013904223u;
    return (int)((state >> 8) % (uint32_t)n);
}

static void fill(void *x, int dtype, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const int value = below(9) - 4;
        if (dtype == PL_F64)
            ((double *)x)[i] = value;
        else
            ((float *)x)[i] = (float)value;
    }
}

static double at(const void *x, int dtype, ptrdiff_t i) {
    return dtype == PL_F64 ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

static int differs(const void *got, const double *want, int dtype, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++)
        if (at(got, dtype, i) != want[i]) return 1;
    return 0;
}

static int check_gemm(int dtype) {
    const ptrdiff_t m = 1 + below(30), n = 1 + below(140), k = below(70);
    const int ta = below(2), tb = below(2);
    double a[30 * 70], b[70 * 140], c[30 * 140], want[30 * 140];
    fill(a, dtype, m * k);
    fill(b, dtype, k * n);
    memset(c, 0xff, sizeof c);
    for (ptrdiff_t i = 0; i < m; i++)
        for (ptrdiff_t j = 0; j < n; j++) {
            double sum = 0;
            for (ptrdiff_t p = 0; p < k; p++)
                sum += at(a, dtype, ta ? p * m + i : i * k + p) * at(b, dtype, tb ? j * k + p : p * n + j);
            want[i * n + j] = sum;
        }
    const pl_gemm_args args = {.dtype = dtype, .trans_a = ta, .trans_b = tb, .m = m, .n = n, .k = k,
                               .lda = ta ? m : k, .ldb = tb ? k : n, .ldc = n, .a = a, .b = b, .c = c};
    return pl_gemm(&args) != PL_OK || differs(c, want, dtype, m * n);
}

static int check_conv(int dtype) {
    enum { SIDE = 9, CHANNELS = 8, FILTERS = 40 };
    pl_conv_shape s = {.n = 1 + below(2), .h = 3 + below(SIDE - 2), .w = 3 + below(SIDE - 2),
                       .kh = 1 + below(3), .kw = 1 + below(3), .groups = 1 + below(2)};
    s.c = s.groups * (1 + below(CHANNELS / 2)), s.k = s.groups * (1 + below(FILTERS / 2));
    s.stride_h = 1 + below(2), s.stride_w = 1 + below(2);
    s.dilation_h = s.dilation_w = 1;
    s.pad_top = below((int)s.kh), s.pad_left = below((int)s.kw);
    s.oh = (s.h + 2 * s.pad_top - s.kh) / s.stride_h + 1;
    s.ow = (s.w + 2 * s.pad_left - s.kw) / s.stride_w + 1;
    const ptrdiff_t nx = s.n * s.h * s.w * s.c, nw = s.kh * s.kw * s.c / s.groups * s.k;
    const ptrdiff_t ny = s.n * s.oh * s.ow * s.k;
    double *x = calloc(4 * (size_t)(nx + nw + ny), sizeof(double));
    if (!x) return 1;
    double *w = x + nx, *dy = w + nw, *y = dy + ny, *dx = y + ny, *dw = dx + nx;
    double *wy = dw + nw, *wx = wy + ny, *ww = wx + nx;
    fill(x, dtype, nx), fill(w, dtype, nw), fill(dy, dtype, ny);
    const ptrdiff_t cg = s.c / s.groups, kg = s.k / s.groups;
    for (ptrdiff_t o = 0; o < ny; o++) {
        const ptrdiff_t k = o % s.k, ox = o / s.k % s.ow, oy = o / s.k / s.ow % s.oh, n = o / s.k / s.ow / s.oh;
        for (ptrdiff_t r = 0; r < s.kh; r++)
            for (ptrdiff_t q = 0; q < s.kw; q++)
                for (ptrdiff_t c = 0; c < cg; c++) {
                    const ptrdiff_t iy = oy * s.stride_h + r - s.pad_top, ix = ox * s.stride_w + q - s.pad_left;
                    if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w) continue;
                    const ptrdiff_t ix_ = ((n * s.h + iy) * s.w + ix) * s.c + k / kg * cg + c;
                    const ptrdiff_t iw = ((r * s.kw + q) * cg + c) * s.k + k;
                    wy[o] += at(x, dtype, ix_) * at(w, dtype, iw);
                    wx[ix_] += at(dy, dtype, o) * at(w, dtype, iw);
                    ww[iw] += at(dy, dtype, o) * at(x, dtype, ix_);
                }
    }
    const pl_conv2d_args f = {.dtype = dtype, .shape = s, .x = x, .weights = w, .y = y};
    const pl_conv2d_backward_data_args d = {.dtype = dtype, .shape = s, .dy = dy, .weights = w, .dx = dx};
    const pl_conv2d_backward_weights_args g = {.dtype = dtype, .shape = s, .dy = dy, .x = x, .dweights = dw};
    const int bad = pl_conv2d(&f) || pl_conv2d_backward_data(&d) || pl_conv2d_backward_weights(&g) ||
                    differs(y, wy, dtype, ny) || differs(dx, wx, dtype, nx) || differs(dw, ww, dtype, nw);
    free(x);
    return bad;
}

int main(void) {
    enum { CASES = 300 };
    int failed = 0;
    for (int isa = 0; isa < PL_ISAS; isa++) {
        if (pl_isa_use((pl_isa)isa) != PL_OK) continue;
        int wrong = 0;
        for (int i = 0; i < CASES; i++) wrong += check_gemm(i % 2) + check_conv(i % 2);
        printf("%s: %d of %d wrong\n", pl_isa_name((pl_isa)isa), wrong, 2 * CASES);
        failed += wrong;
    }
    return failed != 0;
}
