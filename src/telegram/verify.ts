import { setImmediate } from 'node:timers/promises'
import type { TransferRequest } from '../core/ports/telegram.ts'
import { buffers } from '../lib/buffer-pool.ts'
import type { Semaphore } from '../lib/concurrency/semaphore.ts'
import { BLOCK_BYTES } from './limits.ts'

export interface VerifyOptions {
  request: Pick<TransferRequest, 'file' | 'onEvent' | 'signal'>
  /** Numbers of blocks of 1 MiB. */
  blocks: readonly number[]
  /** The bytes that Telegram has of the block from `offset` on. */
  read: (offset: number) => Promise<Uint8Array>
  /** Bytes of parts that all uploads together may hold in memory. */
  memory: Semaphore
}

/** Blocks that are read at the same time: a whole sample, because each connection has its own speed. */
const PARALLEL = 7

/** Whether Telegram has the bytes of the file in all these blocks. Rejects as both reads do. */
export async function isAsSent(options: VerifyOptions): Promise<boolean> {
  const { request, blocks, memory } = options
  const { size } = request.file
  const left = blocks.values()
  let verified = 0
  let isSame = true

  async function verifyNext(): Promise<void> {
    for (const block of left) {
      const offset = block * BLOCK_BYTES
      const length = Math.min(BLOCK_BYTES, size - offset)
      const release = await memory.acquire(2 * length, request.signal)
      try {
        if (!(await isBlockAsSent(options, offset, length))) isSame = false
      } finally {
        release()
      }
      if (!isSame) return
      verified++
      request.onEvent({ phase: 'posting', verified: verified / blocks.length })
    }
  }

  const running: Promise<void>[] = []
  while (running.length < Math.min(PARALLEL, blocks.length)) {
    const reading = verifyNext()
    // Looked at below.
    reading.catch(() => {})
    running.push(reading)
    // Requests of one moment would all take the same connection.
    await setImmediate()
  }
  // Another one may still use the file, whose chunks go when this rejects.
  await Promise.allSettled(running)
  await Promise.all(running)
  return isSame
}

async function isBlockAsSent(
  { request, read }: VerifyOptions,
  offset: number,
  length: number,
): Promise<boolean> {
  const sent = buffers.take(length)
  const [received] = await Promise.all([read(offset), request.file.read(offset, sent)])
  const isSame = sent.equals(received)
  buffers.giveBack(sent)
  buffers.giveBack(received)
  return isSame
}
