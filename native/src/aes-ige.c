/*
 * AES-256-IGE (https://core.telegram.org/mtproto/description#aes-ige) with the processor's own
 * instructions, as a Node-API module.
 *
 *   c[i] = E(p[i] ^ c[i-1]) ^ p[i-1]        p[i] = D(c[i] ^ p[i-1]) ^ c[i-1]
 *
 * where the halves of the vector are c[-1] and p[-1]. Each block needs the one before it, and the
 * processor waits for each instruction's answer. Up to four messages go side by side, in the time of
 * one: while one waits, the others go on.
 *
 * The instructions are asked for by function, never for the file: the module loads on a processor
 * that has none, and says so.
 */
#include <string.h>

#include "bytes.h"

#define BLOCK_BYTES 16
#define KEY_BYTES 32
#define VECTOR_BYTES 32
/* AES-256 has 14 rounds, and one key more than rounds (FIPS 197, section 5). */
#define ROUNDS 14
/* Messages that go side by side. */
#define MAX_LANES 4
/* Messages in one call. */
#define MAX_MESSAGES 8

#if defined(__x86_64__)
#include <immintrin.h>
typedef __m128i round_key;
#elif defined(__aarch64__)
#include <arm_neon.h>
typedef uint8x16_t round_key;
#else
typedef uint8_t round_key;
#endif

/* What is left of one message. */
typedef struct {
  uint8_t *target;
  const uint8_t *source;
  size_t length;
  /* What goes into the next block before the cipher, and after it. */
  uint8_t before[BLOCK_BYTES], after[BLOCK_BYTES];
  round_key keys[ROUNDS + 1];
} lane;

/* The state of a lane stays in its registers only when the loops over lanes are unrolled. */
#if defined(__clang__)
#define UNROLLED _Pragma("unroll")
#else
#define UNROLLED _Pragma("GCC unroll 4")
#endif

#if defined(__x86_64__)

#define INSTRUCTIONS "aes-ni"
#define USES_AES __attribute__((target("aes,sse2")))

static int has_instructions(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("aes");
}

/* XORs each word of a round key with all words before it. */
USES_AES static inline __m128i accumulate(__m128i key) {
  key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
  return _mm_xor_si128(key, _mm_slli_si128(key, 8));
}

/* The next two round keys. The round constant has to be known to the compiler. */
#define EXPAND_EVEN(keys, at, constant)                                                        \
  keys[at] = _mm_xor_si128(                                                                    \
      accumulate(keys[at - 2]),                                                                \
      _mm_shuffle_epi32(_mm_aeskeygenassist_si128(keys[at - 1], constant), 0xff))
#define EXPAND_ODD(keys, at)                                                                   \
  keys[at] = _mm_xor_si128(                                                                    \
      accumulate(keys[at - 2]),                                                                \
      _mm_shuffle_epi32(_mm_aeskeygenassist_si128(keys[at - 1], 0), 0xaa))

USES_AES static void expand_key(__m128i keys[ROUNDS + 1], const uint8_t *key) {
  keys[0] = _mm_loadu_si128((const __m128i *)key);
  keys[1] = _mm_loadu_si128((const __m128i *)(key + BLOCK_BYTES));
  EXPAND_EVEN(keys, 2, 0x01);
  EXPAND_ODD(keys, 3);
  EXPAND_EVEN(keys, 4, 0x02);
  EXPAND_ODD(keys, 5);
  EXPAND_EVEN(keys, 6, 0x04);
  EXPAND_ODD(keys, 7);
  EXPAND_EVEN(keys, 8, 0x08);
  EXPAND_ODD(keys, 9);
  EXPAND_EVEN(keys, 10, 0x10);
  EXPAND_ODD(keys, 11);
  EXPAND_EVEN(keys, 12, 0x20);
  EXPAND_ODD(keys, 13);
  EXPAND_EVEN(keys, 14, 0x40);
}

/* The keys of the equivalent inverse cipher (FIPS 197, section 5.3.5): mixed, in the reverse order. */
USES_AES static void invert_keys(__m128i keys[ROUNDS + 1]) {
  __m128i inverse[ROUNDS + 1];
  inverse[0] = keys[ROUNDS];
  for (int round = 1; round < ROUNDS; round++) inverse[round] = _mm_aesimc_si128(keys[ROUNDS - round]);
  inverse[ROUNDS] = keys[0];
  memcpy(keys, inverse, sizeof inverse);
}

