/*
 * The compression function of SHA-256 (FIPS 180-4, section 6.2.2) with the processor's own
 * instructions, as a Node-API module. What stands between blocks is 32 bytes that its caller keeps:
 * Node's own hash gives its state to nobody, so that a hash could not go on after a restart.
 *
 * A round of SHA-256 waits for the one before, and the processor has nothing else to do meanwhile:
 * the CRC-32 of the same blocks (ZIP's, reflected, polynomial 0x04c11db7) takes no time of its own.
 *
 * The instructions are asked for by function, never for the file: the module loads on a processor
 * that has none, and says so.
 */
#include "bytes.h"

#define BLOCK_BYTES 64
#define STATE_BYTES 32
/* Rounds go by four, with four words of the message each. */
#define STEPS 16

#if defined(__x86_64__) || defined(__aarch64__)
static const uint32_t ROUND_CONSTANTS[4 * STEPS] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* The words of a message stay in their registers only when the loop over the steps is unrolled. */
#if defined(__clang__)
#define UNROLLED _Pragma("unroll")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif
#define INLINE inline __attribute__((always_inline))
#endif

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#define INSTRUCTIONS "sha-ni"
#define USES_SHA __attribute__((target("sha,sse4.1,ssse3,pclmul")))
#define SWAP _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203)

/* CPUID leaf 7 (EBX, bit 29); not every compiler's __builtin_cpu_supports knows the name. */
static int has_instructions(void) {
  unsigned a, b, c, d;
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("pclmul") &&
         __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1) != 0;
}

/*
 * "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009), whose
 * constants these are: each of four lanes takes every fourth 16 bytes, and is 64 bytes ahead.
 */
USES_SHA static inline __m128i fold(__m128i lane, __m128i by, __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(lane, by, 0x00);
  return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(lane, by, 0x11), low), next);
}

/* The remainder of what the lanes stand for. */
USES_SHA static uint32_t crc_of(const __m128i *lanes) {
  const __m128i by_16 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  const __m128i by_4 = _mm_set_epi64x(0, 0x0163cd6124);
  const __m128i barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641);
  const __m128i low_words = _mm_setr_epi32(~0, 0, ~0, 0);
  __m128i x = lanes[0];
  for (int lane = 1; lane < 4; lane++) x = fold(x, by_16, lanes[lane]);
  x = _mm_xor_si128(_mm_srli_si128(x, 8), _mm_clmulepi64_si128(x, by_16, 0x10));
  const __m128i high = _mm_srli_si128(x, 4);
  x = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(x, low_words), by_4, 0x00), high);
  __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(x, low_words), barrett, 0x10);
  quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, low_words), barrett, 0x00);
  return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x, quotient), 1);
}

/* Where one hash stands. */
typedef struct {
  __m128i abef, cdgh, abef_before, cdgh_before, words[4];
} lane;

/* The order that the instructions take is the highest word first; in bytes words are big-endian. */
USES_SHA static INLINE void begin_lane(lane *at, const uint8_t *state) {
  const __m128i abcd = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)state), SWAP);
  const __m128i efgh = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(state + 16)), SWAP);
  const __m128i badc = _mm_shuffle_epi32(abcd, 0xb1), hgfe = _mm_shuffle_epi32(efgh, 0x1b);
  at->abef = _mm_alignr_epi8(badc, hgfe, 8), at->cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
}

USES_SHA static INLINE void end_lane(const lane *at, uint8_t *state) {
  const __m128i feba = _mm_shuffle_epi32(at->abef, 0x1b), dchg = _mm_shuffle_epi32(at->cdgh, 0xb1);
  const __m128i dcba = _mm_blend_epi16(feba, dchg, 0xf0), hgfe = _mm_alignr_epi8(dchg, feba, 8);
  _mm_storeu_si128((__m128i *)state, _mm_shuffle_epi8(dcba, SWAP));
  _mm_storeu_si128((__m128i *)(state + 16), _mm_shuffle_epi8(hgfe, SWAP));
}

USES_SHA static INLINE void begin_block(lane *at) {
  at->abef_before = at->abef, at->cdgh_before = at->cdgh;
}

USES_SHA static INLINE void end_block(lane *at) {
  at->abef = _mm_add_epi32(at->abef, at->abef_before);
  at->cdgh = _mm_add_epi32(at->cdgh, at->cdgh_before);
}

/* Four rounds. */
USES_SHA static INLINE void take_step(lane *at, const uint8_t *block, int step) {
  __m128i *const now = &at->words[step & 3];
  const __m128i *const before = &at->words[(step + 3) & 3];
  if (step < 4) {
    *now = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(block + 16 * step)), SWAP);
  } else {
    const __m128i early = _mm_sha256msg1_epu32(*now, at->words[(step + 1) & 3]);
    const __m128i middle = _mm_alignr_epi8(*before, at->words[(step + 2) & 3], 4);
    *now = _mm_sha256msg2_epu32(_mm_add_epi32(early, middle), *before);
  }
  const __m128i *const constants = (const __m128i *)(ROUND_CONSTANTS + 4 * step);
  const __m128i sums = _mm_add_epi32(*now, _mm_load_si128(constants));
  at->cdgh = _mm_sha256rnds2_epu32(at->cdgh, at->abef, sums);
  at->abef = _mm_sha256rnds2_epu32(at->abef, at->cdgh, _mm_shuffle_epi32(sums, 0x0e));
}

