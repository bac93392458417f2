export interface TtlCacheOptions<V> {
  /** Entries beyond this number push out the ones longest unused. */
  maxEntries: number
  /** For how many entries a value counts; 1 by default. The newest value stays in any case. */
  weigh?: (value: V) => number
  now?: () => number
}

export interface TtlCache<V> {
  get: (key: string) => V | undefined
  set: (key: string, value: V, ttlMs: number) => void
  delete: (key: string) => void
  /** The same for all keys that fit. */
  deleteAll: (fits: (key: string) => boolean) => void
  /**
   * The cached value, or what `load` finds; calls that come while it loads share its promise.
   * `ttlFor` says for how many milliseconds the value is kept. A rejection is shared, never kept;
   * neither is a value whose key was set or deleted while it was loading.
   */
  load: (key: string, load: () => Promise<V>, ttlFor: (value: V) => number) => Promise<V>
  readonly size: number
}

/** A bounded map whose entries expire, least recently used first out, with single-flight loading. */
export function createTtlCache<V>({
  maxEntries,
  weigh = () => 1,
  now = () => performance.now(),
}: TtlCacheOptions<V>): TtlCache<V> {
  const entries = new Map<string, { value: V; expiresAt: number }>()
  const loading = new Map<string, Promise<V>>()
  let weight = 0

  function get(key: string): V | undefined {
    const entry = entries.get(key)
    if (!entry) return undefined
    if (entry.expiresAt <= now()) {
      drop(key)
      return undefined
    }
    entries.delete(key)
    entries.set(key, entry)
    return entry.value
  }

  function drop(key: string): void {
    const entry = entries.get(key)
    if (entry && entries.delete(key)) weight -= weigh(entry.value)
  }

  function forget(key: string): void {
    drop(key)
    loading.delete(key)
  }

  function set(key: string, value: V, ttlMs: number): void {
    forget(key)
    if (ttlMs <= 0) return
    entries.set(key, { value, expiresAt: now() + ttlMs })
    weight += weigh(value)
    for (const oldest of entries.keys()) {
      if (weight <= maxEntries || entries.size === 1) return
      drop(oldest)
    }
  }

  return {
    get,
    set,
    delete: forget,
    deleteAll: (fits) => {
      for (const key of [...entries.keys(), ...loading.keys()]) if (fits(key)) forget(key)
    },
    load: (key, load, ttlFor) => {
      const cached = get(key)
      if (cached !== undefined) return Promise.resolve(cached)
      const running = loading.get(key)
      if (running !== undefined) return running
      const started = startLoading(load)
        .then((value) => {
          if (loading.get(key) === started) set(key, value, ttlFor(value))
          return value
        })
        .finally(() => {
          if (loading.get(key) === started) loading.delete(key)
        })
      loading.set(key, started)
      return started
    },
    get size() {
      return entries.size
    },
  }
}

/** A `load` that throws before it has a promise rejects like any other. */
async function startLoading<V>(load: () => Promise<V>): Promise<V> {
  return load()
}
