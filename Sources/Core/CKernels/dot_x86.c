// Inner products for AVX2 with FMA and for AVX-512. The file is compiled for plain x86-64; the functions carry the
// instruction sets as attributes and are reached only after mr_scan_kernel_named has asked the processor.

#if defined(__x86_64__)

#include "dot.h"

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512dq,avx2,fma")))
#define AVX2 __attribute__((target("avx2,fma")))

// ---- AVX-512 ------------------------------------------------------------------------------------------------------

/// The four sums of a, b, c, d as one vector of four.
AVX512 static inline __m128 sums4_512(__m512 a, __m512 b, __m512 c, __m512 d) {
    __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    __m512 abcd = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xEE));
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(abcd), _mm512_extractf32x8_ps(abcd, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

AVX512 static inline __mmask16 tail_512(size_t dimension) { return (__mmask16)((1u << (dimension % 16)) - 1); }

AVX512 static void avx512_dots(const float *query, const float *rows, size_t count, size_t dimension, float *scores) {
    const size_t whole = dimension - dimension % 16;
    const __mmask16 tail = tail_512(dimension);
    const size_t row_bytes = dimension * sizeof(float);
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        const float *a = rows + i * dimension, *b = a + dimension, *c = b + dimension, *d = c + dimension;
        __m512 sa = _mm512_setzero_ps(), sb = sa, sc = sa, sd = sa;
        for (size_t j = 0; j < whole; j += 16) {
            __m512 q = _mm512_loadu_ps(query + j);
            // The scan waits for memory, so it asks for the next four rows by hand. As an integer, because past the
            // last rows the address may lie outside the block; a prefetch there does nothing.
            const uintptr_t next = (uintptr_t)(a + j) + 4 * row_bytes;
            _mm_prefetch((const char *)next, _MM_HINT_T0);
            _mm_prefetch((const char *)(next + row_bytes), _MM_HINT_T0);
            _mm_prefetch((const char *)(next + 2 * row_bytes), _MM_HINT_T0);
            _mm_prefetch((const char *)(next + 3 * row_bytes), _MM_HINT_T0);
            sa = _mm512_fmadd_ps(q, _mm512_loadu_ps(a + j), sa);
            sb = _mm512_fmadd_ps(q, _mm512_loadu_ps(b + j), sb);
            sc = _mm512_fmadd_ps(q, _mm512_loadu_ps(c + j), sc);
            sd = _mm512_fmadd_ps(q, _mm512_loadu_ps(d + j), sd);
        }
        if (tail) {
            __m512 q = _mm512_maskz_loadu_ps(tail, query + whole);
            sa = _mm512_fmadd_ps(q, _mm512_maskz_loadu_ps(tail, a + whole), sa);
            sb = _mm512_fmadd_ps(q, _mm512_maskz_loadu_ps(tail, b + whole), sb);
            sc = _mm512_fmadd_ps(q, _mm512_maskz_loadu_ps(tail, c + whole), sc);
            sd = _mm512_fmadd_ps(q, _mm512_maskz_loadu_ps(tail, d + whole), sd);
        }
        _mm_storeu_ps(scores + i, sums4_512(sa, sb, sc, sd));
    }
    for (; i < count; i++) {
        const float *row = rows + i * dimension;
        __m512 sum = _mm512_setzero_ps();
        for (size_t j = 0; j < whole; j += 16) {
            sum = _mm512_fmadd_ps(_mm512_loadu_ps(query + j), _mm512_loadu_ps(row + j), sum);
        }
        if (tail) {
            __m512 q = _mm512_maskz_loadu_ps(tail, query + whole);
            sum = _mm512_fmadd_ps(q, _mm512_maskz_loadu_ps(tail, row + whole), sum);
        }
        scores[i] = _mm512_reduce_add_ps(sum);
    }
}

/// Four queries by four rows: eight loads serve sixteen multiplications.
AVX512 static inline void tile_512(
    const float *const q[4], const float *const r[4], size_t dimension, __m128 out[4]) {
    const size_t whole = dimension - dimension % 16;
    const __mmask16 tail = tail_512(dimension);
    __m512 s[4][4];
#pragma unroll
    for (int a = 0; a < 4; a++) {
#pragma unroll
        for (int b = 0; b < 4; b++) s[a][b] = _mm512_setzero_ps();
    }
    for (size_t j = 0; j < dimension; j += 16) {
        const __mmask16 mask = j < whole ? (__mmask16)0xFFFF : tail;
        __m512 row[4];
#pragma unroll
        for (int b = 0; b < 4; b++) row[b] = _mm512_maskz_loadu_ps(mask, r[b] + j);
#pragma unroll
        for (int a = 0; a < 4; a++) {
            __m512 query = _mm512_maskz_loadu_ps(mask, q[a] + j);
#pragma unroll
            for (int b = 0; b < 4; b++) s[a][b] = _mm512_fmadd_ps(query, row[b], s[a][b]);
        }
    }
#pragma unroll
    for (int a = 0; a < 4; a++) out[a] = sums4_512(s[a][0], s[a][1], s[a][2], s[a][3]);
}

