import type { Sha256Compression } from 'aes-ige-native/sha256'
import { nativeSha256 } from './native-sha256.ts'

/** A SHA-256 whose state can be kept, so that another process, on another machine, goes on with it. */
export interface ResumableSha256 {
  update: (bytes: Uint8Array) => void
  /**
   * What has been hashed so far, in at most 104 bytes: a version, how many bytes, the eight words of
   * the hash, and the bytes behind the last whole block, which are bytes of the file.
   */
  export: () => Uint8Array
  /** The digest in hex of what has been hashed so far; more may follow. */
  digest: () => string
}

type Compress = Sha256Compression['compress']

/** What a hash is made of. */
export interface Compression {
  compress: Compress
  /** For the last blocks, behind the end of the bytes. */
  compressLast: Compress
}

const BLOCK_BYTES = 64
const WORDS_BYTES = 32
/** Where in the last block the length in bits stands (FIPS 180-4, section 5.1.1). */
const LENGTH_AT = 56
/** Section 5.3.3. */
const BEGIN = Buffer.from('6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19', 'hex')

const STATE_VERSION = 1
/** Version, length (64 bits, the high byte first), words; the tail follows. */
const LENGTH_FIELD = 1
const WORDS_FIELD = 9
const TAIL_FIELD = WORDS_FIELD + WORDS_BYTES

/** The choice is made once for a process and each value of `native`. */
const chosen = new Map<boolean, Promise<Compress>>()

/**
 * Begins, or goes on from a state that `export` has made here or elsewhere: it is the same whatever
 * has hashed. The processor's own instructions hash as fast as Node's own hash; without the native
 * module, or with `native: false`, WebAssembly does at a fifth of that. Rejects with a RangeError for
 * bytes that are no such state.
 */
export async function createResumableSha256(
  state: Uint8Array | null = null,
  { native = true }: { native?: boolean } = {},
): Promise<ResumableSha256> {
  const choice = chosen.get(native) ?? chooseCompression(native)
  chosen.set(native, choice)
  return resume(await choice, state)
}

function resume(compress: Compress, state: Uint8Array | null): ResumableSha256 {
  return resumeSha256({ compress, compressLast: compress }, state)
}

/** `rest` returns the bytes that no `compress` has taken yet, less than a block. */
export function resumeSha256(
  { compress, compressLast }: Compression,
  state: Uint8Array | null,
): ResumableSha256 & { rest: () => Uint8Array } {
  const { words, tail, length: begun } = state === null ? emptyState() : parseState(state)
  let length = begun

  return {
    update: (bytes) => {
      let at = 0
      const held = length % BLOCK_BYTES
      length += bytes.length
      if (held > 0) {
        at = Math.min(BLOCK_BYTES - held, bytes.length)
        tail.set(bytes.subarray(0, at), held)
        if (held + at < BLOCK_BYTES) return
        compress(words, tail)
      }
      const end = bytes.length - (length % BLOCK_BYTES)
      if (end > at) compress(words, bytes.subarray(at, end))
      tail.set(bytes.subarray(end))
    },
    export: () => {
      const held = length % BLOCK_BYTES
      const exported = Buffer.alloc(TAIL_FIELD + held)
      exported.writeUInt8(STATE_VERSION)
      exported.writeBigUInt64BE(BigInt(length), LENGTH_FIELD)
      exported.set(words, WORDS_FIELD)
      exported.set(tail.subarray(0, held), TAIL_FIELD)
      return exported
    },
    rest: () => tail.subarray(0, length % BLOCK_BYTES),
    digest: () => {
      const held = length % BLOCK_BYTES
      const last = Buffer.alloc(held < LENGTH_AT ? BLOCK_BYTES : 2 * BLOCK_BYTES)
      last.set(tail.subarray(0, held))
      last.writeUInt8(0x80, held)
      last.writeBigUInt64BE(BigInt(length) * 8n, last.length - 8)
      const result = Buffer.from(words)
      compressLast(result, last)
      return result.toString('hex')
    },
  }
}

interface HashState {
  words: Uint8Array
  /** A whole block, of which the first `length % 64` bytes count. */
  tail: Uint8Array
  length: number
}

function emptyState(): HashState {
  return { words: Buffer.from(BEGIN), tail: Buffer.alloc(BLOCK_BYTES), length: 0 }
}

function parseState(state: Uint8Array): HashState {
  const bytes = Buffer.from(state)
  const length = bytes.length < TAIL_FIELD ? -1 : Number(bytes.readBigUInt64BE(LENGTH_FIELD))
  if (
    bytes[0] !== STATE_VERSION ||
    !Number.isSafeInteger(length) ||
    bytes.length !== TAIL_FIELD + (length % BLOCK_BYTES)
  ) {
    throw new RangeError('these bytes are no state of a SHA-256')
  }
  const tail = Buffer.alloc(BLOCK_BYTES)
  tail.set(bytes.subarray(TAIL_FIELD))
  return { words: bytes.subarray(WORDS_FIELD, TAIL_FIELD), tail, length }
}

async function chooseCompression(native: boolean): Promise<Compress> {
  const sha256 = native ? nativeSha256() : null
  if (sha256 !== null) return sha256.compress
  const compress = await loadWasm()
  if (!hashesRightly(compress)) throw new Error('hash-wasm keeps its state in another way')
  return compress
}

/** The example of two blocks (FIPS 180-4's examples). */
function hashesRightly(compress: Compress): boolean {
  const hash = resume(compress, null)
  hash.update(Buffer.from('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'))
  return hash.digest() === '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1'
}

/** hash-wasm's own state: a mark of its version, a block, the length, the words with the low byte first. */
const WASM_WORDS_AT = 4 + BLOCK_BYTES + 8

async function loadWasm(): Promise<Compress> {
  const { createSHA256 } = await import('hash-wasm')
  const wasm = await createSHA256()
  const empty = wasm.init().save()
  return (words, blocks) => {
    const state = Buffer.from(empty)
    state.set(swapped(words), WASM_WORDS_AT)
    const after = Buffer.from(wasm.load(state).update(blocks).save())
    words.set(swapped(after.subarray(WASM_WORDS_AT, WASM_WORDS_AT + WORDS_BYTES)))
  }
}

/** A copy with the bytes of each word in the other order. */
function swapped(words: Uint8Array): Uint8Array {
  return Buffer.from(words).swap32()
}
