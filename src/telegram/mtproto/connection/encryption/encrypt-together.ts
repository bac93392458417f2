import { encryptMessages, type OutgoingMessage } from './encrypted-message.ts'

/** Encrypts a message, if need be with others; see `createEncryption`. */
export type EncryptLarge = (message: OutgoingMessage) => Promise<Buffer>

/** So many messages take the processor as long as one. */
const MAX_TOGETHER = 4
/**
 * How long the first of them waits for the others. An answer of Telegram takes longer, and where
 * messages come this close many parts are on their way: waiting costs no speed.
 */
const GATHER_MS = 12

interface Waiting {
  message: OutgoingMessage
  resolve: (packet: Buffer) => void
  reject: (error: unknown) => void
}

/**
 * Gathers large messages of all connections, to encrypt four at once. One that comes alone is
 * encrypted at once: only those that follow others within 12 ms wait, for as long at the most.
 */
export function createEncryption(encrypt: typeof encryptMessages): EncryptLarge {
  let waiting: Waiting[] = []
  let timer: NodeJS.Timeout | undefined
  let encryptedAt = Number.NEGATIVE_INFINITY

  function encryptWaiting(): void {
    clearTimeout(timer)
    const together = waiting
    waiting = []
    try {
      const packets = encrypt(together.map(({ message }) => message))
      for (const [index, { resolve }] of together.entries()) resolve(packets[index] as Buffer)
    } catch (error) {
      for (const { reject } of together) reject(error)
    }
    encryptedAt = performance.now()
  }

  return (message) =>
    new Promise((resolve, reject) => {
      const waitMs = encryptedAt + GATHER_MS - performance.now()
      waiting.push({ message, resolve, reject })
      if (waiting.length === MAX_TOGETHER || waitMs <= 0) encryptWaiting()
      else if (waiting.length === 1) timer = setTimeout(encryptWaiting, waitMs)
    })
}

/** One for the process, because one processor encrypts for all connections. */
export const encryptLarge = createEncryption(encryptMessages)