// ---- AVX2 ---------------------------------------------------------------------------------------------------------

AVX2 static inline __m128 sums4_256(__m256 a, __m256 b, __m256 c, __m256 d) {
    __m256 abcd = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    return _mm_add_ps(_mm256_castps256_ps128(abcd), _mm256_extractf128_ps(abcd, 1));
}

/// All ones in the first dimension % 8 lanes.
AVX2 static inline __m256i tail_256(size_t dimension) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(dimension % 8)), lanes);
}

/// Two queries by four rows; with q[0] == q[1] it serves a lone query too.
AVX2 static inline void tile_256(
    const float *const q[2], const float *const r[4], size_t dimension, int queries, __m128 out[2]) {
    const size_t whole = dimension - dimension % 8;
    const __m256i tail = tail_256(dimension);
    __m256 s[2][4];
    for (int a = 0; a < 2; a++) {
        for (int b = 0; b < 4; b++) s[a][b] = _mm256_setzero_ps();
    }
    for (size_t j = 0; j < whole; j += 8) {
        __m256 first = _mm256_loadu_ps(q[0] + j);
        __m256 second = _mm256_loadu_ps(q[1] + j);
#pragma unroll
        for (int b = 0; b < 4; b++) {
            __m256 row = _mm256_loadu_ps(r[b] + j);
            s[0][b] = _mm256_fmadd_ps(first, row, s[0][b]);
            if (queries > 1) s[1][b] = _mm256_fmadd_ps(second, row, s[1][b]);
        }
    }
    if (whole < dimension) {
        __m256 first = _mm256_maskload_ps(q[0] + whole, tail);
        __m256 second = _mm256_maskload_ps(q[1] + whole, tail);
#pragma unroll
        for (int b = 0; b < 4; b++) {
            __m256 row = _mm256_maskload_ps(r[b] + whole, tail);
            s[0][b] = _mm256_fmadd_ps(first, row, s[0][b]);
            if (queries > 1) s[1][b] = _mm256_fmadd_ps(second, row, s[1][b]);
        }
    }
    for (int a = 0; a < queries; a++) out[a] = sums4_256(s[a][0], s[a][1], s[a][2], s[a][3]);
}

// ---- Tiles over all queries and rows ------------------------------------------------------------------------------

/// Writes the first `count` of four scores.
static inline void store_part(float *scores, __m128 sums, size_t count) {
    float four[4];
    _mm_storeu_ps(four, sums);
    for (size_t i = 0; i < count; i++) scores[i] = four[i];
}

/// Pointers to `width` vectors from `first` on; past the last one they repeat it, and its score is not stored.
static inline void point(const float **to, size_t width, const float *base, size_t first, size_t count, size_t dimension) {
    for (size_t i = 0; i < width; i++) to[i] = base + (first + i < count ? first + i : count - 1) * dimension;
}

AVX512 static void avx512_dots_many(
    const float *queries, size_t query_count, const float *rows, size_t count, size_t dimension, float *scores) {
    const float *q[4], *r[4];
    __m128 sums[4];
    for (size_t i = 0; i < count; i += 4) {
        const size_t kept = count - i < 4 ? count - i : 4;
        point(r, 4, rows, i, count, dimension);
        for (size_t j = 0; j < query_count; j += 4) {
            point(q, 4, queries, j, query_count, dimension);
            tile_512(q, r, dimension, sums);
            for (size_t a = 0; a < 4 && j + a < query_count; a++) {
                store_part(scores + (j + a) * count + i, sums[a], kept);
            }
        }
    }
}

AVX2 static void avx2_dots_many(
    const float *queries, size_t query_count, const float *rows, size_t count, size_t dimension, float *scores) {
    const float *q[2], *r[4];
    __m128 sums[2];
    for (size_t i = 0; i < count; i += 4) {
        const size_t kept = count - i < 4 ? count - i : 4;
        point(r, 4, rows, i, count, dimension);
        for (size_t j = 0; j < query_count; j += 2) {
            point(q, 2, queries, j, query_count, dimension);
            tile_256(q, r, dimension, 2, sums);
            for (size_t a = 0; a < 2 && j + a < query_count; a++) {
                store_part(scores + (j + a) * count + i, sums[a], kept);
            }
        }
    }
}

AVX2 static void avx2_dots(const float *query, const float *rows, size_t count, size_t dimension, float *scores) {
    const float *q[2] = {query, query}, *r[4];
    __m128 sums[2];
    for (size_t i = 0; i < count; i += 4) {
        point(r, 4, rows, i, count, dimension);
        tile_256(q, r, dimension, 1, sums);
        store_part(scores + i, sums[0], count - i < 4 ? count - i : 4);
    }
}

const mr_scan_kernel mr_scan_avx2 = {"avx2", 8, avx2_dots, avx2_dots_many};
const mr_scan_kernel mr_scan_avx512 = {"avx512", 16, avx512_dots, avx512_dots_many};

#endif
