import { readJson, removeText, writeText } from '../state/storage.ts'

/**
 * The Bot API's ids of this user's files that this browser has uploaded, by message. A link needs one
 * where a bot alone serves the channel, because bots cannot read messages.
 */
export interface FileIds {
  of: (messageId: number) => string | null
  add: (messageId: number, fileId: string | null) => void
}

const MOST = 500

export function createFileIds(userKey: string): FileIds {
  const name = `${userKey}:file-ids`
  // Another tab may have written since.
  const read = (): unknown[] => {
    const kept = readJson(localStorage, name)
    return Array.isArray(kept) ? kept : []
  }
  function add(messageId: number, fileId: string | null): void {
    if (fileId === null) return
    const pairs = [[messageId, fileId], ...read()].slice(0, MOST)
    writeText(localStorage, name, JSON.stringify(pairs))
  }

  // An earlier version of the page kept a list of its own.
  const old = readJson(localStorage, `${userKey}:library`)
  for (const { messageId, fileId } of Array.isArray(old) ? old.map(Object) : []) {
    if (typeof messageId === 'number' && typeof fileId === 'string') add(messageId, fileId)
  }
  for (const each of ['library', 'hidden']) removeText(localStorage, `${userKey}:${each}`)

  return {
    add,
    of: (messageId) => {
      const found = read().find((pair) => Array.isArray(pair) && pair[0] === messageId)
      return Array.isArray(found) ? String(found[1]) : null
    },
  }
}