/* `crc`: what was computed before, and then with these blocks; NULL: only the hash. */
USES_SHA static INLINE void run(uint8_t *state, const uint8_t *block, size_t count, uint32_t *crc) {
  const uint8_t *const begin = block;
  const __m128i by_64 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  __m128i lanes[4];
  lane hash;
  if (count == 0) return;
  begin_lane(&hash, state);
  for (; count > 0; count--, block += BLOCK_BYTES) {
    begin_block(&hash);
    UNROLLED for (int step = 0; step < STEPS; step++) {
      take_step(&hash, block, step);
      if (crc != NULL && (step & 3) == 3) {
        const int at = step >> 2;
        const __m128i next = _mm_loadu_si128((const __m128i *)(block + 16 * at));
        lanes[at] = block == begin ? next : fold(lanes[at], by_64, next);
        if (block == begin && at == 0) {
          lanes[0] = _mm_xor_si128(next, _mm_cvtsi32_si128((int)~*crc));
        }
      }
    }
    end_block(&hash);
  }
  end_lane(&hash, state);
  if (crc != NULL) *crc = ~crc_of(lanes);
}

#elif defined(__aarch64__)

#include <arm_acle.h>
#include <arm_neon.h>
#include <string.h>

#define INSTRUCTIONS "armv8"
#if defined(__clang__)
#define USES_SHA __attribute__((target("sha2,crc")))
#else
#define USES_SHA __attribute__((target("+crypto+crc")))
#endif

#if defined(__linux__)
#include <sys/auxv.h>
/* asm/hwcap.h of Linux: SHA2 and CRC32. */
#define CAPABILITIES (1 << 6 | 1 << 7)
static int has_instructions(void) { return (getauxval(AT_HWCAP) & CAPABILITIES) == CAPABILITIES; }
#elif defined(__APPLE__)
/* Every Mac with an ARM processor has them. */
static int has_instructions(void) { return 1; }
#else
static int has_instructions(void) { return 0; }
#endif

/* Words are big-endian. */
USES_SHA static inline uint32x4_t read_words(const uint8_t *from) {
  return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(from)));
}

USES_SHA static inline void write_words(uint8_t *to, uint32x4_t words) {
  vst1q_u8(to, vrev32q_u8(vreinterpretq_u8_u32(words)));
}

/* Where one hash stands. */
typedef struct {
  uint32x4_t abcd, efgh, abcd_before, efgh_before, words[4];
} lane;

USES_SHA static INLINE void begin_lane(lane *at, const uint8_t *state) {
  at->abcd = read_words(state), at->efgh = read_words(state + 16);
}

USES_SHA static INLINE void end_lane(const lane *at, uint8_t *state) {
  write_words(state, at->abcd);
  write_words(state + 16, at->efgh);
}

USES_SHA static INLINE void begin_block(lane *at) {
  at->abcd_before = at->abcd, at->efgh_before = at->efgh;
}

USES_SHA static INLINE void end_block(lane *at) {
  at->abcd = vaddq_u32(at->abcd, at->abcd_before);
  at->efgh = vaddq_u32(at->efgh, at->efgh_before);
}

/* Four rounds. */
USES_SHA static INLINE void take_step(lane *at, const uint8_t *block, int step) {
  uint32x4_t *const now = &at->words[step & 3];
  if (step < 4) {
    *now = read_words(block + 16 * step);
  } else {
    const uint32x4_t early = vsha256su0q_u32(*now, at->words[(step + 1) & 3]);
    *now = vsha256su1q_u32(early, at->words[(step + 2) & 3], at->words[(step + 3) & 3]);
  }
  const uint32x4_t sums = vaddq_u32(*now, vld1q_u32(ROUND_CONSTANTS + 4 * step));
  const uint32x4_t first = at->abcd;
  at->abcd = vsha256hq_u32(at->abcd, at->efgh, sums);
  at->efgh = vsha256h2q_u32(at->efgh, first, sums);
}

/* `crc`: what was computed before, and then with these blocks; NULL: only the hash. */
USES_SHA static INLINE void run(uint8_t *state, const uint8_t *block, size_t count, uint32_t *crc) {
  uint32_t remainder = crc == NULL ? 0 : ~*crc;
  lane hash;
  begin_lane(&hash, state);
  for (; count > 0; count--, block += BLOCK_BYTES) {
    begin_block(&hash);
    UNROLLED for (int step = 0; step < STEPS; step++) {
      take_step(&hash, block, step);
      if (crc != NULL && (step & 1) == 1) {
        uint64_t next;
        memcpy(&next, block + 8 * (step >> 1), sizeof next);
        remainder = __crc32d(remainder, next);
      }
    }
    end_block(&hash);
  }
  end_lane(&hash, state);
  if (crc != NULL) *crc = ~remainder;
}

