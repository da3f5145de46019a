/* Loss ops: rows or elements are cut into chunks that depend on the shape only; each chunk has its
 * own float64 sum, and the sums are added in order. */
#include "loss/loss.h"

#include "common/scratch.h"
#include "threading/threading.h"

#define PL_OP loss
#define PL_OP_TABLE pl_loss_kernels
#define PL_OP_ROWS "loss/loss_kernels.inc"
#include "cpu/variant_rows.h"

typedef struct {
    const void *args;
    const pl_loss_kernels *kernels;
    ptrdiff_t unit;                /* rows, or elements, of a chunk */
    ptrdiff_t rows, width, pieces; /* of an element loss: chunks do not cross rows */
    double *partial;
} job;

/* Runs the chunks on threads, then writes their sum, times `scale`, to `value`. */
static int run_chunks(job *work, ptrdiff_t chunks, double nanoseconds, pl_task task, double scale,
                      double *value) {
    work->partial = pl_scratch(PL_SLOT_REDUCE, (size_t)pl_max(chunks, 1) * sizeof(double));
    if (!work->partial) return PL_NO_MEMORY;
    pl_parallel_for(chunks, pl_workers(chunks, nanoseconds), task, work);
    double sum = 0;
    for (ptrdiff_t chunk = 0; chunk < chunks; chunk++) sum += work->partial[chunk];
    *value = sum * scale;
    return PL_OK;
}

static void class_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_class_loss_args *g = work->args;
    for (ptrdiff_t chunk = begin; chunk < end; chunk++) {
        const ptrdiff_t first = chunk * work->unit, rows = pl_min(work->unit, g->rows - first);
        work->partial[chunk] = g->logits ? work->kernels->softmax(g, first, rows)
                                         : work->kernels->categorical(g, first, rows);
    }
}

int pl_class_loss(const void *args) {
    const pl_class_loss_args *g = args;
    job work = {.args = args, .kernels = pl_select_op(g->dtype)};
    work.unit = pl_max(1, PL_LOSS_CHUNK / g->classes);
    const double elements = (double)g->rows * (double)g->classes;
    return run_chunks(&work, pl_ceil_div(g->rows, work.unit), elements, class_task, g->scale,
                      g->value);
}

static void element_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_element_loss_args *g = work->args;
    const int each = g->width == 1; /* a weight for every element of the one long row */
    for (ptrdiff_t chunk = begin; chunk < end; chunk++) {
        const ptrdiff_t row = chunk / work->pieces, at = chunk % work->pieces * PL_LOSS_CHUNK;
        const char *weights = g->weights;
        if (weights) weights += (each ? at : row) * (ptrdiff_t)pl_item_size(g->dtype);
        work->partial[chunk] = work->kernels->elements(g, row * work->width + at,
                                                       pl_min(PL_LOSS_CHUNK, work->width - at),
                                                       weights, weights && each);
    }
}

/* One long row, unless rows of several elements have a weight each. */
int pl_element_loss(const void *args) {
    const pl_element_loss_args *g = args;
    job work = {.args = args, .kernels = pl_select_op(g->dtype)};
    const int by_row = g->weights && g->width != 1;
    work.rows = by_row ? g->rows : 1;
    work.width = by_row ? g->width : g->rows * g->width;
    work.pieces = pl_ceil_div(work.width, PL_LOSS_CHUNK);
    const double elements = (double)g->rows * (double)g->width;
    return run_chunks(&work, work.rows * work.pieces, elements, element_task, g->scale, g->value);
}