/* One direction for up to MAX_LANES messages; the last two arguments are known to the compiler. */
USES_AES static inline __attribute__((always_inline)) void transform_lanes(
    lane *lanes, size_t length, const int count, const int decrypts) {
  __m128i before[MAX_LANES], after[MAX_LANES];
  for (int i = 0; i < count; i++) {
    before[i] = _mm_loadu_si128((const __m128i *)lanes[i].before);
    after[i] = _mm_loadu_si128((const __m128i *)lanes[i].after);
  }
  for (size_t at = 0; at < length; at += BLOCK_BYTES) {
    __m128i next[MAX_LANES], state[MAX_LANES];
    UNROLLED for (int i = 0; i < count; i++) {
      next[i] = _mm_loadu_si128((const __m128i *)(lanes[i].source + at));
      state[i] = _mm_xor_si128(_mm_xor_si128(next[i], before[i]), lanes[i].keys[0]);
    }
    for (int round = 1; round < ROUNDS; round++) {
      UNROLLED for (int i = 0; i < count; i++) {
        const __m128i key = lanes[i].keys[round];
        state[i] = decrypts ? _mm_aesdec_si128(state[i], key) : _mm_aesenc_si128(state[i], key);
      }
    }
    UNROLLED for (int i = 0; i < count; i++) {
      const __m128i key = lanes[i].keys[ROUNDS];
      state[i] = decrypts ? _mm_aesdeclast_si128(state[i], key) : _mm_aesenclast_si128(state[i], key);
      before[i] = _mm_xor_si128(state[i], after[i]);
      after[i] = next[i];
      _mm_storeu_si128((__m128i *)(lanes[i].target + at), before[i]);
    }
  }
  for (int i = 0; i < count; i++) {
    _mm_storeu_si128((__m128i *)lanes[i].before, before[i]);
    _mm_storeu_si128((__m128i *)lanes[i].after, after[i]);
  }
}

#elif defined(__aarch64__)

#define INSTRUCTIONS "armv8"
#if defined(__clang__)
#define USES_AES __attribute__((target("aes")))
#else
#define USES_AES __attribute__((target("+crypto")))
#endif

#if defined(__linux__)
#include <sys/auxv.h>
/* asm/hwcap.h of Linux. */
#define AES_CAPABILITY (1 << 3)
static int has_instructions(void) { return (getauxval(AT_HWCAP) & AES_CAPABILITY) != 0; }
#elif defined(__APPLE__)
/* Every Mac with an ARM processor has them. */
static int has_instructions(void) { return 1; }
#else
static int has_instructions(void) { return 0; }
#endif

/* The S-box on each byte of a word: a state of four equal columns is not moved by ShiftRows. */
USES_AES static uint32_t substitute(uint32_t word) {
  const uint8x16_t state = vreinterpretq_u8_u32(vdupq_n_u32(word));
  return vgetq_lane_u32(vreinterpretq_u32_u8(vaeseq_u8(state, vdupq_n_u8(0))), 0);
}

/* FIPS 197, section 5.2. Words are read as the processor has them, the least byte first. */
USES_AES static void expand_key(uint8x16_t keys[ROUNDS + 1], const uint8_t *key) {
  uint32_t words[4 * (ROUNDS + 1)];
  memcpy(words, key, KEY_BYTES);
  uint32_t constant = 1;
  for (int at = KEY_BYTES / 4; at < 4 * (ROUNDS + 1); at++) {
    uint32_t word = words[at - 1];
    if (at % 8 == 0) {
      word = substitute((word >> 8) | (word << 24)) ^ constant;
      constant <<= 1;
    } else if (at % 8 == 4) {
      word = substitute(word);
    }
    words[at] = words[at - KEY_BYTES / 4] ^ word;
  }
  for (int round = 0; round <= ROUNDS; round++) {
    keys[round] = vreinterpretq_u8_u32(vld1q_u32(words + 4 * round));
  }
}

/* The keys of the equivalent inverse cipher (FIPS 197, section 5.3.5): mixed, in the reverse order. */
USES_AES static void invert_keys(uint8x16_t keys[ROUNDS + 1]) {
  uint8x16_t inverse[ROUNDS + 1];
  inverse[0] = keys[ROUNDS];
  for (int round = 1; round < ROUNDS; round++) inverse[round] = vaesimcq_u8(keys[ROUNDS - round]);
  inverse[ROUNDS] = keys[0];
  memcpy(keys, inverse, sizeof inverse);
}

