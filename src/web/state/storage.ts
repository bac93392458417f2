/** Access to localStorage and sessionStorage, which fails in private windows and with full disks. */

const PREFIX = 'telestore-page:'

export function readText(storage: Storage, name: string): string | null {
  try {
    return storage.getItem(PREFIX + name)
  } catch {
    return null
  }
}

/** Returns whether it was written. When it was not, the page goes on and remembers less. */
export function writeText(storage: Storage, name: string, text: string): boolean {
  try {
    storage.setItem(PREFIX + name, text)
    return true
  } catch {
    return false
  }
}

export function removeText(storage: Storage, name: string): void {
  try {
    storage.removeItem(PREFIX + name)
  } catch {
    // It was never written.
  }
}

/** Returns the names with this beginning, without the prefix of the page. */
export function namesBelow(storage: Storage, beginning: string): string[] {
  try {
    return Object.keys(storage)
      .filter((name) => name.startsWith(PREFIX + beginning))
      .map((name) => name.slice(PREFIX.length))
  } catch {
    return []
  }
}

/** Returns the parsed JSON, or null when it is missing or damaged. */
export function readJson(storage: Storage, name: string): unknown {
  try {
    return JSON.parse(readText(storage, name) ?? 'null')
  } catch {
    return null
  }
}

/** Whether another tab has written or removed this name. */
export function concernsName(event: StorageEvent, name: string): boolean {
  return event.key === PREFIX + name
}
