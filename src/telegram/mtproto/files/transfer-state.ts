import { randomBytes } from 'node:crypto'
import type { MtprotoTransferState } from '../../../core/ports/records.ts'
import type { TransferJournal } from '../../../core/ports/telegram.ts'
import type { Account } from '../account/account.ts'

/** Milliseconds for which Telegram is trusted to keep parts. */
export const PART_TTL_MS = 3_600_000

/** Names the key and data centre that hold an account's parts. */
export function partsHolderOf(account: Account): string {
  return `${account.id}@${account.dcId}`
}

export interface StateOptions {
  journal: TransferJournal
  road: MtprotoTransferState['road']
  partsHolder: string
  partTtlMs: number
  /** The worker's time, by which parts have their age: the machine's clock may be set. */
  now: () => number
}

/**
 * The state to go on with. Parts are of use only under the key, and in the data centre, that
 * took them, and for a while; otherwise the transfer starts over. A document that was made of
 * them outlives them, and so does the question whether it was posted.
 */
export async function resumeOrStart(options: StateOptions): Promise<MtprotoTransferState> {
  const { journal, road, partsHolder, partTtlMs, now } = options
  const saved = await journal.load()
  if (saved && saved.road !== 'bot-api' && saved.partsHolder === partsHolder) {
    if (saved.document !== null || now() - saved.startedAt < partTtlMs) return saved
  }
  return startOver({ journal, road, partsHolder, now })
}

/** Forgets the parts and begins with a new file id. */
export async function startOver(
  options: Omit<StateOptions, 'partTtlMs'>,
): Promise<MtprotoTransferState> {
  const { journal, road, partsHolder, now } = options
  const state: MtprotoTransferState = {
    road,
    partsHolder,
    fileId: randomLong(),
    startedAt: now(),
    document: null,
    randomId: null,
    newestMessageId: null,
    postAttempts: 0,
  }
  await journal.reset()
  await journal.save(state)
  return state
}

/** A random long that is not 0, decimal text. */
export function randomLong(): string {
  const value = randomBytes(8).readBigInt64LE(0)
  return (value === 0n ? 1n : value).toString()
}
