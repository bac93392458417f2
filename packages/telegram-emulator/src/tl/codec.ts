import { API_SCHEMA } from './api-schema.ts'
import { createDecoder, type TlDecoder } from './decode.ts'
import { createEncoder, type TlEncoder } from './encode.ts'
import { MTPROTO_SCHEMA } from './mtproto-schema.ts'
import { parseSchema, type Schema } from './schema.ts'

/** The schema that the emulator reads and writes by: both texts, parsed once. */
export const schema: Schema = parseSchema(MTPROTO_SCHEMA, API_SCHEMA)
export const decoder: TlDecoder = createDecoder(schema)
export const encoder: TlEncoder = createEncoder(schema)

/** For clients that never said which layer they speak: the one that most of them do. */
export const DEFAULT_LAYER = 198
