import type { FastPathSender } from './fast-path.ts'

/*
 * The package `telegram` is gramjs, or its maintained fork teleproto under the same name
 * (`npm install telegram@npm:teleproto@<exact version>`). Everything in which the two differ, as far
 * as the worker uses them, is in this file.
 */

/** The members in which a sender of teleproto differs from one of gramjs. */
export interface LibrarySender extends FastPathSender {
  /** teleproto: wrap the next request into initConnection. gramjs knows no such member. */
  _needsInitConnection?: boolean
  /** teleproto's queue; gramjs has it in `_sendQueue`. */
  readonly _queued?: unknown[]
}

/**
 * Returns the TL layer that the library speaks. gramjs exports it from `tl/AllTLObjects`, teleproto
 * from `tl`. Throws what `require` throws where neither is there.
 */
export function layerOf(require: NodeJS.Require): number {
  return require('telegram/tl').LAYER ?? require('telegram/tl/AllTLObjects').LAYER
}

/**
 * Leaves initConnection to the worker (`init-connection.ts`), which sends it once per connection with its
 * own parameters. teleproto would wrap the first request once more.
 */
export function leaveInitConnectionToCaller(sender: LibrarySender): void {
  sender._needsInitConnection = false
}

/** Returns the list of requests that the sender has not written yet; the live list, not a copy. */
export function unsentRequests(sender: LibrarySender): unknown[] {
  return sender._sendQueue?._queue ?? sender._queued ?? []
}
