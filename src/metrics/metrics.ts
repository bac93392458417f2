import { collectDefaultMetrics, Registry } from 'prom-client'
import type { FollowMetrics, Metrics, ShareMetrics, UploadMetrics } from '../core/ports/metrics.ts'
import type { TelegramGateway } from '../core/ports/telegram.ts'
import { createInstruments } from './instruments.ts'
import { meterGateway } from './metered-gateway.ts'
import { addReadings, type Readings } from './readings.ts'
import { summarize } from './summary.ts'
import { createUploadMetrics } from './upload-metrics.ts'

/** Gauges of prom-client with names of counters, which Prometheus' own linter refuses. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** Adds figures to those of the worker. */
export type AddFigures = (registry: Registry) => void

export interface MetricsRegistry {
  /** Where core reports uploads. */
  uploads: UploadMetrics
  /** Where core reports looks at channels. */
  follow: FollowMetrics
  /** Where uses of shares are reported. */
  shares: ShareMetrics
  /** Returns a gateway that counts what passes through it. */
  meterGateway: (gateway: TelegramGateway) => TelegramGateway
  /** Adds figures of another room. */
  add: (figures: AddFigures) => void
  /** Adds what is read only when it is asked for, and returns what gives all figures out. */
  open: (readings: Readings) => Metrics
}

export function createMetricsRegistry(): MetricsRegistry {
  const registry = new Registry()
  const instruments = createInstruments(registry)
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  const uploads = createUploadMetrics(instruments)

  return {
    uploads,
    follow: {
      read: (messages) => instruments.messagesRead.inc(messages),
      looked: (outcome) => instruments.looks.inc({ outcome }),
    },
    shares: {
      downloaded: (outcome) => instruments.shareDownloads.inc({ outcome }),
      guessed: (outcome) => instruments.sharePasswords.inc({ outcome }),
    },
    meterGateway: (gateway) => meterGateway(gateway, instruments, uploads.noteRoad),
    add: (figures) => figures(registry),
    open: (readings) => {
      addReadings(registry, readings)
      return {
        json: () => summarize(instruments, readings),
        text: async () => ({
          contentType: registry.contentType,
          body: await registry.metrics(),
        }),
        answered: ({ method, route, status, seconds }) =>
          instruments.requests.observe({ method, route, status }, seconds),
        downloaded: ({ outcome, road, bytes }) => {
          instruments.downloads.inc({ outcome, road })
          instruments.bytes.inc({ direction: 'served' }, bytes)
        },
        archived: ({ outcome, bytes }) => {
          instruments.archives.inc({ outcome })
          instruments.bytes.inc({ direction: 'served' }, bytes)
        },
      }
    },
  }
}
