import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createFakeGateway } from './helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from './helpers/worker/app.ts'

/** What the dashboard asks for, held against what the worker tells. */

interface Dashboard {
  panels: { id: number; title: string; targets: { expr: string }[] }[]
}

const dashboard: Dashboard = JSON.parse(
  readFileSync(new URL('../ops/grafana.json', import.meta.url), 'utf8'),
)

test('every figure of the dashboard is one that the worker has', async () => {
  const { url } = await startWorker({
    gateway: createFakeGateway(),
    credentials: testCredentials,
  })
  const answer = await fetch(`${url}/metrics`, { headers: { accept: 'text/plain' } })
  const types = [...(await answer.text()).matchAll(/^# TYPE (\S+) (\w+)$/gm)]
  const told = new Set(types.flatMap(([, name = '', type]) => seriesOf(name, type)))

  const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
  const asked = expressions.flatMap((expr) => expr.match(/\b(telestore|process|nodejs)_\w+/g) ?? [])

  expect(asked.length).toBeGreaterThan(20)
  expect(asked.filter((name) => !told.has(name))).toEqual([])
})

test('every panel has a place of its own', () => {
  const ids = dashboard.panels.map(({ id }) => id)

  expect(new Set(ids).size).toBe(ids.length)
})

function seriesOf(name: string, type: string | undefined): string[] {
  return type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]
}
