import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { TransferJournal } from '../ports/telegram.ts'

/** The same, after the disk has refused. */
const AGAIN_MS = 2_000

export interface FlushingJournal extends TransferJournal {
  /** Writes what is not written yet; called when the transfer pauses or ends. Does not reject. */
  flush: () => Promise<void>
}

/** Where one transfer is kept. */
export type JournalLedger = Pick<
  Ledger,
  'transfer' | 'saveTransfer' | 'deleteTransfer' | 'acknowledgedParts' | 'saveAcknowledgedParts'
>

export interface JournalOptions {
  /** Milliseconds until an acknowledged part is noted: losing it only sends the part again. */
  partsNotedMs: number
  log: Log
}

/**
 * A transfer's memory in the ledger: one row, and one bitmap of acknowledged parts. Rejects where
 * the ledger cannot be read.
 */
export async function openTransferJournal(
  uploadId: string,
  ledger: JournalLedger,
  { partsNotedMs, log }: JournalOptions,
): Promise<FlushingJournal> {
  let parts = await ledger.acknowledgedParts(uploadId)
  /** Set while something is not written yet. */
  let timer: NodeJS.Timeout | undefined
  /** Ends with the last write: of two bitmaps the newer one must come last. */
  let writing: Promise<void> = Promise.resolve()

  function write(): Promise<void> {
    if (timer !== undefined) {
      clearTimeout(timer)
      timer = undefined
      writing = writing.then(writeParts)
    }
    return writing
  }

  async function writeParts(): Promise<void> {
    try {
      await ledger.saveAcknowledgedParts(uploadId, parts)
    } catch (error) {
      log.warn({ uploadId, err: error }, 'acknowledged parts cannot be noted yet')
      timer ??= setTimeout(write, AGAIN_MS)
    }
  }

  function mark(part: number, present: boolean): void {
    const at = part >> 3
    if (at >= parts.length) parts = enlarged(parts, at)
    const bit = 1 << (part & 7)
    const byte = parts[at] ?? 0
    parts[at] = present ? byte | bit : byte & ~bit
    timer ??= setTimeout(write, partsNotedMs)
  }

  function stopTimer(): void {
    clearTimeout(timer)
    timer = undefined
  }

  return {
    load: () => ledger.transfer(uploadId),
    save: async (state) => {
      await write()
      await ledger.saveTransfer(uploadId, state)
    },
    hasPart: (part) => ((parts[part >> 3] ?? 0) & (1 << (part & 7))) !== 0,
    addPart: (part) => mark(part, true),
    removePart: (part) => mark(part, false),
    reset: async () => {
      stopTimer()
      parts = new Uint8Array()
      await writing
      await ledger.deleteTransfer(uploadId)
    },
    flush: async () => {
      await write()
      stopTimer()
    },
  }
}

/** The bitmap with room for the byte at `at`, and as much again so that it is copied seldom. */
function enlarged(bitmap: Uint8Array, at: number): Uint8Array {
  const larger = new Uint8Array((at + 1) * 2)
  larger.set(bitmap)
  return larger
}
