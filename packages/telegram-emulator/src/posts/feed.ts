import type { Change } from '../store/changes.ts'

/** `by`: the session whose call made the change; null for the Bot API. */
export type ChangeListener = (change: Change, by: string | null) => void

/** Passes each change of a channel to listeners, once it is stored. */
export interface ChangeFeed {
  listen: (listener: ChangeListener) => void
  emit: ChangeListener
}

/** A listener that throws does not harm the call that made the change. */
export function createChangeFeed(log: (line: string) => void): ChangeFeed {
  const listeners: ChangeListener[] = []
  return {
    listen: (listener) => void listeners.push(listener),
    emit: (change, by) => {
      for (const listener of listeners) {
        try {
          listener(change, by)
        } catch (error) {
          log(`a change was not passed on: ${error instanceof Error ? error.stack : error}`)
        }
      }
    },
  }
}
