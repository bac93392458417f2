/*
 * AES-256-IGE (https://core.telegram.org/mtproto/description#aes-ige) with the processor's own
 * instructions, as a Node-API module.
 *
 *   c[i] = E(p[i] ^ c[i-1]) ^ p[i-1]        p[i] = D(c[i] ^ p[i-1]) ^ c[i-1]
 *
 * where the halves of the vector are c[-1] and p[-1]. Each block needs the one before it, so one
 * chain of instructions is as fast as it gets.
 *
 * The instructions are asked for by function, never for the file: the module loads on a processor
 * that has none, and says so.
 */
#include <node_api.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_BYTES 16
#define KEY_BYTES 32
#define VECTOR_BYTES 32
/* AES-256 has 14 rounds, and one key more than rounds (FIPS 197, section 5). */
#define ROUNDS 14

#if defined(__x86_64__)

#include <immintrin.h>

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

USES_AES static void encrypt_ige(uint8_t *target, const uint8_t *source, size_t length,
                                 const uint8_t *key, const uint8_t *vector) {
  __m128i keys[ROUNDS + 1];
  expand_key(keys, key);
  __m128i cipher = _mm_loadu_si128((const __m128i *)vector);
  __m128i plain = _mm_loadu_si128((const __m128i *)(vector + BLOCK_BYTES));
  for (size_t at = 0; at < length; at += BLOCK_BYTES) {
    const __m128i next = _mm_loadu_si128((const __m128i *)(source + at));
    __m128i state = _mm_xor_si128(_mm_xor_si128(next, cipher), keys[0]);
    for (int round = 1; round < ROUNDS; round++) state = _mm_aesenc_si128(state, keys[round]);
    cipher = _mm_xor_si128(_mm_aesenclast_si128(state, keys[ROUNDS]), plain);
    plain = next;
    _mm_storeu_si128((__m128i *)(target + at), cipher);
  }
}

USES_AES static void decrypt_ige(uint8_t *target, const uint8_t *source, size_t length,
                                 const uint8_t *key, const uint8_t *vector) {
  __m128i keys[ROUNDS + 1];
  expand_key(keys, key);
  /* The equivalent inverse cipher (FIPS 197, section 5.3.5): mixed keys, in the reverse order. */
  __m128i inverse[ROUNDS + 1];
  inverse[0] = keys[ROUNDS];
  for (int round = 1; round < ROUNDS; round++) {
    inverse[round] = _mm_aesimc_si128(keys[ROUNDS - round]);
  }
  inverse[ROUNDS] = keys[0];
  __m128i cipher = _mm_loadu_si128((const __m128i *)vector);
  __m128i plain = _mm_loadu_si128((const __m128i *)(vector + BLOCK_BYTES));
  for (size_t at = 0; at < length; at += BLOCK_BYTES) {
    const __m128i next = _mm_loadu_si128((const __m128i *)(source + at));
    __m128i state = _mm_xor_si128(_mm_xor_si128(next, plain), inverse[0]);
    for (int round = 1; round < ROUNDS; round++) state = _mm_aesdec_si128(state, inverse[round]);
    plain = _mm_xor_si128(_mm_aesdeclast_si128(state, inverse[ROUNDS]), cipher);
    cipher = next;
    _mm_storeu_si128((__m128i *)(target + at), plain);
  }
}

#elif defined(__aarch64__)

#include <arm_neon.h>

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

USES_AES static void encrypt_ige(uint8_t *target, const uint8_t *source, size_t length,
                                 const uint8_t *key, const uint8_t *vector) {
  uint8x16_t keys[ROUNDS + 1];
  expand_key(keys, key);
  uint8x16_t cipher = vld1q_u8(vector);
  uint8x16_t plain = vld1q_u8(vector + BLOCK_BYTES);
  for (size_t at = 0; at < length; at += BLOCK_BYTES) {
    const uint8x16_t next = vld1q_u8(source + at);
    uint8x16_t state = veorq_u8(next, cipher);
    for (int round = 0; round < ROUNDS - 1; round++) {
      state = vaesmcq_u8(vaeseq_u8(state, keys[round]));
    }
    state = veorq_u8(vaeseq_u8(state, keys[ROUNDS - 1]), keys[ROUNDS]);
    cipher = veorq_u8(state, plain);
    plain = next;
    vst1q_u8(target + at, cipher);
  }
}