#else

#define INSTRUCTIONS "none"
static int has_instructions(void) { return 0; }
#define USES_SHA
static void run(uint8_t *state, const uint8_t *block, size_t count, uint32_t *crc) {
  (void)state, (void)block, (void)count, (void)crc;
}
static void hash_two(uint8_t *const *states, const uint8_t *const *blocks, size_t count) {
  (void)states, (void)blocks, (void)count;
}

#endif

#if defined(__x86_64__) || defined(__aarch64__)
/* Two hashes wait for no round of each other. */
USES_SHA static void hash_two(uint8_t *const *states, const uint8_t *const *blocks, size_t count) {
  const uint8_t *first = blocks[0], *second = blocks[1];
  lane one, other;
  begin_lane(&one, states[0]);
  begin_lane(&other, states[1]);
  for (; count > 0; count--, first += BLOCK_BYTES, second += BLOCK_BYTES) {
    begin_block(&one);
    begin_block(&other);
    UNROLLED for (int step = 0; step < STEPS; step++) {
      take_step(&one, first, step);
      take_step(&other, second, step);
    }
    end_block(&one);
    end_block(&other);
  }
  end_lane(&one, states[0]);
  end_lane(&other, states[1]);
}
#endif

USES_SHA static void hash_blocks(uint8_t *state, const uint8_t *block, size_t count) {
  run(state, block, count, NULL);
}

USES_SHA static uint32_t hash_and_crc(uint8_t *state, const uint8_t *block, size_t count,
                                      uint32_t crc) {
  run(state, block, count, &crc);
  return crc;
}

/* Reads what both functions begin with, or throws and returns 0. */
static int read_arguments(napi_env env, const napi_value *values, bytes *state, bytes *blocks) {
  /* What is not given is `undefined`, which is no Uint8Array. */
  if (!read_bytes(env, values[0], state) || !read_bytes(env, values[1], blocks)) {
    napi_throw_type_error(env, NULL, "Expected two Uint8Arrays: state, blocks");
    return 0;
  }
  if (state->length != STATE_BYTES || blocks->length % BLOCK_BYTES != 0) {
    napi_throw_range_error(env, NULL, "Expected a state of 32 bytes and whole blocks of 64 bytes");
    return 0;
  }
  if (overlap(*state, *blocks)) {
    napi_throw_range_error(env, NULL, "Expected a state that is apart from the blocks");
    return 0;
  }
  return 1;
}

/* (state, blocks): the state is changed in place. */
static napi_value compress(napi_env env, napi_callback_info info) {
  napi_value values[2];
  bytes state, blocks;
  size_t count = 2;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok) return NULL;
  if (!read_arguments(env, values, &state, &blocks)) return NULL;
  hash_blocks(state.at, blocks.at, blocks.length / BLOCK_BYTES);
  return NULL;
}

/* (state, blocks, crc): the same; returns the CRC-32 that goes on from `crc`. */
static napi_value compress_with_crc(napi_env env, napi_callback_info info) {
  napi_value values[3], result;
  bytes state, blocks;
  uint32_t crc;
  size_t count = 3;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok) return NULL;
  if (napi_get_value_uint32(env, values[2], &crc) != napi_ok) {
    napi_throw_type_error(env, NULL, "Expected a number as the third argument: crc");
    return NULL;
  }
  if (!read_arguments(env, values, &state, &blocks)) return NULL;
  crc = hash_and_crc(state.at, blocks.at, blocks.length / BLOCK_BYTES, crc);
  return napi_create_uint32(env, crc, &result) == napi_ok ? result : NULL;
}

/* (state, blocks, state, blocks): both states are changed in place. */
static napi_value compress_two(napi_env env, napi_callback_info info) {
  napi_value values[4];
  bytes state[2], blocks[2];
  size_t count = 4;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok) return NULL;
  for (int at = 0; at < 2; at++) {
    if (!read_arguments(env, values + 2 * at, &state[at], &blocks[at])) return NULL;
  }
  if (blocks[0].length != blocks[1].length) {
    napi_throw_range_error(env, NULL, "Expected as many blocks of the one as of the other");
    return NULL;
  }
  if (overlap(state[0], state[1]) || overlap(state[0], blocks[1]) || overlap(state[1], blocks[0])) {
    napi_throw_range_error(env, NULL, "Expected states that are apart from each other and the blocks");
    return NULL;
  }
  uint8_t *const states[2] = {state[0].at, state[1].at};
  const uint8_t *const from[2] = {blocks[0].at, blocks[1].at};
  hash_two(states, from, blocks[0].length / BLOCK_BYTES);
  return NULL;
}

NAPI_MODULE_INIT() {
  if (!has_instructions()) return exports;
  if (!export_function(env, exports, "compress", compress) ||
      !export_function(env, exports, "compressWithCrc", compress_with_crc) ||
      !export_function(env, exports, "compressTwo", compress_two) ||
      !export_text(env, exports, "instructions", INSTRUCTIONS)) {
    napi_throw_error(env, NULL, "The module cannot be set up");
  }
  return exports;
}
