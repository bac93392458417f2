import { generatePrimeSync, randomBytes } from 'node:crypto'
import { decoder, encoder } from '../../tl/codec.ts'
import { createReader } from '../../tl/reader.ts'
import type { TlObject } from '../../types.ts'
import { igeDecrypt, igeEncrypt } from '../messages/ige.ts'
import { sha1 } from './digest.ts'
import type { AesKey } from './key-derivation.ts'

const HASH_LENGTH = 20

function bigEndian(value: bigint): Buffer {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

/** The product of two primes below 2^31, which the client must factor as a small proof of work. */
export function createChallenge(): { pq: Buffer; p: Buffer; q: Buffer } {
  const one = generatePrimeSync(31, { bigint: true })
  let other = one
  while (other === one) other = generatePrimeSync(31, { bigint: true })
  const [p, q] = one < other ? [one, other] : [other, one]
  return { pq: bigEndian(p * q), p: bigEndian(p), q: bigEndian(q) }
}

/** An inner message of the exchange: its hash, itself, random padding, encrypted. */
export function encryptInner(message: TlObject, { key, iv }: AesKey): Uint8Array {
  const plain = Buffer.concat(encoder.encode(message, 0).pieces)
  const padding = randomBytes(-(HASH_LENGTH + plain.length) & 15)
  return igeEncrypt(Buffer.concat([sha1(plain), plain, padding]), key, iv)
}

/** The inverse; null when the hash in front does not match. */
export function decryptInner(encrypted: Uint8Array, { key, iv }: AesKey): TlObject | null {
  if (encrypted.length < 2 * HASH_LENGTH || encrypted.length % 16 !== 0) return null
  const opened = Buffer.from(igeDecrypt(encrypted, key, iv))
  const reader = createReader(opened.subarray(HASH_LENGTH))
  const message = decoder.object(reader)
  const plain = opened.subarray(HASH_LENGTH, opened.length - reader.remaining)
  const isTrue = reader.remaining < 16 && sha1(plain).equals(opened.subarray(0, HASH_LENGTH))
  return isTrue ? message : null
}

/** Both nonces' first halves, xored: the salt until the server names another. */
export function firstSalt(newNonce: Uint8Array, serverNonce: Uint8Array): bigint {
  const mixed = Buffer.from(newNonce.subarray(0, 8))
  for (const [index, byte] of serverNonce.subarray(0, 8).entries()) {
    mixed[index] = (mixed[index] ?? 0) ^ byte
  }
  return mixed.readBigInt64LE(0)
}
