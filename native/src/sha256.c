/*
 * The compression function of SHA-256 (FIPS 180-4, section 6.2.2) with the processor's own
 * instructions, as a Node-API module. What stands between blocks is 32 bytes that its caller keeps:
 * Node's own hash gives its state to nobody, so that a hash could not go on after a restart.
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
#endif

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#define INSTRUCTIONS "sha-ni"
#define USES_SHA __attribute__((target("sha,sse4.1,ssse3")))

/* CPUID leaf 7 (EBX, bit 29); not every compiler's __builtin_cpu_supports knows the name. */
static int has_instructions(void) {
  unsigned a, b, c, d;
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.1") && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
         (b >> 29 & 1) != 0;
}

USES_SHA static void compress_blocks(uint8_t *state, const uint8_t *block, size_t count) {
  /* Words are big-endian. */
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i abcd = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)state), swap);
  const __m128i efgh = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(state + 16)), swap);
  /* The order that the instructions take, the highest word first. */
  const __m128i badc = _mm_shuffle_epi32(abcd, 0xb1), hgfe = _mm_shuffle_epi32(efgh, 0x1b);
  __m128i abef = _mm_alignr_epi8(badc, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
  for (; count > 0; count--, block += BLOCK_BYTES) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i words[4];
    UNROLLED for (int step = 0; step < STEPS; step++) {
      __m128i *const now = &words[step & 3];
      const __m128i *const before = &words[(step + 3) & 3];
      if (step < 4) {
        *now = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(block + 16 * step)), swap);
      } else {
        const __m128i early = _mm_sha256msg1_epu32(*now, words[(step + 1) & 3]);
        const __m128i middle = _mm_alignr_epi8(*before, words[(step + 2) & 3], 4);
        *now = _mm_sha256msg2_epu32(_mm_add_epi32(early, middle), *before);
      }
      const __m128i *const constants = (const __m128i *)(ROUND_CONSTANTS + 4 * step);
      const __m128i sums = _mm_add_epi32(*now, _mm_load_si128(constants));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sums);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sums, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  const __m128i dcba = _mm_blend_epi16(feba, dchg, 0xf0), hgfe_now = _mm_alignr_epi8(dchg, feba, 8);
  _mm_storeu_si128((__m128i *)state, _mm_shuffle_epi8(dcba, swap));
  _mm_storeu_si128((__m128i *)(state + 16), _mm_shuffle_epi8(hgfe_now, swap));
}

#elif defined(__aarch64__)

#include <arm_neon.h>

#define INSTRUCTIONS "armv8"
#if defined(__clang__)
#define USES_SHA __attribute__((target("sha2")))
#else
#define USES_SHA __attribute__((target("+crypto")))
#endif

#if defined(__linux__)
#include <sys/auxv.h>
/* asm/hwcap.h of Linux. */
#define SHA2_CAPABILITY (1 << 6)
static int has_instructions(void) { return (getauxval(AT_HWCAP) & SHA2_CAPABILITY) != 0; }
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

USES_SHA static void compress_blocks(uint8_t *state, const uint8_t *block, size_t count) {
  uint32x4_t abcd = read_words(state), efgh = read_words(state + 16);
  for (; count > 0; count--, block += BLOCK_BYTES) {
    const uint32x4_t abcd_before = abcd, efgh_before = efgh;
    uint32x4_t words[4];
    UNROLLED for (int step = 0; step < STEPS; step++) {
      uint32x4_t *const now = &words[step & 3];
      if (step < 4) {
        *now = read_words(block + 16 * step);
      } else {
        const uint32x4_t early = vsha256su0q_u32(*now, words[(step + 1) & 3]);
        *now = vsha256su1q_u32(early, words[(step + 2) & 3], words[(step + 3) & 3]);
      }
      const uint32x4_t sums = vaddq_u32(*now, vld1q_u32(ROUND_CONSTANTS + 4 * step));
      const uint32x4_t first = abcd;
      abcd = vsha256hq_u32(abcd, efgh, sums);
      efgh = vsha256h2q_u32(efgh, first, sums);
    }
    abcd = vaddq_u32(abcd, abcd_before);
    efgh = vaddq_u32(efgh, efgh_before);
  }
  write_words(state, abcd);
  write_words(state + 16, efgh);
}

#else

#define INSTRUCTIONS "none"
static int has_instructions(void) { return 0; }
static void compress_blocks(uint8_t *state, const uint8_t *block, size_t count) {
  (void)state, (void)block, (void)count;
}

#endif

/* (state, blocks): the state is changed in place. */
static napi_value compress(napi_env env, napi_callback_info info) {
  napi_value values[2];
  bytes state, blocks;
  size_t count = 2;
  /* What is not given is `undefined`, which is no Uint8Array. */
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok) return NULL;
  if (!read_bytes(env, values[0], &state) || !read_bytes(env, values[1], &blocks)) {
    napi_throw_type_error(env, NULL, "Expected two Uint8Arrays: state, blocks");
    return NULL;
  }
  if (state.length != STATE_BYTES || blocks.length % BLOCK_BYTES != 0) {
    napi_throw_range_error(env, NULL, "Expected a state of 32 bytes and whole blocks of 64 bytes");
    return NULL;
  }
  if (overlap(state, blocks)) {
    napi_throw_range_error(env, NULL, "Expected a state that is apart from the blocks");
    return NULL;
  }
  compress_blocks(state.at, blocks.at, blocks.length / BLOCK_BYTES);
  return NULL;
}

NAPI_MODULE_INIT() {
  if (!has_instructions()) return exports;
  if (!export_function(env, exports, "compress", compress) ||
      !export_text(env, exports, "instructions", INSTRUCTIONS)) {
    napi_throw_error(env, NULL, "The module cannot be set up");
  }
  return exports;
}
