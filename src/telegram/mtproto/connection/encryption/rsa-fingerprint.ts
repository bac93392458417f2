import { createHash } from 'node:crypto'

/**
 * How MTProto names an RSA key: the last 8 bytes of SHA-1 over its TL form, as a signed long in
 * decimal (core.telegram.org/mtproto/auth_key).
 */
export function rsaFingerprint(modulus: Buffer, exponent: Buffer): string {
  const digest = createHash('sha1').update(toTlBytes(modulus)).update(toTlBytes(exponent)).digest()
  return digest.readBigInt64LE(digest.length - 8).toString()
}

function toTlBytes(bytes: Buffer): Buffer {
  const head =
    bytes.length < 254
      ? Buffer.from([bytes.length])
      : Buffer.from([254, bytes.length & 255, (bytes.length >> 8) & 255, bytes.length >> 16])
  const padding = Buffer.alloc(-(head.length + bytes.length) & 3)
  return Buffer.concat([head, bytes, padding])
}
