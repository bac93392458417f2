import type { ChannelGateway } from '../core/ports/channel.ts'
import type { TelegramGate, TelegramGateway } from '../core/ports/telegram.ts'
import { type AppError, shuttingDown } from '../errors.ts'
import { createGate } from '../lib/concurrency/gate.ts'
import { createTally } from '../lib/concurrency/tally.ts'
import { withTimeout } from '../lib/waiting/with-timeout.ts'
import type { SharedReads } from './documents.ts'
import type { ConnectedTelegram } from './gateway.ts'

export interface GatedGateway {
  gateway: TelegramGateway
  channel: ChannelGateway
  shared: SharedReads
  forget: ConnectedTelegram['forget']
  gate: TelegramGate
}

/** For calls to hear that they were cut; their connections are closed by then. */
const CUT_WITHIN_MS = 1_000

/**
 * A gateway behind a gate, shut at first: while it is, calls that need Telegram wait, and nothing
 * is loaded or connected. `connect` makes the gateway itself, anew after each leaving.
 */
export function createGatedGateway(connect: () => ConnectedTelegram): GatedGateway {
  const gate = createGate()
  const calls = createTally()
  let inner = connect()
  let left = false

  async function passing<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    await gate.pass(signal)
    const leave = calls.enter()
    try {
      return await call()
    } finally {
      leave()
    }
  }

  async function leave(reason: AppError): Promise<void> {
    gate.bar(reason)
    left = true
    await inner.close()
    await withTimeout(calls.none(), { ms: CUT_WITHIN_MS, onTimeout: () => {} })
  }

  return {
    gate: {
      open: () => {
        if (left) inner = connect()
        left = false
        gate.open()
      },
      leave,
    },
    gateway: {
      roadFor: (...document) => inner.roadFor(...document),
      leaseOf: (credentials) => inner.leaseOf(credentials),
      documentLimits: (credentials) => inner.documentLimits(credentials),
      sendsEarly: (road, size) => inner.sendsEarly(road, size),
      sendAvailable: (request) => passing(request.signal, () => inner.sendAvailable(request)),
      finish: (request) => passing(request.signal, () => inner.finish(request)),
      locate: (credentials, messageId, signal, fileId) =>
        passing(signal, () => inner.locate(credentials, messageId, signal, fileId)),
      locateAll: (credentials, messageIds, signal) =>
        passing(signal, () => inner.locateAll(credentials, messageIds, signal)),
      readBlock: (document, block, signal) =>
        passing(signal, () => inner.readBlock(document, block, signal)),
      readThumbnail: (document, signal) =>
        passing(signal, () => inner.readThumbnail(document, signal)),
      reuse: (block) => inner.reuse?.(block),
      assertReachable: (...document) => inner.assertReachable(...document),
      waitFor: (...document) => inner.waitFor(...document),
      waits: () => inner.waits(),
      circuits: () => inner.circuits(),
      windows: () => inner.windows(),
      close: () => leave(shuttingDown()),
    },
    shared: {
      placeOf: (document, signal) => passing(signal, () => inner.shared.placeOf(document, signal)),
      read: (credentials, place, block, signal) =>
        passing(signal, () => inner.shared.read(credentials, place, block, signal)),
    },
    forget: (credentials, messageIds) => inner.forget(credentials, messageIds),
    channel: {
      reader: (credentials) => inner.channel.reader(credentials),
      position: (call) => passing(call.signal, () => inner.channel.position(call)),
      page: (call, before) => passing(call.signal, () => inner.channel.page(call, before)),
      messages: (call, ids) => passing(call.signal, () => inner.channel.messages(call, ids)),
      difference: (call, pts) => passing(call.signal, () => inner.channel.difference(call, pts)),
      edit: (call, edit) => passing(call.signal, () => inner.channel.edit(call, edit)),
      remove: (call, ids, postedBy) =>
        passing(call.signal, () => inner.channel.remove(call, ids, postedBy)),
      post: (call, post) => passing(call.signal, () => inner.channel.post(call, post)),
    },
  }
}
