import { randomBytes } from 'node:crypto'
import { type AesIge, type LoadedAesIge, loadAesIge } from 'aes-ige-native'
import type { Sha256Compression } from 'aes-ige-native/sha256'
import { nativeSha256 } from '../../../../lib/hashing/native-sha256.ts'
import { loadWasm, wasmIge } from './wasm-ige.ts'

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
let hashing: Sha256Compression | null = null

/**
 * Chooses what `ige` is in this thread; to be called before it is used. The native module has to
 * encrypt as OpenSSL does and to decrypt that again, or is not used.
 */
export function loadCipher({ native }: { native: boolean }): CipherChoice {
  hashing = native ? nativeSha256() : null
  const loaded = native ? loadAesIge() : null
  // Only the encryption of what is known is asked for, so this needs no WebAssembly.
  if (loaded?.kind === 'native' && agree(igeClass(loaded.ige), igeClass(wasmIge))) {
    engine = loaded.ige
    return { kind: 'native', instructions: loaded.ige.instructions }
  }
  loadWasm()
  engine = wasmIge
  return { kind: 'WebAssembly', reason: reasonAgainst(loaded) }
}

function reasonAgainst(loaded: LoadedAesIge | null): string {
  if (loaded === null) return 'TELESTORE_NATIVE is off'
  return loaded.kind === 'missing' ? loaded.reason : 'the native module gives wrong answers'
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

/** The processor's own SHA-256, or null: Node's is used. */
export function sha256Compression(): Sha256Compression | null {
  return hashing
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

/** Whether the candidate encrypts as the known class does, and decrypts that again, at several lengths. */
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
