import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Ledger } from '../core/ports/ledger.ts'
import type { Metrics } from '../core/ports/metrics.ts'
import type { Road } from '../core/ports/records.ts'
import type { TelegramGateway } from '../core/ports/telegram.ts'
import { createInstruments } from './instruments.ts'
import { meterGateway } from './metered-gateway.ts'
import { meterLedger } from './metered-ledger.ts'
import { addReadings, type Readings } from './readings.ts'
import { summarize } from './summary.ts'

/** Gauges of prom-client with names of counters, which Prometheus' own linter refuses. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

export interface MetricsRoom {
  /** The ports, counting. */
  meterLedger: <L extends Ledger>(ledger: L) => L
  meterGateway: (gateway: TelegramGateway) => TelegramGateway
  /** Once everything that is read is there. */
  open: (readings: Readings) => Metrics
}

export function createMetricsRoom(): MetricsRoom {
  const registry = new Registry()
  const instruments = createInstruments(registry)
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  let noteRoad = (_uploadId: string, _road: Road): void => {}

  return {
    meterLedger: (ledger) => {
      const metered = meterLedger(ledger, instruments)
      noteRoad = metered.noteRoad
      return metered.ledger
    },
    meterGateway: (gateway) =>
      meterGateway(gateway, instruments, (uploadId, road) => noteRoad(uploadId, road)),
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
      }
    },
  }
}
