import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { AppError } from '../../errors.ts'
import { createSemaphore, type Semaphore } from '../../lib/concurrency/semaphore.ts'
import type { SharePassword } from '../ports/shares.ts'

/** One of OWASP's choices for scrypt: 16 MB of memory, and some 200 ms of a core. */
const COST = { N: 2 ** 14, r: 8, p: 5 }
const SALT_BYTES = 16
const HASH_BYTES = 32
/** Guesses that wait for their turn. */
const MAX_WAITING = 32

/** Passwords of shares, of which the ledger keeps salted hashes. */
export interface Passwords {
  /** Rejects with BUSY where many are asked for at once. */
  hash: (password: string) => Promise<SharePassword>
  /** Whether it is the password. It takes the same time in either case. Rejects with BUSY. */
  matches: (password: string, kept: SharePassword) => Promise<boolean>
}

export interface PasswordsOptions {
  /** What a guess costs; scrypt's own names. */
  cost?: { N: number; r: number; p: number }
}

export function createPasswords({ cost = COST }: PasswordsOptions = {}): Passwords {
  // One at a time of either kind, because each takes a thread of those that files need as well. A
  // crowd that guesses does not keep owners from sharing.
  const owners = createSemaphore(1)
  const guessers = createSemaphore(1)

  async function derive(turn: Semaphore, password: string, salt: Buffer): Promise<Buffer> {
    if (turn.waiting >= MAX_WAITING) {
      throw new AppError('BUSY', 'Too many passwords are being checked', { retryAfter: 5 })
    }
    const release = await turn.acquire(1)
    try {
      // Keyboards differ in how they write one letter.
      return await scryptOf(password.normalize('NFC'), salt, cost)
    } finally {
      release()
    }
  }

  return {
    hash: async (password) => {
      const salt = randomBytes(SALT_BYTES)
      const hash = await derive(owners, password, salt)
      return { salt: salt.toString('hex'), hash: hash.toString('hex') }
    },
    matches: async (password, { salt, hash }) => {
      const derived = await derive(guessers, password, Buffer.from(salt, 'hex'))
      return timingSafeEqual(derived, Buffer.from(hash, 'hex'))
    },
  }
}

function scryptOf(password: string, salt: Buffer, cost: typeof COST): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, cost, (error, key) => (error ? reject(error) : resolve(key)))
  })
}