/* One direction for up to MAX_LANES messages; the last two arguments are known to the compiler. */
USES_AES static inline __attribute__((always_inline)) void transform_lanes(
    lane *lanes, size_t length, const int count, const int decrypts) {
  uint8x16_t before[MAX_LANES], after[MAX_LANES];
  for (int i = 0; i < count; i++) {
    before[i] = vld1q_u8(lanes[i].before);
    after[i] = vld1q_u8(lanes[i].after);
  }
  for (size_t at = 0; at < length; at += BLOCK_BYTES) {
    uint8x16_t next[MAX_LANES], state[MAX_LANES];
    UNROLLED for (int i = 0; i < count; i++) {
      next[i] = vld1q_u8((lanes[i].source + at));
      state[i] = veorq_u8(next[i], before[i]);
    }
    for (int round = 0; round < ROUNDS - 1; round++) {
      UNROLLED for (int i = 0; i < count; i++) {
        const uint8x16_t key = lanes[i].keys[round];
        state[i] = decrypts ? vaesimcq_u8(vaesdq_u8(state[i], key))
                            : vaesmcq_u8(vaeseq_u8(state[i], key));
      }
    }
    UNROLLED for (int i = 0; i < count; i++) {
      const uint8x16_t key = lanes[i].keys[ROUNDS - 1];
      state[i] = decrypts ? vaesdq_u8(state[i], key) : vaeseq_u8(state[i], key);
      before[i] = veorq_u8(veorq_u8(state[i], lanes[i].keys[ROUNDS]), after[i]);
      after[i] = next[i];
      vst1q_u8((lanes[i].target + at), before[i]);
    }
  }
  for (int i = 0; i < count; i++) {
    vst1q_u8(lanes[i].before, before[i]);
    vst1q_u8(lanes[i].after, after[i]);
  }
}

#else

#define INSTRUCTIONS "none"
static int has_instructions(void) { return 0; }
static void expand_key(round_key *keys, const uint8_t *key) { (void)keys, (void)key; }
static void invert_keys(round_key *keys) { (void)keys; }
static void transform_lanes(lane *lanes, size_t length, const int count, const int decrypts) {
  (void)lanes, (void)length, (void)count, (void)decrypts;
}

#endif

USES_AES static void transform_side_by_side(lane *lanes, size_t length, int count, int decrypts) {
  switch (2 * count + decrypts) {
    case 2: transform_lanes(lanes, length, 1, 0); break;
    case 3: transform_lanes(lanes, length, 1, 1); break;
    case 4: transform_lanes(lanes, length, 2, 0); break;
    case 5: transform_lanes(lanes, length, 2, 1); break;
    case 6: transform_lanes(lanes, length, 3, 0); break;
    case 7: transform_lanes(lanes, length, 3, 1); break;
    case 8: transform_lanes(lanes, length, 4, 0); break;
    case 9: transform_lanes(lanes, length, 4, 1); break;
  }
}

/* Transforms up to MAX_LANES messages, side by side as far as they reach. */
static void transform_all(lane *lanes, int count, int decrypts) {
  while (count > 0) {
    size_t length = lanes[0].length;
    for (int i = 1; i < count; i++) {
      if (lanes[i].length < length) length = lanes[i].length;
    }
    transform_side_by_side(lanes, length, count, decrypts);
    for (int i = count - 1; i >= 0; i--) {
      lanes[i].target += length;
      lanes[i].source += length;
      lanes[i].length -= length;
      if (lanes[i].length == 0) lanes[i] = lanes[--count];
    }
  }
}

/* One message and what it is encrypted with, as JavaScript gives it. */
typedef struct {
  bytes target, source, key, vector;
} message;

/* Reads and checks (target, source, key, vector); false with an exception pending. */
static int read_message(napi_env env, const napi_value values[4], message *out) {
  if (!read_bytes(env, values[0], &out->target) || !read_bytes(env, values[1], &out->source) ||
      !read_bytes(env, values[2], &out->key) || !read_bytes(env, values[3], &out->vector)) {
    napi_throw_type_error(env, NULL, "Expected four Uint8Arrays: target, source, key, vector");
    return 0;
  }
  if (out->key.length != KEY_BYTES || out->vector.length != VECTOR_BYTES) {
    napi_throw_range_error(env, NULL, "Expected a key and a vector of 32 bytes each");
    return 0;
  }
  if (out->source.length % BLOCK_BYTES != 0 || out->target.length != out->source.length) {
    napi_throw_range_error(env, NULL, "Expected whole blocks of 16 bytes, as many in both");
    return 0;
  }
  if (out->target.at != out->source.at && overlap(out->target, out->source)) {
    napi_throw_range_error(env, NULL, "Expected a target that is the source, or apart from it");
    return 0;
  }
  return 1;
}

/*
 * To encrypt, the ciphertext of the block before goes in first, and its plaintext goes in last; to
 * decrypt it is the other way round. In both the first one is the block that came out.
 */
