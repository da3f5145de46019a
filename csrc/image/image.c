/* Image ops: one task is one image, so threads never share one. Borders: beyond the image lie
 * constants, the edge's pixels, or the mirrored image (the edge is not repeated). */
#include "image/image.h"

#include <string.h>

#include "common/scratch.h"
#include "random/random.h"
#include "threading/threading.h"

#define PL_OP image
#define PL_OP_TABLE pl_image_kernels
#define PL_OP_ROWS "image/image_kernels.inc"
#include "cpu/variant_rows.h"

/* Estimated nanoseconds for a number that is copied, sampled, drawn. */
#define COPIED 0.3
#define SAMPLED 3.0
#define DRAWN 10.0

/* Columns of a crop whose sources are kept at a time; numbers of noise drawn at a time. */
enum { COLUMNS = 512, NOISE = 1024 };

const pl_image_kernels *pl_image_select(int dtype) { return pl_select_op(dtype); }

typedef struct {
    const void *args;
    const pl_image_kernels *kernels;
    ptrdiff_t item;
    char *frames; /* affine: one framed image for each thread */
    ptrdiff_t frame_bytes;
} job;

static job job_of(int dtype, const void *args) {
    return (job){args, pl_image_select(dtype), (ptrdiff_t)pl_item_size(dtype), NULL, 0};
}

/* ---- crop ------------------------------------------------------------------------------------ */

/* Where a pixel at `i` comes from in `size` pixels; -1: from the border. */
static int32_t source_of(int64_t i, ptrdiff_t size, int border) {
    if (i >= 0 && i < size) return (int32_t)i;
    if (border == PL_BORDER_CONSTANT) return -1;
    if (border == PL_BORDER_EDGE || size == 1) return i < 0 ? 0 : (int32_t)(size - 1);
    const int64_t period = 2 * ((int64_t)size - 1);
    i = (i < 0 ? -i : i) % period;
    return (int32_t)(i < size ? i : period - i);
}

static void crop_image(const job *work, const pl_image_crop_args *g, ptrdiff_t image) {
    const ptrdiff_t pixel = g->c * work->item;
    const char *x = (const char *)g->x + image * g->h * g->w * pixel;
    char *y = (char *)g->y + image * g->oh * g->ow * pixel;
    const int64_t top = g->top[image], left = g->left[image];
    const int mirror = g->flip[image] & 1, upside_down = g->flip[image] & 2;
    const int inside = !mirror && left >= 0 && left + g->ow <= g->w;
    int32_t columns[COLUMNS];
    for (ptrdiff_t q = 0; q < g->ow; q += COLUMNS) {
        const ptrdiff_t count = pl_min(COLUMNS, g->ow - q);
        for (ptrdiff_t j = 0; j < count; j++)
            columns[j] = source_of(left + (mirror ? g->ow - 1 - q - j : q + j), g->w, g->border);
        for (ptrdiff_t r = 0; r < g->oh; r++) {
            const int32_t row = source_of(top + (upside_down ? g->oh - 1 - r : r), g->h, g->border);
            char *to = y + (r * g->ow + q) * pixel;
            const char *from = x + row * g->w * pixel;
            if (row < 0)
                work->kernels->fill(g->fill, to, count * g->c);
            else if (inside)
                memcpy(to, from + (left + q) * pixel, (size_t)(count * pixel));
            else
                work->kernels->pick(from, columns, g->fill, g->c, to, count);
        }
    }
}

static void crop_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    for (ptrdiff_t i = begin; i < end; i++) crop_image(work, work->args, i);
}

int pl_image_crop(const void *args) {
    const pl_image_crop_args *g = args;
    job work = job_of(g->dtype, args);
    const double cost = COPIED * (double)g->n * (double)(g->oh * g->ow * g->c);
    pl_parallel_for(g->n, pl_workers(g->n, cost), crop_task, &work);
    return PL_OK;
}

/* ---- affine ---------------------------------------------------------------------------------- */

/* (h + 3, w + 3, c): the image, `fill` around it. */
static void frame_image(const job *work, const pl_image_affine_args *g, const char *x, char *framed) {
    const ptrdiff_t pixel = g->c * work->item, pitch = g->w + PL_FRAME, row = g->w * pixel;
    work->kernels->fill(g->fill, framed, (pitch + PL_FRAME_BEFORE) * g->c);
    for (ptrdiff_t r = 0; r < g->h; r++) {
        char *to = framed + ((r + PL_FRAME_BEFORE) * pitch + PL_FRAME_BEFORE) * pixel;
        memcpy(to, x + r * row, (size_t)row);
        work->kernels->fill(g->fill, to + row, PL_FRAME * g->c);
    }
    char *below = framed + ((g->h + PL_FRAME_BEFORE) * pitch + PL_FRAME_BEFORE) * pixel;
    work->kernels->fill(g->fill, below, (PL_FRAME_AFTER * pitch - PL_FRAME_BEFORE) * g->c);
}

