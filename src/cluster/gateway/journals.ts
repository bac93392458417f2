import { randomUUID } from 'node:crypto'
import type { PostJournal, PostNote } from '../../core/ports/channel.ts'
import { AppError } from '../../errors.ts'

/** The journals of posts that other nodes make for this one. */
export interface OpenJournals {
  /** Runs `work` while the journal can be written by its name, which nobody else knows. */
  lend: <T>(journal: PostJournal, work: (name: string) => Promise<T>) => Promise<T>
  /**
   * Resolves when the note survives the death of the process. Rejects with LEASE_LOST where nobody waits
   * for that post any more: another try of it may be under way.
   */
  save: (name: string, note: PostNote) => Promise<void>
}

export function createOpenJournals(): OpenJournals {
  const journals = new Map<string, PostJournal>()
  return {
    lend: async (journal, work) => {
      const name = randomUUID()
      journals.set(name, journal)
      try {
        return await work(name)
      } finally {
        journals.delete(name)
      }
    },
    save: async (name, note) => {
      const journal = journals.get(name)
      if (!journal) throw new AppError('LEASE_LOST', 'Nobody waits for this post any more')
      await journal.save(note)
    },
  }
}
