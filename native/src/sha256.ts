import { loadModule } from './load-module.ts'

/** The compression function of SHA-256 (FIPS 180-4, section 6.2.2). */
export interface Sha256Compression {
  /**
   * Takes whole blocks of 64 bytes into `state`, in place: 32 bytes, the eight words of the hash with
   * the high byte first, as they stand in a digest. Throws TypeError or RangeError for anything else,
   * before a byte is written.
   */
  compress: (state: Uint8Array, blocks: Uint8Array) => void
  /**
   * The same, in the same time, and returns the CRC-32 of the blocks (ZIP's), which goes on from the
   * one given: 0 at the beginning.
   */
  compressWithCrc: (state: Uint8Array, blocks: Uint8Array, crc32: number) => number
  /**
   * Two hashes at once, of as many blocks each, in two thirds of the time that they take one after the
   * other.
   */
  compressTwo: (
    state: Uint8Array,
    blocks: Uint8Array,
    otherState: Uint8Array,
    otherBlocks: Uint8Array,
  ) => void
  /** Which instructions it uses: `sha-ni` or `armv8`. */
  readonly instructions: string
}

export type LoadedSha256 =
  | { kind: 'native'; sha256: Sha256Compression }
  /** `reason` is a sentence for an operator, without a path. */
  | { kind: 'missing'; reason: string }

/** Loads the compiled module. Does not throw: without the module, callers hash in another way. */
export function loadSha256(): LoadedSha256 {
  const loaded = loadModule<Sha256Compression>('sha256', { instructions: 'SHA' })
  return loaded.kind === 'native' ? { kind: 'native', sha256: loaded.exports } : loaded
}
