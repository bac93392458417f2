import { parentPort } from 'node:worker_threads'
import { loadCipher } from './cipher.ts'
import type { DecryptAnswer, DecryptRequest } from './decrypt-pool.ts'
import { decryptMessage } from './encrypted-message.ts'

/** A thread of `decrypt-pool.ts`: decrypts one message after the other. */

loadCipher()

parentPort?.on('message', ({ id, authKey, packet }: DecryptRequest) => {
  const plain = decryptMessage(toBuffer(authKey), toBuffer(packet))
  // The cipher's answer has memory of its own, and goes with the message.
  const bytes = plain && new Uint8Array(plain.buffer as ArrayBuffer, plain.byteOffset, plain.length)
  const answer: DecryptAnswer = { id, plain: bytes, memory: packet.buffer }
  parentPort?.postMessage(answer, bytes ? [bytes.buffer, packet.buffer] : [packet.buffer])
})

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
