/** SHA-256 of bytes that come in pieces (FIPS 180-4). */
export interface Sha256 {
  readonly update: (bytes: Uint8Array) => void
  /** The digest in hex; afterwards nothing can be added. */
  readonly hex: () => string
}

interface NodeHash {
  update: (bytes: Uint8Array) => void
  digest: (encoding: 'hex') => string
}

interface NodeProcess {
  getBuiltinModule?: (name: string) => { createHash: (name: string) => NodeHash } | undefined
}

/** By Node's own hash where there is one: browsers hash only what is whole in memory. */
export function createSha256(): Sha256 {
  const process: NodeProcess | undefined = Reflect.get(globalThis, 'process')
  const hash = process?.getBuiltinModule?.('node:crypto')?.createHash('sha256')
  if (!hash) return createPlainSha256()
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') }
}

const BLOCK = 64
/** Where in the last block the length stands, in bits. */
const LENGTH_AT = 56

const BEGIN = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]

const K = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]

/** The same without Node. */
export function createPlainSha256(): Sha256 {
  const state = Int32Array.from(BEGIN)
  const words = new Int32Array(BLOCK)
  const rest = new Uint8Array(BLOCK)
  let restBytes = 0
  let length = 0

  function add(bytes: Uint8Array): void {
    let at = 0
    if (restBytes > 0) {
      at = Math.min(BLOCK - restBytes, bytes.length)
      rest.set(bytes.subarray(0, at), restBytes)
      restBytes += at
      if (restBytes < BLOCK) return
      compress(state, words, rest, 0)
      restBytes = 0
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) compress(state, words, bytes, at)
    rest.set(bytes.subarray(at))
    restBytes = bytes.length - at
  }

  return {
    update: (bytes) => {
      length += bytes.length
      add(bytes)
    },
    hex: () => {
      const zeros = (2 * BLOCK + LENGTH_AT - 1 - (length % BLOCK)) % BLOCK
      const end = new DataView(new ArrayBuffer(1 + zeros + 8))
      end.setUint8(0, 0x80)
      end.setBigUint64(1 + zeros, BigInt(length) * 8n)
      add(new Uint8Array(end.buffer))
      return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
    },
  }
}

function compress(state: Int32Array, words: Int32Array, bytes: Uint8Array, at: number): void {
  const word = (index: number): number => words[index] ?? 0
  for (let i = 0; i < 16; i++) {
    const j = at + 4 * i
    words[i] =
      ((bytes[j] ?? 0) << 24) |
      ((bytes[j + 1] ?? 0) << 16) |
      ((bytes[j + 2] ?? 0) << 8) |
      (bytes[j + 3] ?? 0)
  }
  for (let i = 16; i < BLOCK; i++) {
    const early = word(i - 15)
    const late = word(i - 2)
    const s0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3)
    const s1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10)
    words[i] = (word(i - 16) + s0 + word(i - 7) + s1) | 0
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state
  for (let i = 0; i < BLOCK; i++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
    const first = (h + s1 + ((e & f) ^ (~e & g)) + (K[i] ?? 0) + word(i)) | 0
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
    const second = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + second) | 0
  }
  for (const [i, value] of [a, b, c, d, e, f, g, h].entries()) state[i] = (state[i] ?? 0) + value
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by))
}
