import { createHash, createPublicKey } from 'node:crypto'
import type { Log } from '../../../core/ports/log.ts'
import { agree, type CipherChoice, ige, igeClass } from './encryption/cipher.ts'
import { createDecryptPool } from './encryption/decrypt-pool.ts'
import { type DecryptMessage, decryptMessages } from './encryption/encrypted-message.ts'
import { createGathering } from './encryption/gathering.ts'
import { createConnectionClass } from './gramjs/connection.ts'
import {
  type ApiClasses,
  type AuthKey,
  type Long,
  loadModules,
  type Modules,
} from './gramjs/modules.ts'
import { createSender, type Sender, type SenderOptions } from './gramjs/sender.ts'

export type { Api } from 'telegram'
export type { Sender, SenderOptions, TlRequest } from './gramjs/sender.ts'

export interface Gramjs {
  readonly Api: ApiClasses
  readonly layer: number
  /** A TL long from decimal text. */
  toLong: (decimal: string) => Long
  createSender: (options: SenderOptions) => Sender
  /** Trusts one more RSA key of a server; needed for CDNs and for servers that are not Telegram's. */
  trustKey: (pem: string) => void
  /** Settles when the keys of the CDNs are trusted; null before they are asked for. */
  cdnKeys: Promise<void> | null
}

let loaded: Gramjs | undefined

/**
 * Loads gramjs at first use (a second, and 35 MB) and puts the chosen cipher into it.
 * `log` hears of a cipher that does not fit.
 */
export function loadGramjs(log: Log, cipher: CipherChoice): Gramjs {
  if (loaded) return loaded
  const modules = loadModules()
  const decrypt = installCipher(modules, log, cipher)
  // A part does not get smaller by compression; gramjs would only copy it twice to find out.
  modules.gzip.GZIPPacked.gzipIfSmaller = async (_related, data) => data
  keepLeadingZeros(modules.authKeyClass)
  const connectionClass = createConnectionClass(modules.connectionClass)
  loaded = {
    Api: modules.Api,
    layer: modules.layer,
    toLong: (decimal) => modules.helpers.returnBigInt(decimal),
    createSender: (options) => createSender({ ...modules, connectionClass, decrypt }, options, log),
    trustKey: (pem) => {
      const { n, e } = createPublicKey(pem).export({ format: 'jwk' })
      const modulus = Buffer.from(n ?? '', 'base64url')
      const exponent = Buffer.from(e ?? '', 'base64url')
      modules.rsa._serverKeys.set(rsaFingerprint(modulus, exponent), {
        n: modules.helpers.returnBigInt(BigInt(`0x${modulus.toString('hex')}`).toString()),
        e: exponent.readUIntBE(0, exponent.length),
      })
    },
    cdnKeys: null,
  }
  return loaded
}

/**
 * gramjs looks its cipher up in the module at each call, which is the only way in. Returns what
 * decrypts large messages, or null where gramjs' own cipher stays.
 */
function installCipher(
  { ige: module }: Modules,
  log: Log,
  cipher: CipherChoice,
): DecryptMessage | null {
  try {
    const fast = igeClass(ige())
    if (!agree(fast, module.IGE)) throw new Error('a known answer came out wrong')
    module.IGE = fast
    return cipher.kind === 'native' ? createGathering(decryptMessages) : createDecryptPool().decrypt
  } catch (error) {
    log.warn({ err: error }, "gramjs' own slow cipher stays in use")
    return null
  }
}

const AUTH_KEY_BYTES = 256

/**
 * A new key is a number, and gramjs forgets the zeros that one in 256 begins with: its hash would be
 * wrong, and the exchange fail.
 */
function keepLeadingZeros({ prototype }: Modules['authKeyClass']): void {
  const { setKey } = prototype
  prototype.setKey = function (this: AuthKey, key) {
    const short = Buffer.isBuffer(key) && key.length > 0 && key.length < AUTH_KEY_BYTES
    const zeros = short ? Buffer.alloc(AUTH_KEY_BYTES - key.length) : null
    return setKey.call(this, zeros ? Buffer.concat([zeros, key]) : key)
  }
}

/**
 * How MTProto names an RSA key: the last 8 bytes of SHA-1 over its TL form, as a signed long in
 * decimal (core.telegram.org/mtproto/auth_key).
 */
function rsaFingerprint(modulus: Buffer, exponent: Buffer): string {
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
