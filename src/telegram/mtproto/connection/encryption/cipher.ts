import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type AesIge, loadAesIge } from 'aes-ige-native'
import { loadWasmIge } from './wasm-ige.ts'

const BLOCK_BYTES = 16

/** One AES-256-IGE key and initialization vector, with the interface gramjs expects. */
export interface IgeCipher {
  encryptIge(plain: Buffer): Buffer
  decryptIge(encrypted: Buffer): Buffer
}

export type IgeCipherClass = new (key: Buffer, iv: Buffer) => IgeCipher

/** What encrypts and decrypts in this thread, and, where that is WebAssembly, the reason. */
export type CipherChoice =
  | { kind: 'native'; instructions: string }
  | { kind: 'WebAssembly'; reason: string }

let engine: AesIge | undefined

/**
 * Chooses what `ige` is in this thread; to be called before it is used. The native module has to give
 * the answers of WebAssembly, or is not used.
 */
export function loadCipher({ native }: { native: boolean }): CipherChoice {
  const wasm = loadWasmIge()
  engine = wasm
  if (!native) return { kind: 'WebAssembly', reason: 'TELESTORE_NATIVE is off' }
  const loaded = loadAesIge()
  if (loaded.kind === 'missing') return { kind: 'WebAssembly', reason: loaded.reason }
  if (!agree(igeClass(loaded.ige), igeClass(wasm))) {
    return { kind: 'WebAssembly', reason: 'the native module gives wrong answers' }
  }
  engine = loaded.ige
  return { kind: 'native', instructions: loaded.ige.instructions }
}

/** A sentence for the log and for operators. */
export function describeCipher(choice: CipherChoice): string {
  return choice.kind === 'native'
    ? `AES by the processor's instructions (${choice.instructions})`
    : `AES by WebAssembly, at two or three times the CPU: ${choice.reason}`
}

/** The chosen AES-256-IGE. Throws before `loadCipher`. */
export function ige(): AesIge {
  if (!engine) throw new Error('no cipher is loaded')
  return engine
}

/** A class to put in the place of gramjs' own. */
export function igeClass(aesIge: AesIge): IgeCipherClass {
  return class FastIge implements IgeCipher {
    readonly #key: Buffer
    readonly #iv: Buffer

    constructor(key: Buffer, iv: Buffer) {
      this.#key = key
      this.#iv = iv
    }

    encryptIge(plain: Buffer): Buffer {
      const missing = -plain.length & (BLOCK_BYTES - 1)
      const padded = missing === 0 ? plain : Buffer.concat([plain, randomBytes(missing)])
      const encrypted = Buffer.allocUnsafeSlow(padded.length)
      aesIge.encrypt(encrypted, padded, this.#key, this.#iv)
      return encrypted
    }

    decryptIge(encrypted: Buffer): Buffer {
      const plain = Buffer.allocUnsafeSlow(encrypted.length)
      aesIge.decrypt(plain, encrypted, this.#key, this.#iv)
      return plain
    }
  }
}

/** Whether both classes give the same answers, in both directions and at several lengths. */
export function agree(candidate: IgeCipherClass, known: IgeCipherClass): boolean {
  return [16, 32, 48, 1024, 4112].every((length) => {
    const [key, iv, plain] = [randomBytes(32), randomBytes(32), randomBytes(length)]
    const encrypted = new known(key, iv).encryptIge(plain)
    return (
      new candidate(key, iv).encryptIge(plain).equals(encrypted) &&
      new candidate(key, iv).decryptIge(encrypted).equals(plain)
    )
  })
}

/** zlib's CRC-32, and whether it gives the known answer (RFC 1952's check value). */
export { crc32 }
export const crc32Agrees = (): boolean => crc32('123456789') === 0xcbf43926
