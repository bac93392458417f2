import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { withTimeout } from '../lib/waiting/with-timeout.ts'

/** Seconds: from a cached answer to a file of 2000 MB on a slow line. */
const LONG_SECONDS = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600]
export const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Figures that are counted as things happen. All labels come from small fixed sets. */
export interface Instruments {
  uploads: Counter<'outcome' | 'road'>
  uploadSeconds: Histogram
  downloads: Counter<'outcome' | 'road'>
  archives: Counter<'outcome'>
  bytes: Counter<'direction'>
  attempts: Counter<'cause' | 'retryable'>
  reads: Counter<'cause'>
  floodSeconds: Counter
  looks: Counter<'outcome'>
  messagesRead: Counter
  shareDownloads: Counter<'outcome'>
  sharePasswords: Counter<'outcome'>
  requests: Histogram<'method' | 'route' | 'status'>
}

export function createInstruments(registry: Registry): Instruments {
  const registers = [registry]
  return {
    uploads: new Counter({
      name: 'telestore_uploads_total',
      help: 'Uploads that ended, by outcome and by the road of their last attempt',
      labelNames: ['outcome', 'road'] as const,
      registers,
    }),
    uploadSeconds: new Histogram({
      name: 'telestore_upload_last_chunk_to_completed_seconds',
      help: 'Seconds from the moment all bytes of an upload were here to its file in Telegram',
      buckets: LONG_SECONDS,
      registers,
    }),
    downloads: new Counter({
      name: 'telestore_downloads_total',
      help: 'Bodies of downloads that ended, by outcome and by the road of their bytes',
      labelNames: ['outcome', 'road'] as const,
      registers,
    }),
    archives: new Counter({
      name: 'telestore_archives_total',
      help: 'Bodies of archives that ended, by outcome',
      labelNames: ['outcome'] as const,
      registers,
    }),
    bytes: new Counter({
      name: 'telestore_bytes_total',
      help: 'Bytes of files: received from clients, sent to Telegram, read from Telegram, served',
      labelNames: ['direction'] as const,
      registers,
    }),
    attempts: new Counter({
      name: 'telestore_transfer_failures_total',
      help: 'Attempts to send a file to Telegram that failed, by cause and by whether they are repeated',
      labelNames: ['cause', 'retryable'] as const,
      registers,
    }),
    reads: new Counter({
      name: 'telestore_read_failures_total',
      help: 'Blocks and documents that could not be read from Telegram, by cause',
      labelNames: ['cause'] as const,
      registers,
    }),
    floodSeconds: new Counter({
      name: 'telestore_flood_wait_seconds_total',
      help: 'Seconds that Telegram has asked transfers to wait',
      registers,
    }),
    looks: new Counter({
      name: 'telestore_library_looks_total',
      help: 'Looks at channels for what has changed in their libraries, by outcome',
      labelNames: ['outcome'] as const,
      registers,
    }),
    messagesRead: new Counter({
      name: 'telestore_library_messages_read_total',
      help: 'Messages of channels that were read for libraries',
      registers,
    }),
    shareDownloads: new Counter({
      name: 'telestore_share_downloads_total',
      help: 'Downloads by shares: counted, repeated within a visit, or refused as used-up or ended',
      labelNames: ['outcome'] as const,
      registers,
    }),
    sharePasswords: new Counter({
      name: 'telestore_share_passwords_total',
      help: 'Passwords of shares that were given: right, wrong, or throttled',
      labelNames: ['outcome'] as const,
      registers,
    }),
    requests: new Histogram({
      name: 'telestore_http_request_duration_seconds',
      help: 'Seconds from the request line to the end of the answer',
      labelNames: ['method', 'route', 'status'] as const,
      buckets: REQUEST_SECONDS,
      registers,
    }),
  }
}

export interface Reading<T> {
  name: string
  help: string
  /** Called when the figures are asked for. */
  read: () => T
}

/** A database that does not answer must not keep the other figures from a scrape. */
const READING_MS = 3_000

/**
 * A gauge that is read when it is asked for. It disappears while its reading is null, cannot be had, or
 * does not come.
 */
export function gauge(
  registry: Registry,
  { name, help, read }: Reading<number | Promise<number | null>>,
): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    async collect() {
      const value = await takeReading(read)
      if (value === null) this.remove()
      else this.set(value)
    },
  })
}

async function takeReading(read: () => number | Promise<number | null>): Promise<number | null> {
  const onTimeout = (): null => null
  try {
    const value = read()
    return typeof value === 'number'
      ? value
      : await withTimeout(value, { ms: READING_MS, onTimeout })
  } catch {
    return null
  }
}

/** A counter whose count is kept elsewhere, and read when it is asked for. */
export function counter(registry: Registry, { name, help, read }: Reading<number>): void {
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset()
      this.inc(read())
    },
  })
}

/** A gauge with one label. Values that are not there any more disappear. */
export function gauges(
  registry: Registry,
  { name, help, label, read }: Reading<Record<string, number>> & { label: string },
): void {
  new Gauge({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset()
      for (const [key, value] of Object.entries(read())) this.set({ [label]: key }, value)
    },
  })
}
