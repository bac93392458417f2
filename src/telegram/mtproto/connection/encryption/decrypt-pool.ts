import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { buffers } from '../../../../lib/buffer-pool.ts'
import { ConnectionError } from '../../../errors.ts'
import type { IncomingPacket } from './encrypted-message.ts'

/** What a thread is asked. The packet's memory goes with it. */
export interface DecryptRequest {
  id: number
  authKey: Uint8Array
  packet: Uint8Array<ArrayBuffer>
}

/** Its answer. The memory comes back; `place` is the plaintext's in it, null for a message that is not for this key. */
export interface DecryptAnswer {
  id: number
  place: { offset: number; length: number } | null
  memory: ArrayBuffer
}

/**
 * Decrypts messages in other threads. AES-IGE of 1 MB keeps a core busy for 6 to 20 ms; in the main
 * thread a few dozen downloads would make every other request wait for seconds.
 */
export interface DecryptPool {
  /**
   * As `decryptMessages`, for one packet. The packet must not be used afterwards: its memory goes to the thread.
   * Rejects with ConnectionError when the thread has died.
   */
  decrypt: (incoming: IncomingPacket) => Promise<Buffer | null>
}

interface Thread {
  worker: Worker
  waiting: Map<number, PromiseWithResolvers<Buffer | null>>
}

/** More threads than this are more memory than free plans have to spare. */
const MAX_THREADS = 2
/** A thread holds a module of 60 KB and nothing else for longer than a message. */
const THREAD_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 2 }

/** Threads start at the first message, and do not keep the process alive. */
export function createDecryptPool(
  threads = Math.max(1, Math.min(MAX_THREADS, availableParallelism() - 1)),
): DecryptPool {
  const running: Thread[] = []
  let lastId = 0

  function start(): Thread {
    // In `dist` the file beside this one is JavaScript.
    const path = import.meta.url.replace(/decrypt-pool\.(\w+)$/, 'decrypt-thread.$1')
    const worker = new Worker(new URL(path), { resourceLimits: THREAD_LIMITS })
    const thread: Thread = { worker, waiting: new Map() }
    const lose = (cause?: unknown): void => {
      const at = running.indexOf(thread)
      if (at >= 0) running.splice(at, 1)
      for (const { reject } of thread.waiting.values())
        reject(new ConnectionError('closed', { cause }))
      thread.waiting.clear()
    }
    worker.on('message', ({ id, place, memory }: DecryptAnswer) => {
      buffers.returned(memory)
      const plain = place && Buffer.from(memory, place.offset, place.length)
      thread.waiting.get(id)?.resolve(plain)
      thread.waiting.delete(id)
    })
    worker.once('error', lose)
    worker.once('exit', () => lose())
    worker.unref()
    running.push(thread)
    return thread
  }

  function leastBusy(): Thread {
    const [first] = running.toSorted((a, b) => a.waiting.size - b.waiting.size)
    return first && (first.waiting.size === 0 || running.length >= threads) ? first : start()
  }

  return {
    decrypt: ({ authKey, packet }) => {
      const thread = leastBusy()
      const id = ++lastId
      const answer = Promise.withResolvers<Buffer | null>()
      thread.waiting.set(id, answer)
      const bytes = ownMemory(packet)
      const request: DecryptRequest = { id, authKey: Uint8Array.from(authKey), packet: bytes }
      thread.worker.postMessage(request, [bytes.buffer])
      return answer.promise
    },
  }
}

/** Memory that may be transferred: no other buffer lies in it. */
function ownMemory(packet: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = packet
  // A packet that the socket read has memory of its own, which may be a little longer.
  const alone = buffer instanceof ArrayBuffer && byteLength > buffer.byteLength / 2
  return alone ? new Uint8Array(buffer, byteOffset, byteLength) : Uint8Array.from(packet)
}
