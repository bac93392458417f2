import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { loadSha256, type Sha256Compression } from 'aes-ige-native/sha256'

/** Of each thread; undefined: not asked for yet. */
let loaded: Sha256Compression | null | undefined

/** The native module's SHA-256, which has to hash as Node does; null: it is not here, or does not. */
export function nativeSha256(): Sha256Compression | null {
  if (loaded === undefined) {
    const found = loadSha256()
    loaded = found.kind === 'native' && agrees(found.sha256) ? found.sha256 : null
  }
  return loaded
}

/** FIPS 180-4, section 5.3.3. */
const BEGIN = '6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19'

function agrees({ compress, compressWithCrc, compressTwo }: Sha256Compression): boolean {
  // Three blocks, of which the last is the end of the bytes.
  const bytes = Buffer.alloc(64 + 55, 'TeleStore')
  const blocks = Buffer.concat([bytes, Buffer.from([0x80]), Buffer.alloc(8)])
  blocks.writeBigUInt64BE(BigInt(bytes.length) * 8n, blocks.length - 8)
  const known = createHash('sha256').update(bytes).digest()
  const states = Array.from({ length: 4 }, () => Buffer.from(BEGIN, 'hex'))
  const [alone, withCrc, one, other] = states
  if (!alone || !withCrc || !one || !other) return false
  compress(alone, blocks)
  const crc = compressWithCrc(withCrc, blocks, 5)
  compressTwo(one, blocks, other, blocks)
  return crc === crc32(blocks, 5) && states.every((state) => state.equals(known))
}