USES_AES static void decrypt_ige(uint8_t *target, const uint8_t *source, size_t length,
                                 const uint8_t *key, const uint8_t *vector) {
  uint8x16_t keys[ROUNDS + 1];
  expand_key(keys, key);
  /* The equivalent inverse cipher (FIPS 197, section 5.3.5): mixed keys, in the reverse order. */
  uint8x16_t inverse[ROUNDS + 1];
  inverse[0] = keys[ROUNDS];
  for (int round = 1; round < ROUNDS; round++) inverse[round] = vaesimcq_u8(keys[ROUNDS - round]);
  inverse[ROUNDS] = keys[0];
  uint8x16_t cipher = vld1q_u8(vector);
  uint8x16_t plain = vld1q_u8(vector + BLOCK_BYTES);
  for (size_t at = 0; at < length; at += BLOCK_BYTES) {
    const uint8x16_t next = vld1q_u8(source + at);
    uint8x16_t state = veorq_u8(next, plain);
    for (int round = 0; round < ROUNDS - 1; round++) {
      state = vaesimcq_u8(vaesdq_u8(state, inverse[round]));
    }
    state = veorq_u8(vaesdq_u8(state, inverse[ROUNDS - 1]), inverse[ROUNDS]);
    plain = veorq_u8(state, cipher);
    cipher = next;
    vst1q_u8(target + at, plain);
  }
}

#else

#define INSTRUCTIONS "none"
static int has_instructions(void) { return 0; }
static void encrypt_ige(uint8_t *target, const uint8_t *source, size_t length, const uint8_t *key,
                        const uint8_t *vector) {
  (void)target, (void)source, (void)length, (void)key, (void)vector;
}
#define decrypt_ige encrypt_ige

#endif

typedef struct {
  uint8_t *at;
  size_t length;
} bytes;

/* False for everything that is no Uint8Array; a Buffer is one. */
static int read_bytes(napi_env env, napi_value value, bytes *out) {
  napi_typedarray_type type;
  void *data = NULL;
  int is_typed = 0;
  bool answer = false;
  if (napi_is_typedarray(env, value, &answer) == napi_ok) is_typed = answer;
  if (!is_typed) return 0;
  if (napi_get_typedarray_info(env, value, &type, &out->length, &data, NULL, NULL) != napi_ok) {
    return 0;
  }
  out->at = data;
  return type == napi_uint8_array;
}

typedef void (*ige)(uint8_t *, const uint8_t *, size_t, const uint8_t *, const uint8_t *);

/* (target, source, key, vector): target may be source itself, and else must not overlap it. */
static napi_value run(napi_env env, napi_callback_info info, ige transform) {
  napi_value values[4];
  size_t count = 4;
  bytes target, source, key, vector;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok) return NULL;
  if (count < 4 || !read_bytes(env, values[0], &target) || !read_bytes(env, values[1], &source) ||
      !read_bytes(env, values[2], &key) || !read_bytes(env, values[3], &vector)) {
    napi_throw_type_error(env, NULL, "Expected four Uint8Arrays: target, source, key, vector");
    return NULL;
  }
  if (key.length != KEY_BYTES || vector.length != VECTOR_BYTES) {
    napi_throw_range_error(env, NULL, "Expected a key and a vector of 32 bytes each");
    return NULL;
  }
  if (source.length % BLOCK_BYTES != 0 || target.length != source.length) {
    napi_throw_range_error(env, NULL, "Expected whole blocks of 16 bytes, as many in both");
    return NULL;
  }
  const uintptr_t from = (uintptr_t)source.at, to = (uintptr_t)target.at;
  const uintptr_t apart = from < to ? to - from : from - to;
  if (from != to && apart < source.length) {
    napi_throw_range_error(env, NULL, "Expected a target that is the source, or apart from it");
    return NULL;
  }
  transform(target.at, source.at, source.length, key.at, vector.at);
  return NULL;
}

static napi_value encrypt(napi_env env, napi_callback_info info) {
  return run(env, info, encrypt_ige);
}

static napi_value decrypt(napi_env env, napi_callback_info info) {
  return run(env, info, decrypt_ige);
}

NAPI_MODULE_INIT() {
  napi_value value;
  if (!has_instructions()) return exports;
  if (napi_create_function(env, "encrypt", NAPI_AUTO_LENGTH, encrypt, NULL, &value) != napi_ok ||
      napi_set_named_property(env, exports, "encrypt", value) != napi_ok ||
      napi_create_function(env, "decrypt", NAPI_AUTO_LENGTH, decrypt, NULL, &value) != napi_ok ||
      napi_set_named_property(env, exports, "decrypt", value) != napi_ok ||
      napi_create_string_utf8(env, INSTRUCTIONS, NAPI_AUTO_LENGTH, &value) != napi_ok ||
      napi_set_named_property(env, exports, "instructions", value) != napi_ok) {
    napi_throw_error(env, NULL, "The module cannot be set up");
  }
  return exports;
}
