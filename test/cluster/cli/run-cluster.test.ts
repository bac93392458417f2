import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { missingPrograms } from '../../helpers/cluster/programs.ts'
import { freePort, isFreePort } from '../../helpers/free-port.ts'
import { SOURCE_CONDITION } from '../../helpers/source-condition.ts'

const MAIN = fileURLToPath(new URL('../../../scripts/cluster/main.ts', import.meta.url))
const START_MS = 240_000

const missing = missingPrograms('postgres', 'versitygw', 'haproxy')

describe.skipIf(missing !== '')(`npm run cluster${missing}`, () => {
  test('starts nodes behind HAProxy that take a file, says what has ended, and ends with Ctrl-C', async () => {
    const port = await freePorts(3)
    const child = spawn(
      process.execPath,
      [SOURCE_CONDITION, MAIN, '--port', String(port), '--nodes', '2'],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    )
    const closed = once(child, 'close')
    onTestFinished(async () => {
      child.kill('SIGTERM')
      await closed
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    const said = (text: string | RegExp) =>
      vi.waitFor(() => expect(output).toMatch(text), { timeout: START_MS, interval: 100 })
    await said('Ctrl-C stops everything')

    const form = new FormData()
    form.set('file', new Blob(['hello']), 'hello.txt')
    form.set('authToken', 'demo')
    const answer = await fetch(`http://127.0.0.1:${port}/upload`, { method: 'POST', body: form })
    child.stdin.write('kill node-2\n')
    await said('node-2 has ended by SIGKILL')
    child.kill('SIGINT')
    const [code] = await closed

    expect(await answer.json()).toMatchObject({ fileName: 'hello.txt', size: 5 })
    expect(code).toBe(0)
    expect(await isFreePort(port + 1)).toBe(true)
  })
})

/** The first of so many free ports in a row. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = await freePort()
    const others = Array.from({ length: count - 1 }, (_, index) => isFreePort(first + index + 1))
    if ((await Promise.all(others)).every(Boolean)) return first
  }
}
