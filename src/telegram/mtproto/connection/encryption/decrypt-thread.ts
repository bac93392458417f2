import { parentPort } from 'node:worker_threads'
import { loadCipher } from './cipher.ts'
import type { DecryptAnswer, DecryptRequest } from './decrypt-pool.ts'
import { decryptMessage } from './encrypted-message.ts'

/**
 * A thread of `decrypt-pool.ts`: decrypts one message after the other. Threads are for machines
 * without the native module, which takes less time than the way to a thread.
 */

loadCipher({ native: false })

parentPort?.on('message', ({ id, authKey, packet }: DecryptRequest) => {
  const plain = decryptMessage(toBuffer(authKey), toBuffer(packet))
  const { buffer: memory } = packet
  const place = plain && { offset: plain.byteOffset, length: plain.length }
  const answer: DecryptAnswer = { id, place, memory }
  parentPort?.postMessage(answer, [memory])
})

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
