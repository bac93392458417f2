import { readdirSync, readFileSync } from 'node:fs'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { createClusterFigures } from '../src/metrics/cluster/cluster-metrics.ts'
import { createFakeGateway } from './helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from './helpers/worker/app.ts'

/** What the dashboard and the alert rules ask for, held against what the worker tells. */

interface Dashboard {
  panels: { id: number; title: string; targets: { expr: string }[] }[]
}

const dashboard: Dashboard = JSON.parse(readOps('grafana.json'))

const rules = readOps('alerts.yaml')
const guide = readOps('../docs/cluster.md')

test.each([
  ['the dashboard', dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)), 30],
  ['the alert rules', [rules.replaceAll(/#.*$/gm, '')], 15],
  ["the guide to clusters' faults", [guide], 10],
])('every figure of %s is one that the worker has', async (_name, expressions, least) => {
  const { url } = await startWorker({
    gateway: createFakeGateway(),
    credentials: testCredentials,
  })
  const answer = await fetch(`${url}/metrics`, { headers: { accept: 'text/plain' } })
  const told = new Set([...seriesIn(await answer.text()), ...seriesIn(await clusterFigures())])

  const asked = expressions.flatMap((expr) => expr.match(/\b(telestore|process|nodejs)_\w+/g) ?? [])

  expect(new Set(asked).size).toBeGreaterThan(least)
  expect(asked.filter((name) => !told.has(name))).toEqual([])
})

test('every line of a log that the guide names stands in the sources', () => {
  const [, table = ''] = guide.split('| fault |')
  const rows = table.split('\n').filter((row) => row.startsWith('| '))
  const quoted = rows.flatMap((row) => [...(row.split(' | ')[2] ?? '').matchAll(/`([^`]+)`/g)])
  const lines = quoted.map(([, line = '']) => line).filter((line) => line.includes(' '))
  const sources = readdirSync(new URL('../src', import.meta.url), { recursive: true })
    .filter((name) => /(cluster|postgres|object-spool).*\.ts$/.test(String(name)))
    .map((name) => readOps(`../src/${name}`))
    .join('\n')

  expect(lines.length).toBeGreaterThan(6)
  expect(lines.filter((line) => !sources.includes(line))).toEqual([])
})

test('every alert has a severity, a sentence, and a name of its own', () => {
  const alerts = rules.split(/^ {6}- alert: /m).slice(1)
  const names = alerts.map((alert) => alert.split('\n', 1)[0])

  expect(new Set(names).size).toBe(names.length)
  for (const alert of alerts) {
    expect(alert).toMatch(/^ {8}labels: \{ severity: (info|warning|critical) \}$/m)
    expect(alert).toMatch(/^ {10}summary: \S/m)
  }
})

test('every panel has a place of its own', () => {
  const ids = dashboard.panels.map(({ id }) => id)

  expect(new Set(ids).size).toBe(ids.length)
})

function readOps(name: string): string {
  return readFileSync(new URL(`../ops/${name}`, import.meta.url), 'utf8')
}

/** Those that only a node of a cluster has. */
async function clusterFigures(): Promise<string> {
  const registry = new Registry()
  createClusterFigures().register(registry, {
    nodes: async () => 1,
    connections: () => ({ busy: 0, idle: 0, waiting: 0 }),
    chunkCache: () => ({ bytes: 0, hits: 0, misses: 0 }),
  })
  return registry.metrics()
}

function seriesIn(text: string): string[] {
  const types = [...text.matchAll(/^# TYPE (\S+) (\w+)$/gm)]
  return types.flatMap(([, name = '', type]) => seriesOf(name, type))
}

function seriesOf(name: string, type: string | undefined): string[] {
  return type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]
}
