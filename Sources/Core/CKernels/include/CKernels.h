#pragma once

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
