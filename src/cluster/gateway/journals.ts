import { randomUUID } from 'node:crypto'
import { AppError } from '../../errors.ts'

export interface Journal<Note> {
  save: (note: Note) => Promise<void>
}

/** The journals of posts that other nodes make for this one. */
export interface OpenJournals<Note> {
  /** Runs `work` while the journal can be written by its name, which nobody else knows. */
  lend: <T>(journal: Journal<Note>, work: (name: string) => Promise<T>) => Promise<T>
  /**
   * Resolves when the note survives the death of the process. Rejects with LEASE_LOST where nobody waits
   * for that post any more: another try of it may be under way.
   */
  save: (name: string, note: Note) => Promise<void>
}

export function createOpenJournals<Note>(): OpenJournals<Note> {
  const journals = new Map<string, Journal<Note>>()
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
