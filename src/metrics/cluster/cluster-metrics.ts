import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type {
  ClusterMetrics,
  EndedStoreCall,
  LeaseEvent,
} from '../../core/ports/cluster/metrics.ts'
import { counter, gauge, gauges, REQUEST_SECONDS } from '../instruments.ts'

/** What is read when the figures are asked for. */
export interface ClusterReadings {
  /** Nodes that have been heard of, this one included. */
  nodes: () => Promise<number | null>
  /** Connections to the database, and calls that wait for one. */
  connections: () => { busy: number; idle: number; waiting: number }
  /** Copies of chunks on this node's disk. */
  chunkCache: () => { bytes: number; hits: number; misses: number }
}

/** The figures of a node of a cluster. A worker that is alone has none of them. */
export interface ClusterFigures extends ClusterMetrics {
  /** Adds them to those of the worker. */
  register: (registry: Registry, readings: ClusterReadings) => void
}

export function createClusterFigures(): ClusterFigures {
  const instruments = createInstruments()
  const { leases, leasesHeld, claims, fenced, questions, calls, statements } = instruments
  const held = new Set<string>()
  beginAtZero(instruments)

  return {
    lease: (name, event) => {
      const kind = kindOf(name)
      leases.inc({ kind, event })
      if (event === 'taken' || event === 'taken-over') held.add(name)
      else if (event !== 'elsewhere') held.delete(name)
      leasesHeld.set({ kind }, [...held].filter((each) => kindOf(each) === kind).length)
    },
    claimed: (outcome) => claims.inc({ outcome }),
    fenced: () => fenced.inc(),
    asked: ({ kind, outcome, seconds }) => questions.observe({ kind, outcome }, seconds),
    stored: ({ call, outcome, seconds }) => calls.observe({ call, outcome }, seconds),
    statement: () => statements.inc(),
    register: (registry, readings) => {
      for (const each of Object.values(instruments)) registry.registerMetric(each)
      addReadings(registry, readings)
    },
  }
}

const EVENTS: readonly LeaseEvent[] = ['taken', 'taken-over', 'elsewhere', 'released', 'lost']
const OUTCOMES: readonly EndedStoreCall['outcome'][] = ['ok', 'missing', 'failed']

/** What appears with its first event has not increased, to Prometheus: an alert would miss that one. */
function beginAtZero({ leases, leasesHeld, calls }: ReturnType<typeof createInstruments>): void {
  for (const event of EVENTS) leases.inc({ kind: 'account', event }, 0)
  leasesHeld.set({ kind: 'account' }, 0)
  for (const outcome of OUTCOMES) {
    for (const call of ['get', 'put']) calls.zero({ call, outcome })
  }
}

/** What stands before the colon says what is held: `account`, `stream`, `job`, `sweep`. */
function kindOf(name: string): string {
  return name.split(':', 1)[0] ?? name
}

function createInstruments() {
  const registers: Registry[] = []
  return {
    leases: new Counter({
      name: 'telestore_leases_total',
      help: 'Leases that were taken, taken over from a node that stood still, found elsewhere, released or lost, by what they are of',
      labelNames: ['kind', 'event'] as const,
      registers,
    }),
    leasesHeld: new Gauge({
      name: 'telestore_leases_held',
      help: 'Leases that this node holds, by what they are of',
      labelNames: ['kind'] as const,
      registers,
    }),
    claims: new Counter({
      name: 'telestore_transfer_claims_total',
      help: 'Uploads that this node has tried to claim, by outcome: claimed, or ended before',
      labelNames: ['outcome'] as const,
      registers,
    }),
    fenced: new Counter({
      name: 'telestore_fenced_writes_total',
      help: 'Writes of transfers that were refused, because another node carries the upload',
      registers,
    }),
    questions: new Histogram({
      name: 'telestore_peer_question_duration_seconds',
      help: 'Seconds until a question to another node had its answer, by kind and outcome',
      labelNames: ['kind', 'outcome'] as const,
      buckets: REQUEST_SECONDS,
      registers,
    }),
    calls: new Histogram({
      name: 'telestore_object_store_call_duration_seconds',
      help: 'Seconds that calls to the object store took, with their repetitions, by call and outcome',
      labelNames: ['call', 'outcome'] as const,
      buckets: REQUEST_SECONDS,
      registers,
    }),
    statements: new Counter({
      name: 'telestore_database_statements_total',
      help: 'Statements that were sent to the database',
      registers,
    }),
  }
}

function addReadings(registry: Registry, readings: ClusterReadings): void {
  const { nodes, connections, chunkCache } = readings
  gauge(registry, {
    name: 'telestore_nodes',
    help: 'Nodes of the cluster that have been heard of, this one included',
    read: nodes,
  })
  gauges(registry, {
    name: 'telestore_database_connections',
    help: 'Connections to the database that are busy or idle, and calls that wait for one',
    label: 'state',
    read: () => ({ ...connections() }),
  })
  gauge(registry, {
    name: 'telestore_chunk_cache_bytes',
    help: "Bytes of copies of chunks on this node's disk",
    read: () => chunkCache().bytes,
  })
  counter(registry, {
    name: 'telestore_chunk_cache_hits_total',
    help: "Reads of chunks that found a copy on this node's disk",
    read: () => chunkCache().hits,
  })
  counter(registry, {
    name: 'telestore_chunk_cache_misses_total',
    help: 'Reads of chunks that had to ask the object store',
    read: () => chunkCache().misses,
  })
}
