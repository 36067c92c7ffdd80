// Inner products in portable C, the choice of a kernel at run time, and the exact rescoring.

#include "dot.h"

#include <string.h>

// ---- Portable kernel: sixteen partial sums, which a compiler turns into whatever vectors the target has -----------

enum { SCALAR_LANES = 16 };

static float scalar_dot(const float *query, const float *row, size_t dimension) {
    float sums[SCALAR_LANES] = {0};
    size_t i = 0;
    for (; i + SCALAR_LANES <= dimension; i += SCALAR_LANES) {
        for (size_t lane = 0; lane < SCALAR_LANES; lane++) sums[lane] += query[i + lane] * row[i + lane];
    }
    for (size_t lane = 0; i < dimension; i++, lane++) sums[lane] += query[i] * row[i];
    for (size_t width = SCALAR_LANES / 2; width > 0; width /= 2) {
        for (size_t lane = 0; lane < width; lane++) sums[lane] += sums[lane + width];
    }
    return sums[0];
}

static void scalar_dots(const float *query, const float *rows, size_t count, size_t dimension, float *scores) {
    for (size_t i = 0; i < count; i++) scores[i] = scalar_dot(query, rows + i * dimension, dimension);
}

static void scalar_dots_many(
    const float *queries, size_t query_count, const float *rows, size_t count, size_t dimension, float *scores) {
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < query_count; j++) {
            scores[j * count + i] = scalar_dot(queries + j * dimension, rows + i * dimension, dimension);
        }
    }
}

const mr_scan_kernel mr_scan_scalar = {"scalar", SCALAR_LANES, scalar_dots, scalar_dots_many};

// ---- Choice -------------------------------------------------------------------------------------------------------

const mr_scan_kernel *mr_scan_kernel_named(const char *name) {
    if (strcmp(name, "scalar") == 0) return &mr_scan_scalar;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (strcmp(name, "avx2") == 0) {
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &mr_scan_avx2 : NULL;
    }
    if (strcmp(name, "avx512") == 0) {
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? &mr_scan_avx512 : NULL;
    }
#endif
    return NULL;
}

const mr_scan_kernel *mr_scan_kernel_best(void) {
    const char *const fastest_first[] = {"avx512", "avx2"};
    for (size_t i = 0; i < sizeof fastest_first / sizeof *fastest_first; i++) {
        const mr_scan_kernel *kernel = mr_scan_kernel_named(fastest_first[i]);
        if (kernel) return kernel;
    }
    return &mr_scan_scalar;
}

// ---- Around the scan ----------------------------------------------------------------------------------------------

size_t mr_at_least(const float *scores, size_t count, float bound, uint32_t *indices) {
    size_t found = 0;
    // Written without a branch: near the start of a scan nearly all pass, later nearly none.
    for (size_t i = 0; i < count; i++) {
        indices[found] = (uint32_t)i;
        found += scores[i] >= bound;
    }
    return found;
}

void mr_dots_exact(const float *query, const float *const *rows, size_t count, size_t dimension, double *scores) {
    // The order of additions within a row is fixed, so speed comes from eight rows side by side.
    enum { WIDTH = 8 };
    size_t i = 0;
    for (; i + WIDTH <= count; i += WIDTH) {
        double sums[WIDTH] = {0};
        for (size_t j = 0; j < dimension; j++) {
            for (size_t r = 0; r < WIDTH; r++) sums[r] += (double)query[j] * (double)rows[i + r][j];
        }
        for (size_t r = 0; r < WIDTH; r++) scores[i + r] = sums[r];
    }
    for (; i < count; i++) {
        double sum = 0;
        for (size_t j = 0; j < dimension; j++) sum += (double)query[j] * (double)rows[i][j];
        scores[i] = sum;
    }
}

double mr_squared_norm(const float *vector, size_t dimension) {
    enum { WIDTH = 8 };
    double sums[WIDTH] = {0};
    size_t j = 0;
    for (; j + WIDTH <= dimension; j += WIDTH) {
        for (size_t lane = 0; lane < WIDTH; lane++) sums[lane] += (double)vector[j + lane] * (double)vector[j + lane];
    }
    for (size_t lane = 0; j < dimension; j++, lane++) sums[lane] += (double)vector[j] * (double)vector[j];
    double total = 0;
    for (size_t lane = 0; lane < WIDTH; lane++) total += sums[lane];
    return total;
}
