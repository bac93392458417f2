import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** Seconds: from a cached answer to a file of 2000 MB on a slow line. */
const LONG_SECONDS = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600]
const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** What is counted as it happens. All labels come from small fixed sets. */
export type Instruments = ReturnType<typeof createInstruments>

export function createInstruments(registry: Registry) {
  const registers = [registry]
  return {
    uploads: new Counter({
      name: 'telestore_uploads_total',
      help: 'Uploads that ended, by outcome and by the road their last attempt took',
      labelNames: ['outcome', 'road'] as const,
      registers,
    }),
    uploadSeconds: new Histogram({
      name: 'telestore_upload_last_chunk_to_completed_seconds',
      help: 'From the last progress of the client (its last chunk) to the file in Telegram',
      buckets: LONG_SECONDS,
      registers,
    }),
    downloads: new Counter({
      name: 'telestore_downloads_total',
      help: 'Bodies of downloads that ended, by outcome and by the road their bytes came',
      labelNames: ['outcome', 'road'] as const,
      registers,
    }),
    bytes: new Counter({
      name: 'telestore_bytes_total',
      help: 'Bytes of files: acknowledged to clients, taken by Telegram, read from it, served',
      labelNames: ['direction'] as const,
      registers,
    }),
    attempts: new Counter({
      name: 'telestore_transfer_failures_total',
      help: 'Attempts to carry a file to Telegram that failed, by cause and whether they are tried again',
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
      help: 'Seconds transfers were asked to wait by Telegram',
      registers,
    }),
    requests: new Histogram({
      name: 'telestore_http_request_duration_seconds',
      help: 'From the request line to the end of the answer',
      labelNames: ['method', 'route', 'status'] as const,
      buckets: REQUEST_SECONDS,
      registers,
    }),
  }
}

/** A gauge that is read when it is asked for; null: nobody can say at this moment. */
export function gauge(
  registry: Registry,
  name: string,
  help: string,
  read: () => number | Promise<number | null>,
): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    async collect() {
      const value = await read()
      if (value === null) this.remove()
      else this.set(value)
    },
  })
}

/** A counter that somebody else counts, read when it is asked for. */
export function counter(
  registry: Registry,
  { name, help, read }: { name: string; help: string; read: () => number },
): void {
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
  {
    name,
    help,
    label,
    read,
  }: { name: string; help: string; label: string; read: () => Record<string, number> },
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
