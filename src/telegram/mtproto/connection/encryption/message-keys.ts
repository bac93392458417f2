import { createHash } from 'node:crypto'
import type { Sha256Compression } from 'aes-ige-native/sha256'
import { resumeSha256 } from '../../../../lib/hashing/resumable-sha256.ts'
import { KiB } from '../../../../lib/units.ts'
import { sha256Compression } from './cipher.ts'

/** What a message key is made of. */
export interface KeyedPlaintext {
  /** 256 bytes. */
  authKey: Buffer
  /** With its padding. */
  plain: Buffer
}

/** The middle of the hash. */
const MESSAGE_KEY = { start: 8, end: 24 }
/** The piece of the auth key that is hashed before the plaintext, from a client. */
const KEY_PIECE = { start: 88, length: 32 }
/** Smaller plaintexts are hashed before two of them could be set up. */
const LARGE_BYTES = 16 * KiB

/**
 * The keys of messages by MTProto 2.0, 16 bytes each, in their order; `x` is the specification's.
 * Large ones of one length, such as parts and blocks have, are hashed two at a time, in two thirds of
 * the time.
 */
export function messageKeysOf(messages: readonly KeyedPlaintext[], x: number): Buffer[] {
  const native = sha256Compression()
  const isWorthIt =
    messages.length > 1 && messages.every(({ plain }) => plain.length >= LARGE_BYTES)
  const digests =
    native !== null && isWorthIt ? hashInPairs(messages, x, native) : messages.map(hashWith(x))
  return digests.map((digest) => digest.subarray(MESSAGE_KEY.start, MESSAGE_KEY.end))
}

function hashWith(x: number): (message: KeyedPlaintext) => Buffer {
  return ({ authKey, plain }) =>
    createHash('sha256').update(keyPiece(authKey, x)).update(plain).digest()
}

function hashInPairs(
  messages: readonly KeyedPlaintext[],
  x: number,
  { compress, compressTwo }: Sha256Compression,
): Buffer[] {
  /** What is left of each message but for its first block and its end. */
  const middles: { words: Uint8Array; blocks: Uint8Array }[] = []
  const hashes = messages.map(({ authKey, plain }) => {
    const hash = resumeSha256(
      {
        compress: (words, blocks) => {
          if (blocks.length >= LARGE_BYTES / 2) middles.push({ words, blocks })
          else compress(words, blocks)
        },
        compressLast: compress,
      },
      null,
    )
    hash.update(keyPiece(authKey, x))
    hash.update(plain)
    return hash
  })
  for (let at = 0; at < middles.length; at += 2) {
    const [one, other] = middles.slice(at, at + 2)
    if (one && other && one.blocks.length === other.blocks.length) {
      compressTwo(one.words, one.blocks, other.words, other.blocks)
    } else {
      for (const each of [one, other]) if (each) compress(each.words, each.blocks)
    }
  }
  return hashes.map((hash) => Buffer.from(hash.digest(), 'hex'))
}

function keyPiece(authKey: Buffer, x: number): Buffer {
  const start = KEY_PIECE.start + x
  return authKey.subarray(start, start + KEY_PIECE.length)
}
