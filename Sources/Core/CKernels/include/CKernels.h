#pragma once

#include <stddef.h>
#include <stdint.h>

// ---- Scan: inner products over float32 rows (dot.c, dot_x86.c) ----------------------------------------------------
// Rows are `count × dimension` floats, row-major, without padding; no alignment is asked for. No kernel reads past the
// last float. Values are finite (the index refuses others).

/// One implementation of the inner product for one instruction set.
typedef struct mr_scan_kernel {
    /// "avx512", "avx2" or "scalar".
    const char *name;
    /// Partial sums kept side by side for one row. A score is the result of at most dimension / lanes + 8 roundings in
    /// sequence, which is what the error bound of the search is made of (Higham, Accuracy and Stability, 3.1).
    size_t lanes;
    /// scores[i] = ⟨query, row i⟩ for `count` rows.
    void (*dots)(const float *query, const float *rows, size_t count, size_t dimension, float *scores);
    /// scores[j * count + i] = ⟨query j, row i⟩: every row is read once for several queries.
    void (*dots_many)(
        const float *queries, size_t query_count, const float *rows, size_t count, size_t dimension, float *scores);
} mr_scan_kernel;

/// The fastest kernel that this processor runs; never null.
const mr_scan_kernel *mr_scan_kernel_best(void);

/// The kernel of that name, or null where it is unknown or this processor lacks the instructions.
const mr_scan_kernel *mr_scan_kernel_named(const char *name);

/// Writes the indices i with scores[i] >= bound, ascending, and returns how many. `indices` has room for `count`.
size_t mr_at_least(const float *scores, size_t count, float bound, uint32_t *indices);

/// scores[i] = Σ query[j] · rows[i][j] in double, added in the order of j: each product of two floats is exact in
/// double, so the result is bit for bit that of the plain loop, on every machine.
void mr_dots_exact(const float *query, const float *const *rows, size_t count, size_t dimension, double *scores);

/// Σ vector[j]² in double; not finite exactly where some value is not.
double mr_squared_norm(const float *vector, size_t dimension);

// ---- pooling (pool.c) and checksums (sha256.c) ----
#include <stddef.h>
#include <stdint.h>

/// Mean of the first `count` rows of `tokens` (`count × dimension` floats, row-major), divided by its L2 norm, into
/// `out` (`dimension` floats). A zero row stays zero. O(count × dimension).
void mr_pool_mean_l2(const float *tokens, size_t dimension, size_t count, float *out);

/// A SHA-256 being computed.
typedef struct {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
    int extensions;
} mr_sha256;

/// Begins; `allow_extensions` 0 keeps to plain C even where the CPU has SHA instructions (for the test of one against the other).
void mr_sha256_start(mr_sha256 *hash, int allow_extensions);
/// Adds `count` bytes.
void mr_sha256_add(mr_sha256 *hash, const void *bytes, size_t count);
/// Ends and writes the digest; `hash` must be started again before it is used again.
void mr_sha256_finish(mr_sha256 *hash, uint8_t digest[32]);
