import { gzipSync } from 'node:zlib'
import { encoder } from '../../tl/codec.ts'
import { createWriter, type Encoded } from '../../tl/writer.ts'
import type { TlValue } from '../../types.ts'

const RPC_RESULT = 0xf35c6d01
const GZIP_PACKED = 0x3072cfa1
const GZIP_FROM = 512
const GZIP_UP_TO = 64 * 1024

function wrap(requestId: bigint, content: Encoded): Encoded {
  const writer = createWriter()
  writer.int(RPC_RESULT)
  writer.long(requestId)
  for (const piece of content.pieces) writer.raw(piece)
  return writer.finish()
}

// Large results are files, which are compressed already.
function packed(content: Encoded): Encoded {
  if (content.length < GZIP_FROM || content.length > GZIP_UP_TO) return content
  const gzipped = gzipSync(Buffer.concat(content.pieces), { level: 3 })
  if (gzipped.length > content.length * 0.9) return content
  const writer = createWriter()
  writer.int(GZIP_PACKED)
  writer.bytes(gzipped)
  return writer.finish()
}

/** rpc_result with the value that a method returned; throws TypeError when the value does not fit its schema. */
export function encodeResult(
  requestId: bigint,
  { method, value, layer }: { method: string; value: TlValue; layer: number },
): Encoded {
  const writer = createWriter()
  encoder.result(writer, method, value, layer)
  const content = writer.finish()
  return wrap(requestId, method.startsWith('upload.') ? content : packed(content))
}

/** rpc_result with an error (https://core.telegram.org/mtproto/service_messages#rpc-error). */
export function encodeError(requestId: bigint, code: number, message: string): Encoded {
  return wrap(
    requestId,
    encoder.encode({ _: 'rpc_error', error_code: code, error_message: message }, 0),
  )
}
