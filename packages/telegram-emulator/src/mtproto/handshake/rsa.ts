import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  privateDecrypt,
} from 'node:crypto'
import { createWriter } from '../../tl/writer.ts'
import { igeDecrypt } from '../messages/ige.ts'
import { sha1, sha256 } from './digest.ts'

export interface ServerKey {
  /** The number by which clients choose among the keys they know. */
  fingerprint: bigint
  publicKeyPem: string
  /** The bytes of p_q_inner_data, or null when the message was not made for this key. */
  decrypt: (encrypted: Uint8Array) => Uint8Array | null
}

const RSA_LENGTH = 256
const NO_IV = new Uint8Array(32)
/** The least number with sixteen hex digits. */
const SIXTEEN_DIGITS = 1n << 60n

function fingerprintOf(modulus: Uint8Array, exponent: Uint8Array): bigint {
  const writer = createWriter()
  writer.bytes(modulus)
  writer.bytes(exponent)
  return sha1(...writer.finish().pieces).readBigInt64LE(12)
}

/**
 * RSA_PAD: a one-time AES key, xored with the hash of the bytes that it encrypts
 * (https://core.telegram.org/mtproto/auth_key, step 4.1).
 */
function decryptPadded(raw: Buffer): Uint8Array | null {
  const encrypted = raw.subarray(32)
  const mask = sha256(encrypted)
  const key = raw.subarray(0, 32).map((byte, index) => byte ^ (mask[index] ?? 0))
  const opened = Buffer.from(igeDecrypt(encrypted, key, NO_IV))
  const content = opened.subarray(0, 192).reverse()
  return sha256(key, content).equals(opened.subarray(192)) ? content : null
}

/**
 * The form before RSA_PAD, which gramjs still sends: SHA-1, the data, and random padding. Where the
 * data ends shows only once it is parsed, so the hash is tried against every possible end.
 */
function decryptHashed(raw: Buffer): Uint8Array | null {
  if (raw[0] !== 0) return null
  const hash = raw.subarray(1, 21)
  const padded = raw.subarray(21)
  for (let length = 80; length <= padded.length; length += 4) {
    const content = padded.subarray(0, length)
    if (sha1(content).equals(hash)) return content
  }
  return null
}

/** The server's side of RSA for one 2048-bit key pair. */
export function createServerKey(privateKeyPem: string): ServerKey {
  const privateKey = createPrivateKey(privateKeyPem)
  const publicKey = createPublicKey(privateKey)
  const { n, e } = publicKey.export({ format: 'jwk' })
  if (!n || !e) throw new TypeError('Expected an RSA key')

  return {
    fingerprint: fingerprintOf(Buffer.from(n, 'base64url'), Buffer.from(e, 'base64url')),
    publicKeyPem: publicKey.export({ format: 'pem', type: 'pkcs1' }).toString(),
    decrypt: (encrypted) => {
      if (encrypted.length !== RSA_LENGTH) return null
      try {
        const raw = privateDecrypt(
          { key: privateKey, padding: constants.RSA_NO_PADDING },
          encrypted,
        )
        return decryptPadded(raw) ?? decryptHashed(raw)
      } catch {
        // A number above the modulus, which no client sends.
        return null
      }
    },
  }
}

/**
 * Makes a private key as PEM, which takes about a quarter of a second.
 *
 * Its fingerprint has all sixteen hex digits. mtcute keeps the keys it knows by their padded
 * fingerprint and looks up the server's fingerprint without padding, so it would never find one
 * key in sixteen, and would start the key exchange again for ever.
 */
export function makeRsaKey(modulusLength = 2048): string {
  while (true) {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent: 65_537 })
    const pem = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
    if (BigInt.asUintN(64, createServerKey(pem).fingerprint) >= SIXTEEN_DIGITS) return pem
  }
}
