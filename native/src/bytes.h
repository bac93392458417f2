/* What the modules share: the bytes that JavaScript gives them. */
#ifndef BYTES_H
#define BYTES_H

#include <node_api.h>
#include <stdint.h>

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

static int overlap(bytes a, bytes b) {
  const uintptr_t from = (uintptr_t)a.at, to = (uintptr_t)b.at;
  return from < to ? to - from < a.length : from - to < b.length;
}

static int export_function(napi_env env, napi_value exports, const char *name,
                           napi_callback function) {
  napi_value value;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, function, NULL, &value) == napi_ok &&
         napi_set_named_property(env, exports, name, value) == napi_ok;
}

static int export_text(napi_env env, napi_value exports, const char *name, const char *text) {
  napi_value value;
  return napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) == napi_ok &&
         napi_set_named_property(env, exports, name, value) == napi_ok;
}

#endif
