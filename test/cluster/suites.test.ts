import { globSync } from 'node:fs'
import { expect, test } from 'vitest'
import { BY_HTTP, OTHERS } from '../helpers/cluster/suites/suites.ts'

test('each suite of HTTP and of whole workers runs on many nodes, or has a reason why not', () => {
  const all = globSync('test/{http,e2e}/**/*.test.ts').sort()

  expect([...BY_HTTP, ...Object.keys(OTHERS)].sort()).toEqual(all)
})