static void start_lane(lane *lane, const message *message, int decrypts) {
  const uint8_t *cipher = message->vector.at, *plain = message->vector.at + BLOCK_BYTES;
  lane->target = message->target.at;
  lane->source = message->source.at;
  lane->length = message->source.length;
  memcpy(lane->before, decrypts ? plain : cipher, BLOCK_BYTES);
  memcpy(lane->after, decrypts ? cipher : plain, BLOCK_BYTES);
  expand_key(lane->keys, message->key.at);
  if (decrypts) invert_keys(lane->keys);
}

/* (target, source, key, vector): target may be source itself, and else must not overlap it. */
static napi_value run(napi_env env, napi_callback_info info, int decrypts) {
  napi_value values[4];
  message message;
  lane lane;
  size_t count = 4;
  /* What is not given is `undefined`, which is no Uint8Array. */
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok) return NULL;
  if (!read_message(env, values, &message)) return NULL;
  start_lane(&lane, &message, decrypts);
  transform_all(&lane, 1, decrypts);
  return NULL;
}

static napi_value encrypt(napi_env env, napi_callback_info info) { return run(env, info, 0); }
static napi_value decrypt(napi_env env, napi_callback_info info) { return run(env, info, 1); }

/* The four values of element `at`, itself a list; false with an exception pending. */
static int read_element(napi_env env, napi_value list, uint32_t at, napi_value values[4]) {
  napi_value element;
  bool is_array = false;
  if (napi_get_element(env, list, at, &element) != napi_ok) return 0;
  if (napi_is_array(env, element, &is_array) != napi_ok || !is_array) {
    napi_throw_type_error(env, NULL, "Expected lists of target, source, key and vector");
    return 0;
  }
  for (uint32_t i = 0; i < 4; i++) {
    if (napi_get_element(env, element, i, &values[i]) != napi_ok) return 0;
  }
  return 1;
}

/* ([[target, source, key, vector], ...]): no target may overlap any other memory but its source. */
static napi_value run_together(napi_env env, napi_callback_info info, int decrypts) {
  napi_value list;
  size_t given = 1;
  uint32_t count = 0;
  napi_value values[MAX_MESSAGES][4];
  message messages[MAX_MESSAGES];
  lane lanes[MAX_LANES];
  bool is_array = false;
  if (napi_get_cb_info(env, info, &given, &list, NULL, NULL) != napi_ok) return NULL;
  if (napi_is_array(env, list, &is_array) != napi_ok || !is_array) {
    napi_throw_type_error(env, NULL, "Expected a list of messages");
    return NULL;
  }
  if (napi_get_array_length(env, list, &count) != napi_ok) return NULL;
  if (count > MAX_MESSAGES) {
    napi_throw_range_error(env, NULL, "Expected 8 messages at the most");
    return NULL;
  }
  /* An element may be a getter, which could take memory away: no pointer is asked for before the last. */
  for (uint32_t i = 0; i < count; i++) {
    if (!read_element(env, list, i, values[i])) return NULL;
  }
  for (uint32_t i = 0; i < count; i++) {
    if (!read_message(env, values[i], &messages[i])) return NULL;
    for (uint32_t j = 0; j < i; j++) {
      if (overlap(messages[i].target, messages[j].target) ||
          overlap(messages[i].target, messages[j].source) ||
          overlap(messages[i].source, messages[j].target)) {
        napi_throw_range_error(env, NULL, "Expected targets that are apart from each other");
        return NULL;
      }
    }
  }
  for (uint32_t from = 0; from < count; from += MAX_LANES) {
    const int used = count - from < MAX_LANES ? (int)(count - from) : MAX_LANES;
    for (int i = 0; i < used; i++) start_lane(&lanes[i], &messages[from + i], decrypts);
    transform_all(lanes, used, decrypts);
  }
  return NULL;
}

static napi_value encrypt_together(napi_env env, napi_callback_info info) {
  return run_together(env, info, 0);
}

static napi_value decrypt_together(napi_env env, napi_callback_info info) {
  return run_together(env, info, 1);
}

NAPI_MODULE_INIT() {
  if (!has_instructions()) return exports;
  if (!export_function(env, exports, "encrypt", encrypt) ||
      !export_function(env, exports, "decrypt", decrypt) ||
      !export_function(env, exports, "encryptTogether", encrypt_together) ||
      !export_function(env, exports, "decryptTogether", decrypt_together) ||
      !export_text(env, exports, "instructions", INSTRUCTIONS)) {
    napi_throw_error(env, NULL, "The module cannot be set up");
  }
  return exports;
}
