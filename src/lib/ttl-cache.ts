export interface TtlCacheOptions {
  /** Entries beyond this number push out the ones longest unused. */
  maxEntries: number
  now?: () => number
}

export interface TtlCache<V> {
  get: (key: string) => V | undefined
  set: (key: string, value: V, ttlMs: number) => void
  delete: (key: string) => void
  /**
   * The cached value, or what `load` finds; calls that come while it loads share its promise.
   * `ttlFor` says for how many milliseconds the value is kept. A rejection is shared, never kept.
   */
  load: (key: string, load: () => Promise<V>, ttlFor: (value: V) => number) => Promise<V>
  readonly size: number
}

/** A bounded map whose entries expire, least recently used first out, with single-flight loading. */
export function createTtlCache<V>({ maxEntries, now = Date.now }: TtlCacheOptions): TtlCache<V> {
  const entries = new Map<string, { value: V; expiresAt: number }>()
  const loading = new Map<string, Promise<V>>()

  function get(key: string): V | undefined {
    const entry = entries.get(key)
    if (!entry) return undefined
    entries.delete(key)
    if (entry.expiresAt <= now()) return undefined
    entries.set(key, entry)
    return entry.value
  }

  function set(key: string, value: V, ttlMs: number): void {
    entries.delete(key)
    if (ttlMs <= 0) return
    entries.set(key, { value, expiresAt: now() + ttlMs })
    if (entries.size > maxEntries) {
      const [oldest] = entries.keys()
      if (oldest !== undefined) entries.delete(oldest)
    }
  }

  return {
    get,
    set,
    delete: (key) => void entries.delete(key),
    load: (key, load, ttlFor) => {
      const cached = get(key)
      if (cached !== undefined) return Promise.resolve(cached)
      const running = loading.get(key)
      if (running !== undefined) return running
      const started = load()
        .then((value) => {
          set(key, value, ttlFor(value))
          return value
        })
        .finally(() => loading.delete(key))
      loading.set(key, started)
      return started
    },
    get size() {
      return entries.size
    },
  }
}
