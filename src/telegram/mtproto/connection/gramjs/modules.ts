import { createRequire } from 'node:module'
import type { Api } from 'telegram'
import type { IgeCipherClass } from '../encryption/cipher.ts'
import type { GramjsConnectionClass } from './connection.ts'
import type { MessageTools } from './fast-path.ts'
import { type LibrarySender, layerOf } from './library.ts'

/*
 * What is used of gramjs' undocumented members, all in this folder. It exists in its fork
 * teleproto as well; where the two differ, `library.ts` knows.
 *
 * Of gramjs' network code only MTProtoSender is used: one connection, its message layer and
 * TL. TelegramClient is left out on purpose: its update loop, reconnection and exported senders
 * can neither be switched off nor reliably ended, and they lose requests.
 */

export type ApiClasses = typeof Api
export type Long = Api.long

/** What gramjs keeps for a request until its answer is here. */
export interface RequestState {
  msgId?: { toString: () => string }
  promise: Promise<unknown>
}

export interface AuthKey {
  setKey: (key: Buffer) => Promise<void>
  getKey: () => Buffer | undefined
}

export interface MTProtoSender extends LibrarySender {
  readonly authKey: AuthKey
  readonly _pendingState: { delete: (id: unknown) => void }
  connect: (connection: unknown, force: boolean) => Promise<boolean>
  disconnect: () => Promise<void>
  addStateToQueue: (state: RequestState) => void
  reconnect: () => void
}

export interface Modules {
  Api: ApiClasses
  layer: number
  senderClass: new (key: AuthKey | undefined, options: object) => MTProtoSender
  stateClass: new (request: unknown) => RequestState
  authKeyClass: { new (): AuthKey; prototype: AuthKey }
  connectionClass: GramjsConnectionClass
  ige: { IGE: IgeCipherClass }
  helpers: { returnBigInt: (value: string) => Long }
  rsa: { _serverKeys: Map<string, { n: Long; e: number }> }
  tools: MessageTools
  gzip: { GZIPPacked: { gzipIfSmaller: (related: boolean, data: Buffer) => Promise<Buffer> } }
}

/** Loads gramjs: a second, and 35 MB. */
export function loadModules(): Modules {
  const require = createRequire(import.meta.url)
  return {
    Api: require('telegram').Api,
    layer: layerOf(require),
    senderClass: require('telegram/network').MTProtoSender,
    stateClass: require('telegram/network/RequestState').RequestState,
    authKeyClass: require('telegram/crypto/AuthKey').AuthKey,
    connectionClass: require('telegram/network/connection').ConnectionTCPFull,
    ige: require('telegram/crypto/IGE'),
    helpers: require('telegram/Helpers'),
    rsa: require('telegram/crypto/RSA'),
    tools: {
      readerClass: require('telegram/extensions').BinaryReader,
      messageClass: require('telegram/tl/core').TLMessage,
      securityErrorClass: require('telegram/errors').SecurityError,
    },
    gzip: require('telegram/tl/core'),
  }
}