static void affine_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const job *work = context;
    const pl_image_affine_args *g = work->args;
    const pl_image_frame frame = {g->h, g->w, g->c, g->border};
    const ptrdiff_t pixel = g->c * work->item;
    char *framed = work->frames + thread * work->frame_bytes;
    for (ptrdiff_t i = begin; i < end; i++) {
        const double *m = g->matrix + 6 * i;
        frame_image(work, g, (const char *)g->x + i * g->h * g->w * pixel, framed);
        for (ptrdiff_t r = 0; r < g->oh; r++) {
            const double at = (double)r;
            const pl_image_line line = {m[2] + at * m[0], m[1], m[5] + at * m[3], m[4]};
            char *to = (char *)g->y + (i * g->oh + r) * g->ow * pixel;
            work->kernels->sample(framed, &frame, &line, 0, to, g->ow);
        }
    }
}

int pl_image_affine(const void *args) {
    const pl_image_affine_args *g = args;
    job work = job_of(g->dtype, args);
    const double cost = SAMPLED * (double)g->n * (double)(g->oh * g->ow * g->c);
    const int workers = pl_workers(g->n, cost);
    work.frame_bytes =
        pl_round_up((g->h + PL_FRAME) * (g->w + PL_FRAME) * g->c * work.item, 64);
    work.frames = pl_scratch(PL_SLOT_IMAGE, (size_t)(workers * work.frame_bytes));
    if (!work.frames) return PL_NO_MEMORY;
    pl_parallel_for(g->n, workers, affine_task, &work);
    return PL_OK;
}

/* ---- paste ----------------------------------------------------------------------------------- */

static void paste_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_image_paste_args *g = work->args;
    const ptrdiff_t pixel = g->c * work->item, image = g->h * g->w * pixel;
    for (ptrdiff_t i = begin; i < end; i++) {
        char *y = (char *)g->y + i * image;
        const int64_t *box = g->boxes + 4 * i;
        const ptrdiff_t top = pl_max(box[0], 0), bottom = pl_min(box[0] + box[2], g->h);
        const ptrdiff_t left = pl_max(box[1], 0), right = pl_min(box[1] + box[3], g->w);
        memcpy(y, (const char *)g->x + i * image, (size_t)image);
        for (ptrdiff_t r = top; r < bottom && left < right; r++) {
            const ptrdiff_t at = (r * g->w + left) * pixel;
            if (g->partner)
                memcpy(y + at, (const char *)g->x + g->partner[i] * image + at,
                       (size_t)((right - left) * pixel));
            else
                work->kernels->fill(g->fill, y + at, (right - left) * g->c);
        }
    }
}

int pl_image_paste(const void *args) {
    const pl_image_paste_args *g = args;
    job work = job_of(g->dtype, args);
    const double cost = COPIED * (double)g->n * (double)(g->h * g->w * g->c);
    pl_parallel_for(g->n, pl_workers(g->n, cost), paste_task, &work);
    return PL_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

static void noise_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_image_noise_args *g = work->args;
    const pl_random_kernels *random = pl_random_select(PL_F64);
    const pl_philox_key key = {g->seed, g->stream, g->step};
    double noise[NOISE];
    for (ptrdiff_t i = begin * NOISE; i < pl_min(end * NOISE, g->count); i += NOISE) {
        const ptrdiff_t n = pl_min(NOISE, g->count - i);
        random->normal(&key, (uint64_t)i, 0, g->std, noise, n);
        work->kernels->add_noise((const char *)g->x + i * work->item, noise, g->low, g->high,
                                 (char *)g->y + i * work->item, n);
    }
}

int pl_image_noise(const void *args) {
    const pl_image_noise_args *g = args;
    job work = job_of(g->dtype, args);
    const ptrdiff_t tasks = pl_ceil_div(g->count, NOISE);
    pl_parallel_for(tasks, pl_workers(tasks, DRAWN * (double)g->count), noise_task, &work);
    return PL_OK;
}

static void adjust_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_image_adjust_args *g = work->args;
    for (ptrdiff_t i = begin; i < end; i++) {
        const ptrdiff_t at = i * g->width * work->item;
        const char *x = (const char *)g->x + at;
        const double mean = work->kernels->sum(x, g->width) / (double)g->width;
        const double offset = mean * (1.0 - g->contrast[i]) + g->brightness[i];
        work->kernels->adjust(x, g->contrast[i], offset, g->low, g->high, (char *)g->y + at,
                              g->width);
    }
}

int pl_image_adjust(const void *args) {
    const pl_image_adjust_args *g = args;
    job work = job_of(g->dtype, args);
    const double cost = 2 * COPIED * (double)g->n * (double)g->width;
    pl_parallel_for(g->n, pl_workers(g->n, cost), adjust_task, &work);
    return PL_OK;
}

static void mix_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_mix_rows_args *g = work->args;
    const ptrdiff_t row = g->width * work->item;
    for (ptrdiff_t i = begin; i < end; i++)
        work->kernels->mix((const char *)g->x + i * row, (const char *)g->x + g->partner[i] * row,
                           g->weight[i], (char *)g->y + i * row, g->width);
}

int pl_mix_rows(const void *args) {
    const pl_mix_rows_args *g = args;
    job work = job_of(g->dtype, args);
    const double cost = COPIED * (double)g->n * (double)g->width;
    pl_parallel_for(g->n, pl_workers(g->n, cost), mix_task, &work);
    return PL_OK;
}
